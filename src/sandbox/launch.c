#include "sandbox/launch.h"
#include "base/clock.h"
#include "base/log.h"
#include "sandbox/network.h"
#include "sandbox/plan_make.h"
#include "sandbox/sandbox_inner.h"
#include "sandbox/wire.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Between SIGTERM and SIGKILL of a cancelled step. */
enum { GRACE_MS = 10000, SMALL_BYTES = 65536 };

/* The build's own network, made by the first step that wants it. */
static FALLIBLE want_network(struct sandbox *sandbox, struct plan_host *host)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&sandbox->lock);
	/* Who holds it is a PID 1 of its own. */
	if (sandbox->has_init)
		error = sandbox_move(sandbox, &sandbox->userns, NULL);
	if (!error && !sandbox->network)
		error = network_new(sandbox->control_fd, &sandbox->userns, &sandbox->network);
	if (!error) {
		host->network_fd = network_fd(sandbox->network);
		host->dns_fallback = network_dns(sandbox->network);
	}
	(void)pthread_mutex_unlock(&sandbox->lock);
	return error;
}

/* The step's own group, where it asks for limits and they can be had. */
static FALLIBLE want_cgroup(struct sandbox *sandbox, const struct sandbox_resources *resources,
		struct strbuf *notes, struct cgroup **ret)
{
	AUTO(cgroup_host) struct cgroup_host host = { 0 };

	*ret = NULL;
	if (!resources_any(resources))
		return NULL;
	cgroup_find(&host);
	(void)pthread_mutex_lock(&sandbox->lock);
	struct error *error = resources_open(&sandbox->groups, &host, resources, notes, ret);
	(void)pthread_mutex_unlock(&sandbox->lock);
	return error;
}

/* What kiln itself has to say goes before what the sandbox said. */
static void add_notes(const struct strbuf *notes, const struct cgroup *group,
		struct sandbox_result *result)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	unsigned kills = group ? cgroup_oom_kills(group) : 0;

	strbuf_add_str(&text, strbuf_str(notes));
	if (kills)
		strbuf_addf(&text, "%sthe step reached its limit of memory: %u process%s killed",
				text.n ? "; " : "", kills, kills == 1 ? " was" : "es were");
	if (!text.n)
		return;
	strbuf_addf(&text, "%s%s", result->notes[0] ? "; " : "", result->notes);
	(void)snprintf(result->notes, sizeof(result->notes), "%s", strbuf_text(&text));
}

static FALLIBLE make_plan(const struct userns *userns, const char *resolv_conf,
		struct plan_host *host, const struct sandbox_step *step, struct plan *ret)
{
	host->resolv_conf = resolv_conf;
	host->records_owners = userns->owner.kind == OWNER_RECORDED;
	/* A mount from outside opens its device nodes for whoever may remount it. */
	if (step->insecure && userns->mode == USERNS_ROOT && !step->n_layers)
		return error_new(ERR_UNSUPPORTED, "an insecure step on a plain directory, as root");
	return plan_make(host, step, ret);
}

/*
 * As root, what kiln made for overlayfs belongs to host root until it is given to the image's; and
 * PID 1, which is nobody to host root, has to get there.
 */
