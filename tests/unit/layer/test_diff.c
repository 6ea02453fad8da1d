#include "base/vec.h"
#include "layer/diff.h"
#include "layer/layer.h"
#include "listing.h"
#include "sys/proc.h"

static const struct owner_policy recorded = { .kind = OWNER_RECORDED };
static const struct apply_options alone = { APPLY_LAYER, { .kind = OWNER_RECORDED }, NULL };

/* Make lower, change it through a real overlay by the script, and diff the upper. */
struct change {
	struct scratch scratch; /* l, u, w, m */
	int lower_fd, upper_fd;
};

static void change_done(struct change *change)
{
	if (change->lower_fd >= 0)
		(void)close(change->lower_fd);
	if (change->upper_fd >= 0)
		(void)close(change->upper_fd);
	scratch_done(&change->scratch);
}

DEFINE_AUTO_VALUE(change)

static int open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct change change_new(void)
{
	static const char *const dirs[] = { "l", "u", "w", "m" };
	struct change change = { .scratch = scratch_new() };

	for (size_t i = 0; i < COUNT(dirs); i++)
		assert_int_equal(mkdirat(change.scratch.fd, dirs[i], 0755), 0);
	change.lower_fd = open_dir(change.scratch.fd, "l");
	change.upper_fd = open_dir(change.scratch.fd, "u");
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(change.lower_fd, &alone);
	assert_ok(add_dir(sink, "d", 0755));
	assert_ok(add_file(sink, "d/a", "one"));
	assert_ok(add_file(sink, "d/b", "two"));
	assert_ok(add_dir(sink, "e", 0750));
	assert_ok(add_dir(sink, "e/f", 0755));
	assert_ok(add_file(sink, "e/f/g", "deep"));
	assert_ok(add_symlink(sink, "l", "d/a"));
	assert_ok(add_file(sink, "z", "last"));
	assert_ok(entry_sink_close(TAKE(sink)));
	return change;
}

/* Run the script in the merged directory; false when this machine lets us mount nothing. */
static bool run_overlay(const struct change *change, const char *script)
{
	AUTO_FREE char *full = xasprintf("mount -t overlay overlay -o "
					 "userxattr,lowerdir=l,upperdir=u,workdir=w m && "
					 "cd m && { %s\n} || exit 9",
			script);
	const char *argv[] = { "unshare", "-Urm", "sh", "-ec", full, NULL };
	const struct proc_spec spec = { .argv = argv, .dir_fd = change->scratch.fd };
	AUTO(proc_result) struct proc_result result = { 0 };

	assert_ok(proc_run(&spec, NULL, &result));
	if (result.status == 9)
		fail_msg("script failed: %s", strbuf_text(&result.err));
	return result.status == 0;
}

static void diff_text(const struct change *change, struct strbuf *out, struct diff_counts *counts)
{
	const struct diff_options options = { .policy = recorded,
		.lowers = { &change->lower_fd, 1 } };
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(out);
	struct diff_counts unused;

	assert_ok(diff_upper(change->upper_fd, &options, sink, counts ? counts : &unused));
}

/* Times of what the script made are now: shown as @now. */
static void hide_times(struct strbuf *text)
{
	struct strbuf out = { 0 };

	for (size_t i = 0; i < text->n; i++) {
		strbuf_add_char(&out, text->p[i]);
		if (text->p[i] != '@' || strspn(text->p + i + 1, "0123456789") < 10)
			continue;
		strbuf_add(&out, "now");
		i += 10;
	}
	strbuf_done(text);
	*text = out;
}

