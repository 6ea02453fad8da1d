/* A sandbox: its helper, and where that is. */
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/bare.h"
#include "sandbox/helper.h"
#include "sandbox/namespaces.h"
#include "sandbox/network.h"
#include "sandbox/sandbox_inner.h"
#include "sandbox/wire.h"
#include "sys/fd.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { READY_BYTES = 65536 };

char *sandbox_resolv_conf(void)
{
	char *text = NULL;
	size_t n = 0;
	struct error *error =
			file_read(AT_FDCWD, "/etc/resolv.conf", LIMIT_SETTINGS_BYTES, &text, &n);

	/* systemd-resolved's stub is a loopback address; beside it lies the real list. */
	if (!error && strstr(text, "nameserver 127.0.0.53")) {
		char *real = NULL;

		error = file_read(AT_FDCWD, "/run/systemd/resolve/resolv.conf",
				LIMIT_SETTINGS_BYTES, &real, &n);
		if (!error) {
			free(text);
			text = real;
		}
	}
	error_ignore(error, "steps go without nameservers");
	return text ? text : xstrdup("");
}

/* A helper has a namespace of its own unless kiln is in the steps' already. */
static bool is_mapped_by_us(const struct userns *userns)
{
	return userns->owner.kind == OWNER_MAPPED ||
	       (userns->mode == USERNS_ROOT && userns->owner.kind != OWNER_RECORDED);
}

/* What a helper is told; ret's fds are ours. ret->is_init is a wish, and then whether it is so. */
static FALLIBLE fork_helper(const struct userns *userns, struct helper helper, struct spare *ret)
{
	bool is_bare = userns_is_bare(userns->mode);
	int control[2], sync[2] = { -1, -1 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return error_sys("make a socket pair");
	AUTO_FD int ours_fd = control[0];
	AUTO_FD int theirs_fd = control[1];
	if ((helper.is_spare || helper.takes_order || is_mapped_by_us(userns)) &&
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return error_sys("make a socket pair");
	AUTO_FD int our_sync_fd = sync[0];
	AUTO_FD int their_sync_fd = sync[1];

	helper.control_fd = theirs_fd;
	helper.sync_fd = their_sync_fd;
	bool is_born_in = is_mapped_by_us(userns) && !helper.is_spare && !helper.join;
	pid_t pid = ret->is_init ? helper_fork_init(is_born_in) : -1;
	bool is_init = pid >= 0;
	if (!is_init)
		pid = is_born_in ? userns_fork(&helper.refused) : fork();
	if (pid < 0)
		return error_sys("fork the sandbox helper");
	if (pid == 0 && is_bare)
		bare_helper_run(&(struct bare_helper){ theirs_fd, userns->mode });
	if (pid == 0 && is_init)
		helper_be_init(&helper);
	if (pid == 0)
		helper_run(&helper);
	if (is_init)
		proc_start_elsewhere(pid);
	*ret = (struct spare){ TAKE_FD(ours_fd), TAKE_FD(our_sync_fd), pid, helper.refused,
		.is_init = is_init };
	return NULL;
}

static FALLIBLE meet(const struct userns *userns, const struct spare *helper, bool is_ordinary)
{
	if (is_ordinary)
		TRY(userns_parent_wait(helper->sync_fd));
	return userns_parent_map(userns, helper->pid, helper->sync_fd);
}

/*
 * A child that fails before it is mapped keeps the reason for the first step. is_ordinary: it was
 * not born in its namespace.
 */
static void map_helper(const struct userns *userns, struct spare *helper, bool is_ordinary)
{
	if (helper->sync_fd < 0)
		return;
	if (!helper->refused)
		error_ignore(meet(userns, helper, is_ordinary), "told by the first step");
	(void)close(helper->sync_fd);
}

/* What steps share where they have no namespaces at all: everything, and no file can be joined. */
static FALLIBLE check_bare(const struct userns *userns, const struct sandbox_namespaces *wish)
{
	for (size_t i = 0; wish && i < SANDBOX_NAMESPACES; i++) {
		if (!wish->path[i])
			continue;
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "the %s namespace '%s' cannot be joined with "
						  "isolation '%s': its steps have none",
						  namespace_name((enum sandbox_namespace)i),
						  wish->path[i], userns_mode_name(userns->mode)),
				"'kiln doctor' says what is missing for a better one");
	}
	return NULL;
}

static FALLIBLE hear_ready(int sync_fd, struct sandbox *sandbox)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };

	TRY(wire_receive(sync_fd, READY_BYTES, &frame));
	if (frame.type == WIRE_FAILED)
		return wire_get_error(frame.bytes.p, frame.bytes.n);
	if (frame.type != WIRE_READY)
		return error_new(ERR_SYS, "the sandbox helper has ended");
	if (sandbox->shared & CLONE_NEWUTS)
		sandbox->hostname = xstrdup(strbuf_text(&frame.bytes));
	return NULL;
}