static FALLIBLE own(const struct owner_policy *policy, const struct mount_dir *dir)
{
	struct stat st;
	const char *path = dir->path && *dir->path ? dir->path : ".";
	uid_t root = 0;
	gid_t group = 0;

	if ((policy->kind != OWNER_SHIFTED && policy->kind != OWNER_MAPPED) || dir->fd <= 0)
		return NULL;
	if (fstat(dir->fd, &st) < 0)
		return error_sys("look at the directory of '%s'", path);
	TRY(owner_disk_ids(policy, 0, 0, &root, &group));
	if (st.st_uid == 0 && root != 0 && !(st.st_mode & S_IXOTH))
		return error_hint(error_new(ERR_DENIED, "the directory of '%s' is closed to steps",
						  path),
				"its mode must let others search it (chmod o+x)");
	if (fstatat(dir->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("look at '%s'", path);
	if (st.st_uid != 0 || root == 0)
		return NULL;
	return owner_set(policy, dir->fd, path,
			&(struct owner){ .mode = S_IFDIR | (st.st_mode & 07777) });
}

/* A pipe is opened again by "> /dev/stderr", with the rights of who the step is. */
static void own_pipe(const struct owner_policy *policy, const struct sandbox_step *step, int fd)
{
	struct stat st;
	uid_t uid = 0;
	gid_t gid = 0;

	if (policy->kind == OWNER_RECORDED || fd <= 0 || fstat(fd, &st) < 0 ||
			!S_ISFIFO(st.st_mode))
		return;
	/* A user who is not mapped is an error of the step itself. */
	struct error *error = owner_disk_ids(policy, step->uid, step->gid, &uid, &gid);
	if (error) {
		error_ignore(error, "the step tells");
		return;
	}
	if (st.st_uid != uid && fchown(fd, uid, gid) < 0)
		log_debug("a pipe cannot be given to user %u", step->uid);
}

FALLIBLE launch_pair(int *ret_ours, int *ret_theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys("make a socket pair");
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return NULL;
}

FALLIBLE launch_hand_over(int control_fd, int theirs_fd)
{
	struct iovec part = { (void *)(uintptr_t) "+", 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &theirs_fd, sizeof(int));
	if (TEMP_FAILURE_RETRY(sendmsg(control_fd, &message, MSG_NOSIGNAL)) < 0)
		return errno == EPIPE || errno == ECONNRESET
				       ? error_new(ERR_SYS, "the sandbox helper has ended")
				       : error_sys("ask for a sandbox");
	return NULL;
}

/* Send the plan; directories go as mounts of their own, which any mount namespace takes. */
static FALLIBLE send_plan(
		int step_fd, const struct plan *plan, const struct strbuf *bytes, bool is_bare)
{
	int fds[PLAN_FDS];
	int clones[PLAN_FDS];
	size_t n_clones = 0;
	struct error *error = NULL;

	for (size_t i = 0; !error && i < plan->fds.n; i++) {
		fds[i] = plan->fds.p[i].fd;
		if (!plan->fds.p[i].is_tree || is_bare)
			continue;
		error = mount_clone(plan->fds.p[i].fd, NULL, true, &fds[i]);
		if (!error)
			clones[n_clones++] = fds[i];
	}
	if (!error)
		error = wire_send(step_fd, WIRE_STEP, bytes->p, bytes->n, fds, plan->fds.n);
	for (size_t i = 0; i < n_clones; i++)
		(void)close(clones[i]);
	return error;
}

/* The plan first where it surely fits into the socket: then its PID 1 need not wait for it. */
static FALLIBLE launch(const struct sandbox *sandbox, const struct plan *plan, int *ret_fd)
{
	AUTO(strbuf) struct strbuf bytes = { 0 };
	int ours = -1;
	int theirs = -1;
	bool is_bare = userns_is_bare(sandbox->userns.mode);

	TRY(plan_encode(plan, &bytes));
	TRY(launch_pair(&ours, &theirs));
	AUTO_FD int ours_fd = ours;
	AUTO_FD int theirs_fd = theirs;
	bool is_small = bytes.n < SMALL_BYTES;
	if (is_small)
		TRY(send_plan(ours_fd, plan, &bytes, is_bare));
	TRY(launch_hand_over(sandbox->control_fd, theirs_fd));
	(void)close(TAKE_FD(theirs_fd));
	if (!is_small)
		TRY(send_plan(ours_fd, plan, &bytes, is_bare));
	*ret_fd = TAKE_FD(ours_fd);
	return NULL;
}

/* One step as seen from here. */
struct launched {
	int step_fd;
	uint64_t kill_at_ns; /* 0: not cancelled */
	bool is_done;
};

static FALLIBLE hear(struct launched *launched, struct sandbox_result *result)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };

	TRY(wire_receive(launched->step_fd, PLAN_BYTES, &frame));
	launched->is_done = true;
	if (frame.type == WIRE_FAILED)
		return wire_get_error(frame.bytes.p, frame.bytes.n);
	if (frame.type == WIRE_RESULT && frame.bytes.n == sizeof(*result)) {
		memcpy(result, frame.bytes.p, sizeof(*result));
		result->notes[sizeof(result->notes) - 1] = '\0';
		return NULL;
	}
	return error_new(ERR_EXIT, "the sandbox was killed");
}

