#include "unit.h"

#include "base/limits.h"
#include "base/str.h"
#include "sandbox/plan_make.h"

static const char *const words[] = { "sh", "-c", "make", NULL };
static const char *const variables[] = { "PATH=/bin", "A=b", NULL };

static const struct mount_dir layers[] = { { 9, "layers/top" }, { 9, "layers/base" } };

static struct sandbox_step small_step(void)
{
	return (struct sandbox_step){
		.layers = layers,
		.n_layers = 2,
		.upper = { 10, "upper" },
		.work = { 10, "work" },
		.is_volatile = true,
		.argv = words,
		.env = variables,
		.cwd = "/src",
		.stdout_fd = 11,
	};
}

static void text_of(
		const struct plan_host *host, const struct sandbox_step *step, struct strbuf *text)
{
	AUTO(plan) struct plan plan = { 0 };

	assert_ok(plan_make(host, step, &plan));
	plan_print(&plan, text);
}

static void the_usual_step(void **state)
{
	const struct plan_host host = { .resolv_conf = "nameserver 10.0.0.1\n" };
	struct sandbox_step step = small_step();
	AUTO(strbuf) struct strbuf text = { 0 };

	text_of(&host, &step, &text);
	assert_string_equal(strbuf_text(&text), "upper fd0/upper fd0/work volatile\n"
						"lower fd1/layers/top\n"
						"lower fd1/layers/base\n"
						"overlay scaffold\n"
						"hostname buildkitsandbox\n"
						"network none host-net\n"
						"proc masked\n"
						"dev 67108864\n"
						"sys host-net masked\n"
						"file 20 bytes 0:0 0644 on /etc/resolv.conf\n"
						"file 77 bytes 0:0 0644 on /etc/hosts\n"
						"file 16 bytes 0:0 0644 on /etc/hostname\n"
						"enter\n"
						"user 0 0\n"
						"capabilities 0xa80425fb\n"
						"seccomp default\n"
						"input none\n"
						"output fd2\n"
						"errors none\n"
						"directory /src\n"
						"variable PATH=/bin\n"
						"variable A=b\n"
						"argument sh\n"
						"argument -c\n"
						"argument make\n"
						"exec\n");
}

/* The lines of the plan that the usual step does not have. */
static void everything_else(void **state)
{
	const struct plan_host host = {
		.resolv_conf = "", .cgroup_fd = 15, .records_owners = true
	};
	static const uint32_t groups[] = { 44, 45 };
	static const struct sandbox_limit limits[] = { { 7, 10, 20 } };
	const struct sandbox_mount mounts[] = {
		{ .kind = SANDBOX_BIND,
				.target = "/ctx",
				.source = { 12, "src" },
				.read_only = true },
		{ .kind = SANDBOX_LAYERS,
				.target = "/from",
				.layers = layers,
				.n_layers = 1,
				.subpath = "usr/lib" },
		{ .kind = SANDBOX_TMPFS, .target = "/scratch", .size_bytes = 4096, .uid = 5 },
		{ .kind = SANDBOX_FILE,
				.target = "/run/secrets/x",
				.content = "hunter2",
				.content_bytes = 7,
				.no_exec = true },
	};
	static const char *const wanted[] = {
		"hostname box\n",
		"network none\n",
		"dev 1048576\n",
		"sys masked\n",
		"file 0 bytes 0:0 0644 on /etc/resolv.conf\n",
		"bind fd3/src on /ctx read-only\n",
		"lower fd1/layers/top\nmerge /usr/lib on /from\n",
		"tmpfs 4096 5:0 1777 on /scratch\n",
		"file 7 bytes 0:0 0400 on /run/secrets/x\nenter\n",
		"cgroup fd3\n",
		"limit 7 10 20\n",
		"group 44\ngroup 45\nuser 33 34\n",
		"no-new-privileges\n",
		"record owners\n",
	};
	struct sandbox_step step = small_step();
	AUTO(strbuf) struct strbuf text = { 0 };

	step.hostname = "box";
	step.network = SANDBOX_NET_NONE;
	step.shm_bytes = 1 << 20;
	step.mounts = mounts;
	step.n_mounts = COUNT(mounts);
	step.limits = limits;
	step.n_limits = 1;
	step.groups = groups;
	step.n_groups = 2;
	step.uid = 33;
	step.gid = 34;
	step.no_new_privileges = true;
	step.stdin_fd = 13;
	text_of(&host, &step, &text);
	/* The plan numbers fds in the order they are met; 12 is the third. */
	for (size_t i = 0; i < COUNT(wanted); i++) {
		AUTO_FREE char *line = xstrdup(wanted[i]);

		if (text_starts(line, "bind fd3"))
			line[7] = '2';
		if (!strstr(strbuf_text(&text), line))
			fail_msg("no '%s' in:\n%s", line, strbuf_text(&text));
	}
}

static void an_insecure_step_is_not_confined(void **state)
{
	const struct plan_host host = { .resolv_conf = "" };
	struct sandbox_step step = small_step();
	AUTO(strbuf) struct strbuf text = { 0 };

	step.insecure = true;
	text_of(&host, &step, &text);
	assert_null(strstr(strbuf_text(&text), "masked"));
	assert_null(strstr(strbuf_text(&text), "seccomp"));
	assert_non_null(strstr(strbuf_text(&text), "capabilities 0x1ffffffffff\n"));
}

static void refuses(void **state)
{
	const struct plan_host host = { .resolv_conf = "" };
	const struct sandbox_mount no_target = { .kind = SANDBOX_TMPFS };
	const struct sandbox_mount no_source = { .kind = SANDBOX_BIND, .target = "/x" };
	AUTO_FREE char *long_word = xcalloc(LIMIT_ARG_BYTES + 1, 1);
	const char *long_words[] = { "sh", long_word, NULL };
	const char *const nothing[] = { NULL };
	struct plan plan;
	struct sandbox_step step = small_step();

	memset(long_word, 'a', LIMIT_ARG_BYTES);
	step.argv = nothing;
	assert_error(plan_make(&host, &step, &plan), ERR_INVALID, "without a command");
	step.argv = long_words;
	assert_error(plan_make(&host, &step, &plan), ERR_LIMIT, "an argument of 131072 bytes");
	step = small_step();
	step.work.fd = 11;
	assert_error(plan_make(&host, &step, &plan), ERR_INVALID, "different fds");
	step = small_step();
	step.n_layers = LIMIT_LAYERS + 1;
	assert_error(plan_make(&host, &step, &plan), ERR_LIMIT, "501 layers");
	step = small_step();
	step.n_layers = 0;
	assert_error(plan_make(&host, &step, &plan), ERR_INVALID, "root has no directory");
	step = small_step();
	step.mounts = &no_target;
	step.n_mounts = 1;
	assert_error(plan_make(&host, &step, &plan), ERR_INVALID, "without a target");
	step.mounts = &no_source;
	assert_error(plan_make(&host, &step, &plan), ERR_INVALID, "mount has no directory");
	step.n_mounts = SANDBOX_MOUNTS + 1;
	assert_error(plan_make(&host, &step, &plan), ERR_LIMIT, "1001 mounts");
}

UNIT_TESTS(the_usual_step, everything_else, an_insecure_step_is_not_confined, refuses)
