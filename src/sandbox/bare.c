#include "sandbox/bare.h"
#include "base/error.h"
#include "base/str.h"
#include "sandbox/bare_scene.h"
#include "sandbox/bare_tree.h"
#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/helper.h"
#include "sandbox/init.h"
#include "sandbox/record.h"
#include "sandbox/running.h"
#include "sandbox/wire.h"
#include "sys/fd.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PUMP_BYTES = 16 * 1024, PROOT_MS = 10000 };

struct keeper {
	const struct bare_helper *helper;
	const struct filter_program *profile, *listener;
	pid_t pumps[2];
};

/* --- one step --- */

/* What is written to /proc/self/fd/1 goes where standard output goes. */
static _Noreturn void pump(int from_fd, int to_fd)
{
	char buf[PUMP_BYTES];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)fcntl(from_fd, F_SETFL, 0);
	for (;;) {
		ssize_t n = TEMP_FAILURE_RETRY(read(from_fd, buf, sizeof(buf)));

		if (n <= 0)
			_exit(0);
		struct error *error = fd_write_all(to_fd, buf, (size_t)n);
		if (error)
			_exit(1);
	}
}

static int output_of(const struct bare_scene *scene, enum plan_kind kind)
{
	for (size_t i = 0; i < scene->plan->ops.n; i++)
		if (scene->plan->ops.p[i].kind == kind && scene->plan->ops.p[i].fd >= 0)
			return scene->fds[scene->plan->ops.p[i].fd];
	return -1;
}

static void start_pumps(struct keeper *keeper, struct bare_scene *scene)
{
	for (int i = 0; i < 2; i++) {
		int to_fd = output_of(scene, i ? PLAN_ERRORS : PLAN_OUTPUT);

		if (scene->outputs[i] < 0 || to_fd < 0)
			continue;
		keeper->pumps[i] = fork();
		if (keeper->pumps[i] == 0) {
			/* The end comes when the last writer is gone; we must not be one. */
			(void)close(scene->holders[0]);
			(void)close(scene->holders[1]);
			pump(scene->outputs[i], to_fd);
		}
	}
}

/* All that is on its way, then their end. */
static void end_pumps(struct keeper *keeper, struct bare_scene *scene)
{
	for (int i = 0; i < 2; i++) {
		if (scene->holders[i] >= 0)
			(void)close(TAKE_FD(scene->holders[i]));
		if (keeper->pumps[i] > 0)
			(void)TEMP_FAILURE_RETRY(waitpid(keeper->pumps[i], NULL, 0));
		keeper->pumps[i] = 0;
	}
}

static void signal_all(const struct running *running, int number)
{
	bare_tree_signal(-1, number);
}

/*
 * A root that may do as it likes in the container is confined where the kernel can. Another user
 * is kept out by the modes of kiln's files, and may need the set-id programs (sudo) of the image.
 */
static FALLIBLE confine(
		const struct keeper *keeper, const struct bare_scene *scene, uid_t uid, int *ret_fd)
{
	*ret_fd = -1;
	if (keeper->helper->mode == USERNS_PROOT || uid != 0)
		return NULL;
	return confine_below(scene->root_fd, ret_fd);
}

static uid_t user_of(const struct plan *plan)
{
	for (size_t i = 0; i < plan->ops.n; i++)
		if (plan->ops.p[i].kind == PLAN_USER)
			return (uid_t)plan->ops.p[i].number;
	return 0;
}

static const char *directory_of(const struct plan *plan)
{
	for (size_t i = 0; i < plan->ops.n; i++)
		if (plan->ops.p[i].kind == PLAN_DIRECTORY)
			return plan_text_of(plan, plan->ops.p[i].text);
	return "/";
}

/* What was put below a directory that is the container's in the step, shown there all the same. */
static void bind_below(const struct bare_scene *scene, const char *bind, struct list *ret)
{
	for (size_t i = 0; i < scene->plan->ops.n; i++) {
		const struct plan_op *op = &scene->plan->ops.p[i];
		bool is_placed = op->kind == PLAN_FILE || op->kind == PLAN_BIND ||
				 op->kind == PLAN_TMPFS;
		const char *target = is_placed ? plan_text_of(scene->plan, op->text) : "";

		if (text_starts(target, bind) && target[strlen(bind)] == '/')
			list_addf(ret, "--bind=%s%s:%s", scene->root_path, target, target);
	}
}

/*
 * proot -r ROOT -w DIR -b /proc -b /dev -b /sys: the words before the command's own.
 */
