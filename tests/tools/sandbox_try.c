/*
 * sandbox_try: run a command in a root, without images: for tests and for looking.
 *
 *	sandbox_try [OPTION]... DIR -- COMMAND [ARG]...
 *
 * DIR is a plain root. With --layer it is a scratch directory instead, in which upper/ and work/
 * are made, and the layers (topmost first, may be repeated) are stacked below.
 *
 *	--mode auto|subuid|recorded|root     how to enter (sys/userns.h)
 *	--layer DIR    --user SPEC    --cwd DIR    --env NAME=VALUE    --network host|none|private
 *	--bind FROM:TO    --bind-ro FROM:TO    --tmpfs TO    --file TO=TEXT    --ulimit TEXT
 *	--times N      run it N times, each with a fresh upper, and print the median in microseconds
 *	--jobs N       so many at once    --cancel MS   cancel after so long
 *	--one          start the sandbox as for one step, however many there are
 *	--insecure     --plan   print the plan and stop    --result   print status and notes at the
 *end
 *
 * The exit status is the command's; 125 when there was no sandbox.
 */
#include "base/clock.h"
#include "base/vec.h"
#include "sandbox/sandbox.h"
#include "sandbox/user.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

struct settings {
	enum userns_mode mode;
	struct list layers, env, binds;
	const char *dir, *user, *cwd;
	struct sandbox_step step;
	VEC(struct sandbox_mount) mounts;
	VEC(struct sandbox_limit) limits;
	unsigned times, jobs, cancel_ms;
	bool print_plan, print_result, is_for_one;
};

struct job {
	const struct settings *settings;
	struct sandbox *sandbox;
	struct userns *userns;
	unsigned number;
	uint64_t *took_ns;
	struct cancel *cancel;
	struct sandbox_result result;
	struct error *error;
};

static struct mount_dir open_dir(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(125);
	}
	return (struct mount_dir){ fd, NULL };
}

static FALLIBLE fresh_upper(struct job *job, int scratch_fd, unsigned i, struct sandbox_step *step,
		char names[2][32])
{
	const struct owner root = { .mode = S_IFDIR | 0755 };
	const char *const kinds[2] = { "upper", "work" };

	for (int k = 0; k < 2; k++) {
		(void)snprintf(names[k], 32, "%s", kinds[k]);
		if (job->settings->times > 1 || job->settings->jobs > 1)
			(void)snprintf(names[k], 32, "%s.%u.%u", kinds[k], job->number, i);
		if (mkdirat(scratch_fd, names[k], 0755) < 0 && errno != EEXIST)
			return error_sys("make '%s'", names[k]);
		TRY(owner_set(&job->userns->owner, scratch_fd, names[k], &root));
	}
	step->upper = (struct mount_dir){ scratch_fd, names[0] };
	step->work = (struct mount_dir){ scratch_fd, names[1] };
	step->is_volatile = true;
	return NULL;
}

static FALLIBLE run_times(struct job *job)
{
	struct sandbox_step step = job->settings->step;
	AUTO_FD int scratch_fd = -1;

	if (step.n_layers)
		TRY(file_open(AT_FDCWD, job->settings->dir, O_RDONLY | O_DIRECTORY, 0,
				&scratch_fd));
	for (unsigned i = 0; i < job->settings->times; i++) {
		char names[2][32];

		if (step.n_layers)
			TRY(fresh_upper(job, scratch_fd, i, &step, names));
		uint64_t start = clock_monotonic_ns();
		TRY(sandbox_run(job->sandbox, &step, job->cancel, &job->result));
		job->took_ns[i] = clock_monotonic_ns() - start;
	}
	return NULL;
}

static void *run_job(void *arg)
{
	struct job *job = arg;

	job->error = run_times(job);
	return NULL;
}

struct alarm {
	struct cancel *cancel;
	unsigned ms;
};

static void *cancel_later(void *arg)
{
	const struct alarm *alarm = arg;

	(void)poll(NULL, 0, (int)alarm->ms);
	cancel_set(alarm->cancel);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static int fail(struct error *error)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	int status = error_is(error, ERR_EXIT) ? error->code : 125;

	error_text(error, &text);
	(void)fprintf(stderr, "sandbox_try: %s\n", strbuf_text(&text));
	if (error_find_hint(error))
		(void)fprintf(stderr, "  hint: %s\n", error_find_hint(error));
	error_free(error);
	return status;
}