static const struct {
	const char *name, *script, *wanted;
} changes[] = {
	{ "nothing", "cat d/a >/dev/null", "" },
	{ "a write", "echo new >d/a", "d 755 0:0 @5 d\nf 644 0:0 @now d/a \"new\n\"\n" },
	{ "copied up, not changed", "chmod 600 d/a; chmod 644 d/a; touch -d @5 e; chmod 750 e",
			"" },
	{ "opened for writing, not written", ": >>d/b", "" },
	{ "same size and time, other content", "echo -n TWO >d/b; touch -d @5 d/b",
			"d 755 0:0 @5 d\nf 644 0:0 @5 d/b \"TWO\"\n" },
	{ "mode only", "chmod 4755 z", "f 4755 0:0 @5 z \"last\"\n" },
	{ "directory mode only", "chmod 1777 e/f", "d 750 0:0 @5 e\nd 1777 0:0 @5 e/f\n" },
	{ "made and removed again", "touch e/f/t; rm e/f/t", "" },
	{ "time only", "touch -d @9 z", "f 644 0:0 @9 z \"last\"\n" },
	{ "removal", "rm d/b z", "d 755 0:0 @now d\nwhiteout d/b\nwhiteout z\n" },
	{ "tree removal", "rm -r e", "whiteout e\n" },
	{ "new and removed", "touch n; rm n; mkdir o; rmdir o", "" },
	{ "opaque", "rm -r e; mkdir e; echo 1 >e/n",
			"d 755 0:0 @now e\nopaque e\nf 644 0:0 @now e/n \"1\n\"\n" },
	{ "opaque, empty", "rm -r e; mkdir e", "d 755 0:0 @now e\nopaque e\n" },
	{ "directory to file", "rm -r e; echo 1 >e", "f 644 0:0 @now e \"1\n\"\n" },
	{ "file to directory", "rm z; mkdir z; touch z/n",
			"d 755 0:0 @now z\nf 644 0:0 @now z/n \"\"\n" },
	{ "file to link", "ln -sf d/b z", "l 777 0:0 @now z -> d/b\n" },
	{ "link to directory", "rm l; mkdir l; touch l/x",
			"d 755 0:0 @now l\nf 644 0:0 @now l/x \"\"\n" },
	{ "directory to link", "rm -r d; ln -s e d", "l 777 0:0 @now d -> e\n" },
	{ "hard links, new", "echo 1 >e/one; ln e/one two; ln two e/f/three",
			"d 750 0:0 @now e\nd 755 0:0 @now e/f\nf 644 0:0 @now e/f/three \"1\n\"\n"
			"h e/one = e/f/three\nh two = e/f/three\n" },
	{ "hard link to a lower file", "ln d/a zz",
			"d 755 0:0 @5 d\nf 644 0:0 @5 d/a \"one\"\nh zz = d/a\n" },
	{ "rename", "mv z a", "f 644 0:0 @5 a \"last\"\nwhiteout z\n" },
	{ "renamed directory", "cp -a e x; rm -r e; mv x e2",
			"whiteout e\nd 750 0:0 @5 e2\nd 755 0:0 @5 e2/f\nf 644 0:0 @5 e2/f/g "
			"\"deep\"\n" },
	{ "replaced by rename", "echo new >n; touch -d @7 n; mv n z",
			"f 644 0:0 @7 z \"new\n\"\n" },
	{ "pipe", "mkfifo -m 600 p", "p 600 0:0 @now p\n" },
	{ "socket", "python3 -c 'import socket;socket.socket(socket.AF_UNIX).bind(\"s\")'", "" },
	{ "socket over a file",
			"rm z; python3 -c 'import "
			"socket;socket.socket(socket.AF_UNIX).bind(\"z\")'",
			"whiteout z\n" },
	{ "order", "mkdir a a-b; touch a/z a-b/z a.z; mv a/z a/y",
			"d 755 0:0 @now a\nf 644 0:0 @now a/y \"\"\nd 755 0:0 @now a-b\n"
			"f 644 0:0 @now a-b/z \"\"\nf 644 0:0 @now a.z \"\"\n" },
	{ "xattr", "setfattr -n user.k -v v z", "f 644 0:0 @5 z \"last\" user.k=v\n" },
	{ "root mode", "chmod 711 .", "d 711 0:0 @now /\n" },
};

static void sends_what_changed(void **state)
{
	for (size_t i = 0; i < COUNT(changes); i++) {
		AUTO(change) struct change change = change_new();
		AUTO(strbuf) struct strbuf is = { 0 };
		struct diff_counts counts = { 0 };

		note("%s", changes[i].name);
		if (!run_overlay(&change, changes[i].script)) {
			print_message("no overlay mounts in a user namespace here\n");
			change_done(&change);
			change = (struct change){ { xstrdup("/nonexistent"), -1 }, -1, -1 };
			skip();
		}
		diff_text(&change, &is, &counts);
		hide_times(&is);
		assert_string_equal(strbuf_text(&is), changes[i].wanted);
		size_t lines = 0;
		for (const char *p = changes[i].wanted; (p = strchr(p, '\n')); p++)
			lines += p[1] != '"';
		assert_int_equal(counts.entries + counts.whiteouts, lines);
	}
}