static FALLIBLE proot_words(const struct bare_scene *scene, struct list *ret)
{
	static const char *const binds[] = { "/proc", "/dev", "/sys" };
	AUTO_FREE char *program = proc_find("proot");

	if (!program)
		return error_hint(error_new(ERR_UNSUPPORTED, "proot is not installed"),
				"apt-get install proot");
	list_add(ret, program);
	list_addf(ret, "--rootfs=%s", scene->root_path);
	list_addf(ret, "--cwd=%s", directory_of(scene->plan));
	for (size_t i = 0; i < COUNT(binds); i++) {
		list_addf(ret, "--bind=%s", binds[i]);
		bind_below(scene, binds[i], ret);
	}
	return NULL;
}

/* The machine's own filter lets it through: no structure is another complaint. */
static bool has_clone3(void)
{
	return syscall(SYS_clone3, NULL, (size_t)0) < 0 && errno != ENOSYS;
}

/*
 * What reaches the step, too: only what must be. Some proots are built with a filter of their own,
 * which would hide calls from ours. 5.1 has the fault that filter.h tells of; where the machine's
 * own filter has no clone3, as in most pods, glibc's allocator is to ask for more of the heap at
 * once, so that hardly a program's grows behind its first child.
 */
static void proot_variables(const char *program, struct list *ret)
{
	const char *const argv[] = { program, "--version", NULL };
	const struct proc_spec spec = { .argv = argv, .timeout_ms = PROOT_MS };
	AUTO(proc_result) struct proc_result result = { 0 };
	struct error *error = proc_run(&spec, NULL, &result);
	const char *said = error ? "" : strbuf_text(&result.out);

	if (!strstr(said, "seccomp_filter = no"))
		list_add(ret, "PROOT_NO_SECCOMP=1");
	if (!has_clone3() && (error || strstr(said, " 5.1.")))
		list_add(ret, "MALLOC_TOP_PAD_=67108864");
	error_ignore(error, "then it is taken for the most demanding");
}

/* proot waits for all that its command has started; a step is over when its command is. */
static void end_left_behind(pid_t proot)
{
	if (bare_tree_is_left(proot))
		bare_tree_signal_but(SIGKILL, proot);
}

static FALLIBLE start(struct keeper *keeper, struct bare_scene *scene, struct running *running,
		size_t first)
{
	AUTO(list) struct list words = { 0 };
	AUTO(list) struct list env = { 0 };
	AUTO_FD int null_fd = -1;
	AUTO_FD int confine_fd = -1;

	TRY(file_open(AT_FDCWD, "/dev/null", O_RDWR, 0, &null_fd));
	TRY(confine(keeper, scene, user_of(scene->plan), &confine_fd));
	if (keeper->helper->mode == USERNS_PROOT)
		TRY(proot_words(scene, &words));
	struct command command = {
		.plan = scene->plan,
		.fds = scene->fds,
		.n_fds = scene->n_fds,
		.first = first,
		.profile = keeper->profile,
		.listener = keeper->listener,
		.bare = { .is_bare = true,
				.root_fd = scene->root_fd,
				.enters = keeper->helper->mode == USERNS_CHROOT,
				.null_fd = null_fd,
				.confine_fd = confine_fd,
				.words = &words,
				.env = &env },
	};
	if (keeper->helper->mode == USERNS_PROOT) {
		proot_variables(words.p[0], &env);
		running->tick = end_left_behind;
	}
	running->record = record_new(scene->plan);
	return running_start(running, &command, false);
}

static FALLIBLE begin_step(struct keeper *keeper, const struct wire_frame *frame, struct plan *plan,
		struct bare_scene *scene, struct running *running)
{
	size_t first = 0;

	TRY(plan_decode(frame->bytes.p, frame->bytes.n, frame->n_fds, plan));
	scene->fds = frame->fds;
	scene->n_fds = frame->n_fds;
	TRY(bare_scene_set(scene, &first));
	start_pumps(keeper, scene);
	return start(keeper, scene, running, first);
}

static FALLIBLE run_step(struct keeper *keeper, int step_fd, const struct wire_frame *frame,
		struct sandbox_result *result)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(strbuf) struct strbuf notes = { 0 };
	AUTO(bare_scene)
	struct bare_scene scene = { .plan = &plan,
		.mode = keeper->helper->mode,
		.notes = &notes,
		.root_fd = -1,
		.aside_fd = -1,
		.outputs = { -1, -1 },
		.holders = { -1, -1 } };
	AUTO(running)
	struct running running = {
		.step_fd = step_fd, .report_fd = -1, .signal_fd = -1, .signal_all = signal_all
	};
	struct error *error = begin_step(keeper, frame, &plan, &scene, &running);

	if (!error)
		error = running_wait(&running);
	bare_tree_end(-1, keeper->pumps, COUNT(keeper->pumps));
	end_pumps(keeper, &scene);
	error = error_first(error, bare_scene_clear(&scene));
	TRY(error);
	if (running.is_lost)
		return error_new(ERR_CANCELED, "kiln is gone");
	TRY(TAKE(running.failed));
	running_result(&running, &notes, result);
	return NULL;
}

