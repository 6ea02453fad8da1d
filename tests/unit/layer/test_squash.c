/*
 * Two steps squashed into one layer must leave the same file system as the two layers. Both are
 * flattened over the same base and compared.
 */
#include "layer/diff.h"
#include "layer/layer.h"
#include "layer/squash.h"
#include "listing.h"
#include "sys/proc.h"

static const struct owner_policy recorded = { .kind = OWNER_RECORDED };

static int open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void make_base(int fd)
{
	const struct apply_options alone = { APPLY_LAYER, recorded, NULL };
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(fd, &alone);

	assert_ok(add_dir(sink, "d", 0755));
	assert_ok(add_file(sink, "d/a", "one"));
	assert_ok(add_file(sink, "d/b", "two"));
	assert_ok(add_dir(sink, "d/s", 0755));
	assert_ok(add_file(sink, "d/s/t", "three"));
	assert_ok(add_file(sink, "z", "last"));
	assert_ok(entry_sink_close(TAKE(sink)));
}

/* Base l, first step in u1, second in u2; false when nothing can be mounted here. */
static bool run_steps(const struct scratch *scratch, const char *first, const char *second)
{
	AUTO_FREE char *script = xasprintf(
			"mkdir u1 w1 u2 w2 m\n"
			"mount -t overlay o -o userxattr,lowerdir=l,upperdir=u1,workdir=w1 m\n"
			"(cd m; %s) || exit 9\numount m\n"
			"mount -t overlay o -o userxattr,lowerdir=u1:l,upperdir=u2,workdir=w2 m\n"
			"(cd m; %s) || exit 9\n",
			first, second);
	const char *argv[] = { "unshare", "-Urm", "sh", "-ec", script, NULL };
	const struct proc_spec spec = { .argv = argv, .dir_fd = scratch->fd };
	AUTO(proc_result) struct proc_result result = { 0 };

	assert_ok(proc_run(&spec, NULL, &result));
	if (result.status == 9)
		fail_msg("script failed: %s", strbuf_text(&result.err));
	return result.status == 0;
}

static void send_diff(int upper_fd, const int *lower_fds, size_t n, struct entry_sink *sink)
{
	const struct diff_options options = { .policy = recorded, .lowers = { lower_fds, n } };
	struct diff_counts counts;

	assert_ok(diff_upper(upper_fd, &options, sink, &counts));
}

static void send_squashed(const int *upper_fds, size_t n, struct entry_sink *sink)
{
	const struct squash_options options = { .policy = recorded,
		.uppers = { upper_fds, n },
		.below_root = { .mode = S_IFDIR | 0755 } };
	uint64_t entries = 0;

	assert_ok(squash_uppers(&options, sink, &entries));
}

/* Through a tar, as a real layer goes, into a flat directory. */
static void flatten(int fd, void (*send)(struct entry_sink *sink, const int *fds), const int *fds)
{
	static const struct entry_times keep = { TIMES_KEEP, 0 };
	const struct apply_options rootfs = { APPLY_ROOTFS, recorded, NULL };
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(entry_sink) struct entry_sink *out = tar_writer(writer_to_strbuf(&tar), &keep);

	send(out, fds);
	assert_ok(entry_sink_close(TAKE(out)));
	AUTO(tar_reader)
	struct tar_reader *reader = tar_reader_new(reader_from_bytes(tar.p, tar.n));
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(fd, &rootfs);
	assert_ok(layer_replay(reader, sink, NULL, NULL));
	assert_ok(entry_sink_close(TAKE(sink)));
}

/* fds: u2, u1, l */
static void base(struct entry_sink *sink, const int *fds)
{
	send_diff(fds[2], NULL, 0, sink);
}

static void first(struct entry_sink *sink, const int *fds)
{
	send_diff(fds[1], fds + 2, 1, sink);
}

static void second(struct entry_sink *sink, const int *fds)
{
	send_diff(fds[0], fds + 1, 2, sink);
}

static void both(struct entry_sink *sink, const int *fds)
{
	send_squashed(fds, 2, sink);
}

/* Times of directories depend on when children came and went; contents are what counts. */
static void drop_times(struct strbuf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->n; i++) {
		if (text->p[i] == '@')
			i += 1 + strspn(text->p + i + 1, "0123456789");
		text->p[n++] = text->p[i];
	}
	strbuf_truncate(text, n);
}

static void leaves_the_same(void **state)
{
	static const struct {
		const char *first, *second;
	} cases[] = {
		{ "true", "true" },
		{ "echo 1 >n", "echo 2 >n" },
		{ "echo 1 >n", "rm n" },
		{ "rm z", "true" },
		{ "rm z", "echo again >z" },
		{ "rm z", "mkdir z; echo 1 >z/f" },
		{ "rm -r d", "mkdir d; echo 1 >d/n" },
		{ "rm -r d; mkdir d; echo 1 >d/x", "echo 2 >d/y" },
		{ "rm -r d; mkdir d; echo 1 >d/x", "rm d/x; echo 2 >d/a" },
		{ "echo 1 >d/n", "rm -r d" },
		{ "echo 1 >d/n", "rm -r d; mkdir d; echo 2 >d/m" },
		{ "rm -r d; echo file >d", "rm d; mkdir d; echo 2 >d/m" },
		{ "rm -r d; mkdir d", "rmdir d; echo file >d" },
		{ "rm d/s/t", "echo again >d/s/t" },
		{ "rm -r d/s", "mkdir -p d/s/t/u; touch d/s/t/u/v" },
		{ "chmod 700 d", "chmod 755 d/s; chmod 600 d/a" },
		{ "mkdir -p n/m; touch n/m/o", "rm -r n/m; touch n/m" },
		{ "ln -s d l", "rm l; mkdir l; touch l/x" },
		{ "echo 1 >n; ln n h", "echo 2 >>n" },
		{ "echo 1 >n; ln n h; ln n d/h", "rm h" },
		{ "mv d e", "mv e d" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(scratch) struct scratch one = scratch_new();
		AUTO(scratch) struct scratch two = scratch_new();
		AUTO(strbuf) struct strbuf by_steps = { 0 };
		AUTO(strbuf) struct strbuf squashed = { 0 };

		note("%s | %s", cases[i].first, cases[i].second);
		assert_int_equal(mkdirat(scratch.fd, "l", 0755), 0);
		AUTO_FD int l = open_dir(scratch.fd, "l");
		make_base(l);
		if (!run_steps(&scratch, cases[i].first, cases[i].second)) {
			print_message("no overlay mounts in a user namespace here\n");
			return;
		}
		AUTO_FD int u1 = open_dir(scratch.fd, "u1");
		AUTO_FD int u2 = open_dir(scratch.fd, "u2");
		const int fds[] = { u2, u1, l };
		flatten(one.fd, base, fds);
		flatten(one.fd, first, fds);
		flatten(one.fd, second, fds);
		flatten(two.fd, base, fds);
		flatten(two.fd, both, fds);
		list_dir(&recorded, one.fd, &by_steps);
		list_dir(&recorded, two.fd, &squashed);
		drop_times(&by_steps);
		drop_times(&squashed);
		assert_string_equal(strbuf_text(&squashed), strbuf_text(&by_steps));
	}
}

UNIT_TESTS(leaves_the_same)