static void cancel_step(struct launched *launched)
{
	launched->kill_at_ns = clock_monotonic_ns() + GRACE_MS * UINT64_C(1000000);
	error_ignore(wire_send(launched->step_fd, WIRE_TERMINATE, NULL, 0, NULL, 0),
			"the step has ended already");
}

static int time_left_ms(const struct launched *launched)
{
	uint64_t now = clock_monotonic_ns();

	if (!launched->kill_at_ns)
		return -1;
	return now >= launched->kill_at_ns ? 0 : (int)((launched->kill_at_ns - now) / 1000000) + 1;
}

static FALLIBLE wait_for(
		struct launched *launched, struct cancel *cancel, struct sandbox_result *result)
{
	struct error *error = NULL;

	while (!launched->is_done) {
		struct pollfd polls[] = {
			{ .fd = launched->step_fd, .events = POLLIN },
			{ .fd = launched->kill_at_ns ? -1 : cancel_fd(cancel), .events = POLLIN },
		};
		int n = poll(polls, 2, time_left_ms(launched));

		if (n < 0 && errno != EINTR)
			return error_sys("wait for a step");
		if (n == 0 && launched->kill_at_ns) {
			error_ignore(wire_send(launched->step_fd, WIRE_KILL, NULL, 0, NULL, 0),
					"the step has ended already");
			break;
		}
		if (n > 0 && polls[0].revents)
			error = error_first(error, hear(launched, result));
		else if (n > 0 && polls[1].revents)
			cancel_step(launched);
	}
	if (!launched->kill_at_ns)
		return error;
	error_free(error);
	return error_new(ERR_CANCELED, "the step was stopped");
}

FALLIBLE sandbox_run(struct sandbox *sandbox, const struct sandbox_step *step,
		struct cancel *cancel, struct sandbox_result *ret)
{
	AUTO(plan) struct plan plan = { 0 };
	struct plan_host host = { 0 };
	struct launched launched = { .step_fd = -1 };
	struct sandbox_result result = { 0 };
	AUTO(strbuf) struct strbuf notes = { 0 };
	AUTO(cgroup) struct cgroup *group = NULL;

	TRY(cancel_check(cancel));
	TRY(want_cgroup(sandbox, &step->resources, &notes, &group));
	host.cgroup_fd = group ? group->procs_fd : -1;
	host.shares_uts = sandbox->hostname != NULL;
	if (step->network == SANDBOX_NET_PRIVATE)
		TRY(want_network(sandbox, &host));
	TRY(make_plan(&sandbox->userns, sandbox->resolv_conf, &host, step, &plan));
	TRY(own(&sandbox->userns.owner, &step->upper));
	TRY(own(&sandbox->userns.owner, &step->work));
	own_pipe(&sandbox->userns.owner, step, step->stdin_fd);
	own_pipe(&sandbox->userns.owner, step, step->stdout_fd);
	own_pipe(&sandbox->userns.owner, step, step->stderr_fd);
	/* Who is root in there would read us below its /proc, if it held the rights. Not before
	 * the program of a private network has opened what is ours. */
	if (sandbox->shared & CLONE_NEWPID)
		(void)prctl(PR_SET_DUMPABLE, 0);
	TRY(launch(sandbox, &plan, &launched.step_fd));
	sandbox_dismiss_spare(sandbox);
	if (step->meanwhile)
		step->meanwhile(step->meanwhile_arg);
	struct error *error = wait_for(&launched, cancel, &result);
	/* A PID 1 that we leave before its end sees this, and ends with all it has. */
	(void)close(launched.step_fd);
	TRY(error);
	add_notes(&notes, group, &result);
	*ret = result;
	return NULL;
}

FALLIBLE sandbox_describe(
		const struct userns *userns, const struct sandbox_step *step, struct strbuf *out)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO_FREE char *resolv_conf = sandbox_resolv_conf();
	struct plan_host host = { 0 };

	TRY(make_plan(userns, resolv_conf, &host, step, &plan));
	plan_print(&plan, out);
	return NULL;
}