static void say_failed(int step_fd, struct error *error)
{
	AUTO(strbuf) struct strbuf bytes = { 0 };

	wire_put_error(error, &bytes);
	error_free(error);
	error_ignore(wire_send(step_fd, WIRE_FAILED, bytes.p, bytes.n, NULL, 0), "kiln is gone");
}

/* Everything of a step is below us, and comes to us when its parent ends. */
static _Noreturn void keep(struct keeper *keeper, int step_fd)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	struct sandbox_result result = { 0 };

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, "kiln-keeper");
	/* Ctrl-C on the terminal is kiln's to hear. */
	(void)setsid();
	struct error *error = wire_receive(step_fd, PLAN_BYTES * 2, &frame);
	if (!error && frame.type == WIRE_NETWORK)
		error = error_hint(error_new(ERR_UNSUPPORTED,
						   "a private network takes a network namespace"),
				"--network=host");
	else if (!error && frame.type == WIRE_STEP)
		error = run_step(keeper, step_fd, &frame, &result);
	if (error)
		say_failed(step_fd, error);
	else if (frame.type == WIRE_STEP)
		error_ignore(wire_send(step_fd, WIRE_RESULT, &result, sizeof(result), NULL, 0),
				"kiln is gone");
	_exit(0);
}

/* --- the helper --- */

struct keepers {
	pid_t *p;
	size_t n, capacity;
};

static void forget(struct keepers *keepers, pid_t pid)
{
	for (size_t i = 0; i < keepers->n; i++)
		if (keepers->p[i] == pid)
			keepers->p[i] = keepers->p[--keepers->n];
}

/* A keeper that ended as it should has left nothing; whatever else comes to us lost its keeper. */
static void reap_keepers(struct keepers *keepers)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		forget(keepers, pid);
	bare_tree_end(-1, keepers->p, keepers->n);
}

static FALLIBLE start_keeper(struct keeper *keeper, struct keepers *keepers, int step_fd)
{
	pid_t pid = fork();

	if (pid < 0)
		return error_sys("fork the keeper of a step");
	if (pid == 0) {
		(void)close(keeper->helper->control_fd);
		keep(keeper, step_fd);
	}
	vec_push(keepers, pid);
	return NULL;
}

static FALLIBLE serve(struct keeper *keeper, struct keepers *keepers, int signal_fd)
{
	for (;;) {
		struct pollfd polls[] = {
			{ .fd = keeper->helper->control_fd, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
		};
		struct signalfd_siginfo ignored;

		if (poll(polls, COUNT(polls), -1) < 0 && errno != EINTR)
			return error_sys("wait for steps");
		if (polls[1].revents & POLLIN) {
			(void)!read(signal_fd, &ignored, sizeof(ignored));
			reap_keepers(keepers);
		}
		if (!polls[0].revents)
			continue;
		AUTO_FD int step_fd = init_take(keeper->helper->control_fd);
		if (step_fd < 0)
			return NULL;
		TRY(start_keeper(keeper, keepers, step_fd));
	}
}

_Noreturn void bare_helper_run(const struct bare_helper *helper)
{
	struct filter_program profile, listener;
	struct keeper keeper = { .helper = helper, .profile = &profile, .listener = &listener };
	struct keepers keepers = { 0 };
	sigset_t child;
	struct error *error = helper_detach(helper->control_fd);

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)prctl(PR_SET_DUMPABLE, 0);
	filter_profile(helper->mode == USERNS_PROOT, &profile);
	record_filter(&listener);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, NULL);
	int signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!error && signal_fd < 0)
		error = error_sys("prepare for steps");
	if (!error)
		error = serve(&keeper, &keepers, signal_fd);
	error_ignore(error, "steps see that we are gone");
	/* kiln is gone or done: each keeper sees the end of its own socket, and tidies up. */
	(void)close(helper->control_fd);
	while (keepers.n) {
		pid_t pid = waitpid(-1, NULL, 0);

		if (pid < 0 && errno != EINTR)
			break;
		forget(&keepers, pid);
	}
	bare_tree_end(-1, NULL, 0);
	_exit(0);
}