static void stop_helper(int control_fd, pid_t pid)
{
	if (control_fd >= 0)
		(void)close(control_fd);
	if (pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
}

/* Tell a spare where to go, and see it there; it is the helper from now on. */
static FALLIBLE wake(struct sandbox *sandbox, struct spare *spare, const struct userns *userns,
		const struct sandbox_namespaces *wish)
{
	AUTO(namespaces) struct namespaces namespaces = { 0 };
	struct helper_order order = { .is_mapped = is_mapped_by_us(userns) };

	if (wish)
		TRY(namespaces_open(wish, &namespaces));
	order.shared = sandbox->shared = namespaces.shared;
	order.joined = namespaces.joined;
	(void)snprintf(order.join, sizeof(order.join), "%s", userns->join ? userns->join : "");
	TRY_WRAP(wire_send(spare->sync_fd, WIRE_ORDER, &order, sizeof(order), namespaces.fds,
				 namespaces.n),
			"wake the sandbox helper");
	if (order.shared)
		TRY(hear_ready(spare->sync_fd, sandbox));
	if (order.is_mapped)
		map_helper(userns, spare, true);
	else
		(void)close(spare->sync_fd);
	sandbox->userns = *userns;
	sandbox->control_fd = spare->control_fd;
	sandbox->helper = spare->pid;
	sandbox->has_init = false;
	return NULL;
}

/* In a bare mode there is no place to go to, but a name that is the host's. */
static FALLIBLE share_bare(struct sandbox *sandbox, const struct sandbox_namespaces *wish)
{
	char name[HOST_NAME_MAX + 1] = "";

	TRY(check_bare(&sandbox->userns, wish));
	if (!wish || !wish->is_host[SANDBOX_UTS])
		return NULL;
	if (gethostname(name, sizeof(name) - 1) < 0)
		return error_sys("read the host's name");
	sandbox->hostname = xstrdup(name);
	return NULL;
}

FALLIBLE sandbox_move(struct sandbox *sandbox, const struct userns *userns,
		const struct sandbox_namespaces *namespaces)
{
	struct spare spare = sandbox->spare;
	int control_fd = sandbox->control_fd;
	pid_t helper = sandbox->helper;

	if (!spare.pid || spare.is_dismissed)
		return error_new(ERR_INVALID, "a sandbox that cannot change its namespaces");
	TRY(wake(sandbox, &spare, userns, namespaces));
	sandbox->spare = (struct spare){ 0 };
	if (!spare.is_helper)
		stop_helper(control_fd, helper);
	return NULL;
}

static FALLIBLE start(struct sandbox *sandbox, unsigned how, const struct sandbox_namespaces *wish)
{
	const struct userns *userns = &sandbox->userns;
	bool is_bare = userns_is_bare(userns->mode);
	bool may_move = (how & SANDBOX_MAY_MOVE) && userns->owner.kind != OWNER_MAPPED && !is_bare;
	struct spare helper = { 0 };
	struct helper told = {
		.join = userns->join,
		.records_owners = userns->owner.kind == OWNER_RECORDED,
		.is_for_one = (how & SANDBOX_FOR_ONE) != 0,
		.is_spare = namespaces_any(wish) && !is_bare,
		/* With one id there are no others to be mapped to: no other process is needed. */
		.takes_order = may_move && userns->owner.kind == OWNER_RECORDED,
	};

	/* Steps share our process numbers: what is ours is not to be read below /proc. */
	if (is_bare)
		(void)prctl(PR_SET_DUMPABLE, 0);
	if (told.is_spare) {
		TRY(fork_helper(userns, told, &sandbox->spare));
		return sandbox_move(sandbox, userns, wish);
	}
	/* Another process less to make and to see out; should there be need of it, there is a
	 * spare. */
	helper.is_init = told.is_for_one && may_move && !told.takes_order && !told.join;
	TRY(fork_helper(userns, told, &helper));
	sandbox->control_fd = helper.control_fd;
	sandbox->helper = helper.pid;
	sandbox->has_init = helper.is_init;
	if (is_bare)
		return share_bare(sandbox, wish);
	if (told.takes_order) {
		sandbox->spare = helper;
		sandbox->spare.is_helper = true;
		return NULL;
	}
	map_helper(userns, &helper, userns->join != NULL);
	told.is_spare = true;
	if (may_move)
		TRY(fork_helper(userns, told, &sandbox->spare));
	return NULL;
}

FALLIBLE sandbox_start(const struct userns *userns, unsigned how,
		const struct sandbox_namespaces *namespaces, struct sandbox **ret)
{
	AUTO(sandbox) struct sandbox *sandbox = xcalloc(1, sizeof(*sandbox));

	sandbox->userns = *userns;
	sandbox->control_fd = -1;
	(void)pthread_mutex_init(&sandbox->lock, NULL);
	TRY(start(sandbox, how, namespaces));
	sandbox->resolv_conf = sandbox_resolv_conf();
	*ret = TAKE(sandbox);
	return NULL;
}

const char *sandbox_hostname(const struct sandbox *sandbox)
{
	return sandbox ? sandbox->hostname : NULL;
}

void sandbox_dismiss_spare(struct sandbox *sandbox)
{
	(void)pthread_mutex_lock(&sandbox->lock);
	if (sandbox->spare.pid && !sandbox->spare.is_dismissed) {
		(void)close(sandbox->spare.sync_fd);
		if (!sandbox->spare.is_helper)
			(void)close(sandbox->spare.control_fd);
		sandbox->spare.is_dismissed = true;
	}
	(void)pthread_mutex_unlock(&sandbox->lock);
}

void sandbox_end(struct sandbox *sandbox)
{
	/* A private network is taken down in an order of its own. */
	if (sandbox->network || sandbox->control_fd < 0)
		return;
	(void)close(sandbox->control_fd);
	sandbox->control_fd = -1;
}

void sandbox_stop(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	network_free(sandbox->network);
	/* As a helper would. */
	if (sandbox->has_init)
		(void)kill(sandbox->helper, SIGKILL);
	stop_helper(sandbox->control_fd, sandbox->helper);
	sandbox_dismiss_spare(sandbox);
	if (sandbox->spare.pid && !sandbox->spare.is_helper)
		(void)TEMP_FAILURE_RETRY(waitpid(sandbox->spare.pid, NULL, 0));
	/* Not before the helper has left the group that we may be in. */
	resources_groups_done(&sandbox->groups);
	(void)pthread_mutex_destroy(&sandbox->lock);
	free(sandbox->resolv_conf);
	free(sandbox->hostname);
	free(sandbox);
}