static FALLIBLE run_all(struct settings *settings, struct userns *userns, int *ret_status)
{
	AUTO(sandbox) struct sandbox *sandbox = NULL;
	AUTO_FREE struct job *jobs = xcalloc(settings->jobs, sizeof(*jobs));
	AUTO_FREE pthread_t *threads = xcalloc(settings->jobs, sizeof(*threads));
	AUTO_FREE uint64_t *took = xcalloc((size_t)settings->jobs * settings->times, sizeof(*took));
	AUTO(cancel) struct cancel *cancel = cancel_new();
	struct alarm alarm = { cancel, settings->cancel_ms };
	pthread_t alarm_thread;
	struct error *error = NULL;

	TRY(sandbox_start(userns, settings->is_for_one ? SANDBOX_FOR_ONE : 0, NULL, &sandbox));
	if (alarm.ms)
		(void)pthread_create(&alarm_thread, NULL, cancel_later, &alarm);
	for (unsigned i = 0; i < settings->jobs; i++) {
		jobs[i] = (struct job){ .settings = settings,
			.sandbox = sandbox,
			.userns = userns,
			.number = i,
			.cancel = cancel,
			.took_ns = took + (size_t)i * settings->times };
		(void)pthread_create(&threads[i], NULL, run_job, &jobs[i]);
	}
	for (unsigned i = 0; i < settings->jobs; i++) {
		(void)pthread_join(threads[i], NULL);
		error = error_first(error, jobs[i].error);
	}
	if (alarm.ms)
		(void)pthread_join(alarm_thread, NULL);
	TRY(error);
	size_t n = (size_t)settings->jobs * settings->times;
	qsort(took, n, sizeof(*took), compare);
	if (settings->times > 1)
		(void)fprintf(stderr, "median %.0f us, least %.0f, p90 %.0f\n",
				(double)took[n / 2] / 1e3, (double)took[0] / 1e3,
				(double)took[n * 9 / 10] / 1e3);
	*ret_status = jobs[0].result.status;
	if (settings->print_result)
		(void)fprintf(stderr, "status %d signal %d peak %llu KiB notes '%s'\n",
				jobs[0].result.status, jobs[0].result.signal,
				(unsigned long long)jobs[0].result.peak_kib, jobs[0].result.notes);
	return NULL;
}

static FALLIBLE identify(struct settings *settings, const struct userns *userns, struct user *user)
{
	AUTO_FD int root_fd = -1;
	struct mount_dir dir =
			settings->step.n_layers ? settings->step.layers[0] : settings->step.root;

	if (userns->owner.kind == OWNER_SHIFTED && settings->user == NULL)
		return NULL;
	TRY(file_open(dir.fd, ".", O_RDONLY | O_DIRECTORY, 0, &root_fd));
	TRY(user_lookup(root_fd, settings->user ? settings->user : "", user));
	settings->step.uid = user->uid;
	settings->step.gid = user->gid;
	settings->step.groups = user->groups;
	settings->step.n_groups = user->n_groups;
	list_env_set(&settings->env, "HOME", user->home);
	return NULL;
}

static void add_bind(struct settings *settings, char *text, bool read_only)
{
	char *to = strchr(text, ':');

	*to++ = '\0';
	vec_push(&settings->mounts, ((struct sandbox_mount){ .kind = SANDBOX_BIND,
						    .target = to,
						    .read_only = read_only,
						    .source = open_dir(text) }));
}

enum {
	LAYER = 1,
	USER,
	CWD,
	ENV,
	NETWORK,
	BIND,
	BIND_RO,
	TMPFS,
	FILE_TEXT,
	ULIMIT,
	TIMES,
	JOBS,
	CANCEL,
	INSECURE,
	PLAN,
	RESULT,
	MODE,
	ONE
};

