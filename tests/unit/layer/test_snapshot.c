/*
 * What changed between two snapshots, applied to a copy of the first tree, must make the second
 * tree; and what did not change must not be sent.
 */
#include "layer/snapshot.h"
#include "listing.h"
#include "sys/proc.h"

#include <sys/time.h>

static const struct owner_policy plain = { .kind = OWNER_PLAIN };
static const struct apply_options rootfs = { APPLY_ROOTFS, { .kind = OWNER_PLAIN }, NULL };
static const struct snapshot_options everything = { 0 };

static int make_tree(int dir_fd, const char *name)
{
	assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(fd, &rootfs);
	assert_ok(add_dir(sink, "d", 0755));
	assert_ok(add_file(sink, "d/a", "one"));
	assert_ok(add_file(sink, "d/b", "two"));
	assert_ok(add_dir(sink, "d/s", 0755));
	assert_ok(add_file(sink, "d/s/t", "three"));
	assert_ok(add_symlink(sink, "l", "d/a"));
	assert_ok(add_file(sink, "z", "last"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_int_equal(linkat(fd, "d/b", fd, "d/b2", 0), 0);
	return fd;
}

static void run_script(int dir_fd, const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	const struct proc_spec spec = { .argv = argv, .dir_fd = dir_fd };
	AUTO(proc_result) struct proc_result result = { 0 };

	assert_ok(proc_run(&spec, NULL, &result));
	if (result.status)
		fail_msg("script failed: %s", strbuf_text(&result.err));
}

/* Owners are the tester's own here. */
static struct diff_options with_policy(void)
{
	return (struct diff_options){ .policy = plain };
}

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

/* The changes that the script makes, sent to sink. */
static struct diff_counts send_changes(
		int tree_fd, const char *script, const struct list *ignore, struct entry_sink *sink)
{
	AUTO(snapshot) struct snapshot *before = NULL;
	AUTO(snapshot) struct snapshot *after = NULL;
	struct diff_options options = with_policy();
	struct diff_counts counts = { 0 };

	options.ignore = ignore;
	assert_ok(snapshot_take(tree_fd, &everything, &before));
	assert_ok(snapshot_settle(before, tree_fd));
	run_script(tree_fd, script);
	assert_ok(snapshot_take(tree_fd, &everything, &after));
	assert_ok(snapshot_changes(before, after, tree_fd, &options, sink, &counts));
	return counts;
}

static const char *const scripts[] = {
	"true",
	"echo 1 >n",
	"rm z",
	"rm z; mkdir z; echo 1 >z/f",
	"rm -r d",
	"rm -r d; mkdir d; echo 1 >d/x",
	"rm -r d; echo file >d",
	"mv d e",
	"mv d e; mkdir d; mv e/s d/s",
	"mv d/s s2; rm -r d; mkdir d; mv s2 d/s",
	"mv d/a d/t; mv d/b d/a; mv d/t d/b",
	"chmod 700 d; chmod 600 d/a",
	"chmod 700 d/s",
	"printf eno >d/a; touch -d @1000000000 d/a",
	"rm d/b",
	"rm d/b2; echo more >>d/b",
	"ln z d/z",
	"ln -s x x; ln -sf d/b l",
	"mkdir -p n/m/o; touch n/m/o/p; mkfifo n/f",
	"rm l; mkdir l; touch l/x",
	"rm z; ln -s d z",
	"setfattr -n user.k -v v d/s; setfattr -n user.k -v v z",
	"truncate -s 1M d/a; printf x >>d/a",
	"touch -d @5 z",
};

static void makes_the_same_tree(void **state)
{
	for (size_t i = 0; i < COUNT(scripts); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(strbuf) struct strbuf wanted = { 0 };
		AUTO(strbuf) struct strbuf got = { 0 };
		AUTO_FD int tree = make_tree(scratch.fd, "tree");
		AUTO_FD int copy = make_tree(scratch.fd, "copy");
		AUTO(entry_sink) struct entry_sink *sink = apply_sink(copy, &rootfs);

		note("%s", scripts[i]);
		(void)send_changes(tree, scripts[i], NULL, sink);
		assert_ok(entry_sink_close(TAKE(sink)));
		list_dir(&plain, tree, &wanted);
		list_dir(&plain, copy, &got);
		drop_times(&wanted);
		drop_times(&got);
		assert_string_equal(strbuf_text(&got), strbuf_text(&wanted));
	}
}

/* What a layer of the changes is beside the tree that they were made in. */
static void diff_text(int upper_fd, const struct diff_options *options, struct strbuf *ret)
{
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(ret);
	struct diff_counts counts = { 0 };

	assert_ok(diff_upper(upper_fd, options, sink, &counts));
}

/* Where no file is under suspicion, what was here before need not be asked. */
static void is_exact_without_suspects(void **state)
{
	const struct apply_options layer = { APPLY_LAYER, plain, NULL };
	size_t exact = 0;

	for (size_t i = 0; i < COUNT(scripts); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(strbuf) struct strbuf wanted = { 0 };
		AUTO(strbuf) struct strbuf got = { 0 };
		AUTO_FD int tree = make_tree(scratch.fd, "tree");
		AUTO_FD int before = make_tree(scratch.fd, "before");
		assert_int_equal(mkdirat(scratch.fd, "upper", 0755), 0);
		AUTO_FD int upper = openat(scratch.fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		AUTO(entry_sink) struct entry_sink *sink = apply_sink(upper, &layer);
		struct diff_options options = with_policy();

		note("%s", scripts[i]);
		struct diff_counts counts = send_changes(tree, scripts[i], NULL, sink);
		assert_ok(entry_sink_close(TAKE(sink)));
		if (counts.suspects)
			continue;
		exact++;
		options.lowers = (struct lowers){ &before, 1 };
		diff_text(upper, &options, &wanted);
		options.lowers = (struct lowers){ 0 };
		options.is_exact = true;
		diff_text(upper, &options, &got);
		assert_string_equal(strbuf_text(&got), strbuf_text(&wanted));
	}
	assert_in_range(exact, COUNT(scripts) - 6, COUNT(scripts));
}

static uint64_t suspects_of(const char *script)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int tree = make_tree(scratch.fd, "tree");
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(&text);

	note("%s", script);
	return send_changes(tree, script, NULL, sink).suspects;
}

static void suspects_what_may_be_as_before(void **state)
{
	assert_int_equal(suspects_of("chmod 644 z"), 1);
	assert_int_equal(suspects_of("cp -p z y; mv y z"), 1);
	assert_int_equal(suspects_of("touch -r z d/s; printf tsal >z; touch -r d/s z"), 1);
	assert_int_equal(suspects_of("printf tsal >z; touch -d @1000000000 z"), 0);
	assert_int_equal(suspects_of("chmod 600 z"), 0);
	assert_int_equal(suspects_of("mv z y; mkdir z; mv y z"), 0);
}

static void assert_changes(const char *script, const struct list *ignore, const char *wanted)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int tree = make_tree(scratch.fd, "tree");
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(strbuf) struct strbuf names = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(&text);

	note("%s", script);
	(void)send_changes(tree, script, ignore, sink);
	/* Letter and path are enough: the rest is compared above. */
	for (struct str rest = strbuf_str(&text), line; rest.n;) {
		struct str word, path = { 0 };

		(void)str_cut(rest, '\n', &line, &rest);
		bool is_file = line.n > 2 && line.p[1] == ' ' && line.p[0] != 'h';
		(void)str_cut(line, ' ', &word, &line);
		for (int field = 0; is_file && field < 3; field++)
			(void)str_cut(line, ' ', &path, &line);
		(void)str_cut(line, ' ', &path, &line);
		strbuf_addf(&names, "%.*s %.*s\n", STR_ARG(word), STR_ARG(path));
	}
	assert_string_equal(strbuf_text(&names), wanted);
}

static void sends_what_changed_and_no_more(void **state)
{
	AUTO(list) struct list ignore = { 0 };

	assert_changes("true", NULL, "");
	assert_changes("cat d/a; ls -R", NULL, "");
	assert_changes("touch d/x; rm d/x", NULL, "");
	assert_changes("chmod 755 d", NULL, "");
	assert_changes("touch -d @9 d d/s", NULL, "");
	assert_changes("printf 1 >d/s/n", NULL, "d d\nd d/s\nf d/s/n\n");
	assert_changes("rm d/s/t", NULL, "d d\nd d/s\nwhiteout d/s/t\n");
	assert_changes("rm -r d/s; mkdir d/s", NULL, "d d\nd d/s\nopaque d/s\n");
	assert_changes("chmod 600 d/b", NULL, "d d\nf d/b\nh d/b2\n");
	assert_changes("mv z d/z", NULL, "d d\nf d/z\nwhiteout z\n");
	list_add(&ignore, "d/a");
	list_add(&ignore, "d/s");
	assert_changes("printf 1 >d/a; rm -r d/s; printf 1 >z", &ignore, "f z\n");
}

/* Same size, same modification time, a moment after the snapshot. */
static void sees_changes_within_a_tick(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int tree = make_tree(scratch.fd, "tree");

	for (int i = 0; i < 200; i++) {
		AUTO(snapshot) struct snapshot *before = NULL;
		AUTO(snapshot) struct snapshot *after = NULL;
		AUTO(strbuf) struct strbuf text = { 0 };
		AUTO(entry_sink) struct entry_sink *sink = recorder_new(&text);
		const struct diff_options options = with_policy();
		const struct timespec times[2] = { { .tv_sec = 7 }, { .tv_sec = 7 } };
		struct diff_counts counts = { 0 };
		AUTO_FD int fd = openat(tree, "z", O_WRONLY | O_CLOEXEC);

		assert_int_equal(pwrite(fd, i % 2 ? "lost" : "last", 4, 0), 4);
		assert_int_equal(futimens(fd, times), 0);
		assert_ok(snapshot_take(tree, &everything, &before));
		assert_ok(snapshot_settle(before, tree));
		assert_int_equal(pwrite(fd, i % 2 ? "LOST" : "LAST", 4, 0), 4);
		assert_int_equal(futimens(fd, times), 0);
		assert_ok(snapshot_take(tree, &everything, &after));
		assert_ok(snapshot_changes(before, after, tree, &options, sink, &counts));
		assert_int_equal(counts.entries, 1);
	}
}

static void leaves_skipped_directories_alone(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int tree = make_tree(scratch.fd, "tree");
	AUTO(list) struct list skip = { 0 };
	const struct snapshot_options options = { .skip = &skip };
	AUTO(snapshot) struct snapshot *all = NULL;
	AUTO(snapshot) struct snapshot *some = NULL;

	list_add(&skip, "d");
	assert_ok(snapshot_take(tree, &everything, &all));
	assert_ok(snapshot_take(tree, &options, &some));
	assert_int_equal(snapshot_files(all), 8);
	assert_int_equal(snapshot_files(some), 3);
}

/* A step may ask when something was last read. */
static void leaves_times_of_reading_alone(void **state)
{
	static const char *const paths[] = { "d", "d/a", "d/s" };
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int tree = make_tree(scratch.fd, "tree");
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(&text);

	(void)send_changes(tree, "echo new >d/a; touch -d @1000000000 d/a d/s d", NULL, sink);
	assert_non_null(strstr(strbuf_text(&text), "d/a"));
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct stat st;

		note("%s", paths[i]);
		assert_int_equal(fstatat(tree, paths[i], &st, 0), 0);
		assert_int_equal(st.st_atime, 1000000000);
	}
}