/* What the diff says, unpacked as a layer of its own, is an upper with the same diff. */
static void round_trip(const struct change *change)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(scratch) struct scratch layer = scratch_new();
	AUTO(strbuf) struct strbuf merged = { 0 };
	AUTO(strbuf) struct strbuf again = { 0 };
	const struct diff_options options = { .policy = recorded,
		.lowers = { &change->lower_fd, 1 } };
	const struct layer_format format = { .compression = COMPRESSION_NONE };
	struct layer_result result = { 0 };
	struct layer_result unpacked = { 0 };
	struct diff_counts counts = { 0 };
	struct entry_sink *sink = NULL;

	assert_int_equal(fchmod(layer.fd, 0755), 0);
	assert_ok(layer_writer(writer_to_strbuf(&tar), &format, NULL, &result, &sink));
	assert_ok(diff_upper(change->upper_fd, &options, sink, &counts));
	assert_ok(entry_sink_close(sink));

	const struct layer_unpack_options unpack = { .apply = alone, .diff_id = &result.diff_id };
	assert_ok(layer_unpack(reader_from_bytes(tar.p, tar.n), layer.fd, &unpack, &unpacked));
	assert_int_equal(unpacked.entries, counts.entries + counts.whiteouts);
	struct change second = { layer, change->lower_fd, layer.fd };
	diff_text(change, &merged, NULL);
	diff_text(&second, &again, NULL);
	assert_string_equal(strbuf_text(&again), strbuf_text(&merged));
}

static void survives_a_round_trip(void **state)
{
	for (size_t i = 0; i < COUNT(changes); i++) {
		AUTO(change) struct change change = change_new();

		note("%s", changes[i].name);
		if (!run_overlay(&change, changes[i].script)) {
			print_message("no overlay mounts in a user namespace here\n");
			change_done(&change);
			change = (struct change){ { xstrdup("/nonexistent"), -1 }, -1, -1 };
			skip();
		}
		round_trip(&change);
	}
}

static void says_when_nothing_changed(void **state)
{
	AUTO(change) struct change change = change_new();
	const struct diff_options options = { .policy = recorded,
		.lowers = { &change.lower_fd, 1 } };
	bool is_empty = false;

	assert_ok(diff_is_empty(change.upper_fd, &options, &is_empty));
	assert_true(is_empty);
	scratch_put(change.upper_fd, "new", "");
	assert_ok(diff_is_empty(change.upper_fd, &options, &is_empty));
	assert_false(is_empty);
}

static void leaves_out_what_it_is_told(void **state)
{
	AUTO(change) struct change change = change_new();
	AUTO(list) struct list ignore = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(&is);
	struct diff_options options = {
		.policy = recorded, .lowers = { &change.lower_fd, 1 }, .ignore = &ignore
	};
	struct diff_counts counts;

	list_add(&ignore, "proc");
	list_add(&ignore, "d/resolv.conf");
	assert_int_equal(mkdirat(change.upper_fd, "proc", 0755), 0);
	assert_int_equal(mkdirat(change.upper_fd, "d", 0755), 0);
	scratch_put(change.upper_fd, "proc/x", "");
	scratch_put(change.upper_fd, "d/resolv.conf", "");
	assert_ok(diff_upper(change.upper_fd, &options, sink, &counts));
	assert_string_equal(strbuf_text(&is), "");
	assert_int_equal(counts.entries, 0);
}

/* Whiteouts in the form of an xattr (Linux 6.7), and owners that are recorded. */
static void reads_other_forms(void **state)
{
	AUTO(change) struct change change = change_new();
	AUTO(strbuf) struct strbuf is = { 0 };

	scratch_put(change.upper_fd, "z", "");
	assert_ok(xattr_set(change.upper_fd, "z", "user.overlay.whiteout", "", 0));
	scratch_put(change.upper_fd, "none", "");
	assert_ok(xattr_set(change.upper_fd, "none", "user.overlay.whiteout", "", 0));
	scratch_put(change.upper_fd, "o", "1");
	assert_ok(xattr_set(change.upper_fd, "o", "user.containers.override_stat", "7:8:0644:file",
			13));
	scratch_put(change.upper_fd, "dev", "");
	assert_ok(xattr_set(change.upper_fd, "dev", "user.containers.override_stat",
			"0:5:0644:char-1-3", 17));
	diff_text(&change, &is, NULL);
	hide_times(&is);
	assert_string_equal(strbuf_text(&is),
			"c 644 0:5 @now dev 1,3\nf 644 7:8 @now o \"1\"\nwhiteout z\n");
}

UNIT_TESTS(sends_what_changed, survives_a_round_trip, says_when_nothing_changed,
		leaves_out_what_it_is_told, reads_other_forms)