static FALLIBLE parse(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = { { "layer", 1, 0, LAYER }, { "user", 1, 0, USER },
		{ "cwd", 1, 0, CWD }, { "env", 1, 0, ENV }, { "network", 1, 0, NETWORK },
		{ "bind", 1, 0, BIND }, { "bind-ro", 1, 0, BIND_RO }, { "tmpfs", 1, 0, TMPFS },
		{ "file", 1, 0, FILE_TEXT }, { "ulimit", 1, 0, ULIMIT }, { "times", 1, 0, TIMES },
		{ "jobs", 1, 0, JOBS }, { "cancel", 1, 0, CANCEL }, { "insecure", 0, 0, INSECURE },
		{ "plan", 0, 0, PLAN }, { "result", 0, 0, RESULT }, { "mode", 1, 0, MODE },
		{ "one", 0, 0, ONE }, { 0 } };
	struct sandbox_limit limit;
	char *value;

	for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
		switch (c) {
		case LAYER:
			list_add(&settings->layers, optarg);
			break;
		case USER:
			settings->user = optarg;
			break;
		case CWD:
			settings->step.cwd = optarg;
			break;
		case ENV:
			list_add(&settings->env, optarg);
			break;
		case NETWORK:
			settings->step.network = optarg[0] == 'h'   ? SANDBOX_NET_HOST
						 : optarg[0] == 'n' ? SANDBOX_NET_NONE
								    : SANDBOX_NET_PRIVATE;
			break;
		case BIND:
			add_bind(settings, optarg, false);
			break;
		case BIND_RO:
			add_bind(settings, optarg, true);
			break;
		case TMPFS:
			vec_push(&settings->mounts, ((struct sandbox_mount){ .kind = SANDBOX_TMPFS,
								    .target = optarg }));
			break;
		case FILE_TEXT:
			value = strchr(optarg, '=');
			*value++ = '\0';
			vec_push(&settings->mounts,
					((struct sandbox_mount){ .kind = SANDBOX_FILE,
							.target = optarg,
							.content = value,
							.content_bytes = strlen(value) }));
			break;
		case ULIMIT:
			TRY(sandbox_limit_parse(str_of(optarg), &limit));
			vec_push(&settings->limits, limit);
			break;
		case TIMES:
			settings->times = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case JOBS:
			settings->jobs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case CANCEL:
			settings->cancel_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case INSECURE:
			settings->step.insecure = true;
			break;
		case PLAN:
			settings->print_plan = true;
			break;
		case RESULT:
			settings->print_result = true;
			break;
		case ONE:
			settings->is_for_one = true;
			break;
		case MODE:
			TRY(userns_mode_parse(optarg, &settings->mode));
			break;
		default:
			exit(2);
		}
	}
	if (optind + 1 >= argc)
		return error_new(ERR_INVALID, "give DIR -- COMMAND");
	settings->dir = argv[optind];
	optind += text_equal(argv[optind + 1], "--") ? 2 : 1;
	settings->step.argv = (const char *const *)(argv + optind);
	return NULL;
}

static void settings_done(struct settings *settings)
{
	list_done(&settings->layers);
	list_done(&settings->env);
	list_done(&settings->binds);
	vec_done(&settings->mounts);
	vec_done(&settings->limits);
}

DEFINE_AUTO_VALUE(settings)

static FALLIBLE run(int argc, char **argv, int *ret_status)
{
	AUTO(settings) struct settings settings = { .times = 1, .jobs = 1 };
	struct userns userns;
	AUTO(user) struct user user = { 0 };

	list_add(&settings.env,
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	TRY(parse(&settings, argc, argv));
	TRY(userns_enter(settings.mode, 0, &userns));
	/* fds must be of the mount namespace that we have now. */
	AUTO_FREE struct mount_dir *layers = xcalloc(settings.layers.n + 1, sizeof(*layers));
	for (size_t i = 0; i < settings.layers.n; i++)
		layers[i] = open_dir(settings.layers.p[i]);
	for (size_t i = 0; i < settings.mounts.n; i++)
		if (settings.mounts.p[i].kind == SANDBOX_BIND) {
			AUTO_FREE char *path = xasprintf(
					"/proc/self/fd/%d", settings.mounts.p[i].source.fd);
			char name[4096] = "";
			(void)!readlink(path, name, sizeof(name) - 1);
			settings.mounts.p[i].source = open_dir(name);
		}
	settings.step.layers = layers;
	settings.step.n_layers = settings.layers.n;
	if (!settings.layers.n)
		settings.step.root = open_dir(settings.dir);
	settings.step.mounts = settings.mounts.p;
	settings.step.n_mounts = settings.mounts.n;
	settings.step.limits = settings.limits.p;
	settings.step.n_limits = settings.limits.n;
	settings.step.stdin_fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
	settings.step.stdout_fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
	settings.step.stderr_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
	TRY(identify(&settings, &userns, &user));
	vec_push(&settings.env, NULL);
	settings.step.env = (const char *const *)settings.env.p;
	if (settings.print_plan) {
		AUTO(strbuf) struct strbuf text = { 0 };

		TRY(sandbox_describe(&userns, &settings.step, &text));
		(void)fputs(strbuf_text(&text), stdout);
		return NULL;
	}
	return run_all(&settings, &userns, ret_status);
}

int main(int argc, char **argv)
{
	int status = 0;
	struct error *error = run(argc, argv, &status);

	return error ? fail(error) : status;
}