/* Figures of design.md: 10 files changed of 60,000. CPU time, since machines have other work, too.
 */
static void costs_little_in_a_large_tree(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_on_memory();
	AUTO(snapshot) struct snapshot *before = NULL;
	AUTO(snapshot) struct snapshot *after = NULL;
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(&text);
	const struct diff_options options = with_policy();
	struct diff_counts counts = { 0 };

	run_script(scratch.fd, "for d in $(seq 600); do mkdir $d; (cd $d; touch $(seq 100)); done");
	assert_ok(snapshot_take(scratch.fd, &everything, &before));
	assert_ok(snapshot_settle(before, scratch.fd));
	run_script(scratch.fd, "for d in $(seq 60 60 600); do echo 1 >$d/50; done");
	uint64_t began = unit_cpu_ms();
	assert_ok(snapshot_take(scratch.fd, &everything, &after));
	assert_ok(snapshot_changes(before, after, scratch.fd, &options, sink, &counts));
	uint64_t took_ms = unit_cpu_ms() - began;
	assert_int_equal(snapshot_files(after), 60600);
	assert_int_equal(counts.entries, 20);
	note("%u ms of CPU time", (unsigned)took_ms);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(took_ms, 0, 300);
#endif
}

UNIT_TESTS(makes_the_same_tree, sends_what_changed_and_no_more, sees_changes_within_a_tick,
		leaves_skipped_directories_alone, leaves_times_of_reading_alone,
		is_exact_without_suspects, suspects_what_may_be_as_before,
		costs_little_in_a_large_tree)
