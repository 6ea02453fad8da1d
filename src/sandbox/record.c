#include "sandbox/record.h"
#include "base/log.h"
#include "sandbox/record_call.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Linux 6.6; not in Debian 12's headers. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#endif

struct record {
	int listener_fd;
	struct identities identities;
	bool has_chrooted; /* some process did */
	struct seccomp_notif_sizes sizes;
	struct seccomp_notif *question;
	struct seccomp_notif_resp *answer;
};

static void note_chroot(struct record_call *call)
{
	call->let_go = true;
}

/* What is asked, and who answers. One argument may say that a call is of no interest. */
static const struct watched {
	struct filter_watch watch;
	void (*answer)(struct record_call *call);
} calls[] = {
	{ { SYS_getuid, 0, 0 }, record_get_id },
	{ { SYS_geteuid, 0, 0 }, record_get_id },
	{ { SYS_getgid, 0, 0 }, record_get_id },
	{ { SYS_getegid, 0, 0 }, record_get_id },
	{ { SYS_getresuid, 0, 0 }, record_get_three },
	{ { SYS_getresgid, 0, 0 }, record_get_three },
	{ { SYS_getgroups, 0, 0 }, record_get_groups },
	{ { SYS_setuid, 0, 0 }, record_set_id },
	{ { SYS_setgid, 0, 0 }, record_set_id },
	{ { SYS_setreuid, 0, 0 }, record_set_id },
	{ { SYS_setregid, 0, 0 }, record_set_id },
	{ { SYS_setresuid, 0, 0 }, record_set_id },
	{ { SYS_setresgid, 0, 0 }, record_set_id },
	{ { SYS_setfsuid, 0, 0 }, record_set_id },
	{ { SYS_setfsgid, 0, 0 }, record_set_id },
	{ { SYS_setgroups, 0, 0 }, record_set_groups },
	{ { SYS_fchown, 0, 0 }, record_chown },
	{ { SYS_fchownat, 0, 0 }, record_chown },
	{ { SYS_fstat, 0, 0 }, record_stat },
	{ { SYS_newfstatat, 0, 0 }, record_stat },
	{ { SYS_statx, 0, 0 }, record_stat },
	{ { SYS_mknodat, 0, 0 }, record_mknod },
	{ { SYS_mkdirat, 0, 0 }, record_mkdir },
	{ { SYS_symlinkat, 0, 0 }, record_symlink },
	{ { SYS_openat, 2, O_CREAT }, record_open },
	{ { SYS_chroot, 0, 0 }, note_chroot },
#ifdef SYS_chown /* the calls that younger machines do without */
	{ { SYS_chown, 0, 0 }, record_chown },
	{ { SYS_lchown, 0, 0 }, record_chown },
	{ { SYS_stat, 0, 0 }, record_stat },
	{ { SYS_lstat, 0, 0 }, record_stat },
	{ { SYS_mknod, 0, 0 }, record_mknod },
	{ { SYS_mkdir, 0, 0 }, record_mkdir },
	{ { SYS_symlink, 0, 0 }, record_symlink },
	{ { SYS_open, 1, O_CREAT }, record_open },
	{ { SYS_creat, 0, 0 }, record_open },
#endif
};

void record_filter(struct filter_program *ret)
{
	struct filter_watch watch[COUNT(calls)];

	for (size_t i = 0; i < COUNT(calls); i++)
		watch[i] = calls[i].watch;
	filter_listener(watch, COUNT(calls), ret);
}

struct record *record_new(const struct plan *plan)
{
	struct identity first = { 0 };
	bool is_wanted = false;

	for (size_t i = 0; i < plan->ops.n; i++) {
		const struct plan_op *op = &plan->ops.p[i];

		if (op->kind == PLAN_RECORD)
			is_wanted = true;
		if (op->kind == PLAN_GROUP && first.n_groups < IDENTITY_GROUPS)
			first.groups[first.n_groups++] = (uint32_t)op->number;
		if (op->kind == PLAN_USER) {
			first.uid = ids_all((uint32_t)op->number);
			first.gid = ids_all((uint32_t)op->second);
		}
	}
	if (!is_wanted)
		return NULL;
	identity_sort_groups(&first);
	struct record *record = xcalloc(1, sizeof(*record));
	record->listener_fd = -1;
	identities_init(&record->identities, &first);
	return record;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	if (record->listener_fd >= 0)
		(void)close(record->listener_fd);
	identities_done(&record->identities);
	free(record->question);
	free(record->answer);
	free(record);
}

FALLIBLE record_start(int listener_fd, struct record *record)
{
	AUTO_FD int fd = listener_fd;

	if (!record || record->listener_fd >= 0)
		return error_new(ERR_INVALID, "a listener that nobody asked for");
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &record->sizes) < 0)
		return error_sys("use seccomp notifications");
	/* The kernel's may be larger than those that we were built with, and the other way. */
	size_t question = record->sizes.seccomp_notif;
	size_t answer = record->sizes.seccomp_notif_resp;
	if (question < sizeof(struct seccomp_notif))
		question = sizeof(struct seccomp_notif);
	if (answer < sizeof(struct seccomp_notif_resp))
		answer = sizeof(struct seccomp_notif_resp);
	record->sizes.seccomp_notif = (uint16_t)question;
	record->sizes.seccomp_notif_resp = (uint16_t)answer;
	record->question = xcalloc(1, question);
	record->answer = xcalloc(1, answer);
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) < 0)
		log_debug("answers to recorded calls are slower before Linux 6.6");
	(void)umask(0); /* the caller's is applied by us */
	record->listener_fd = TAKE_FD(fd);
	return NULL;
}

int record_fd(const struct record *record)
{
	return record ? record->listener_fd : -1;
}

static const struct watched *find_call(int number)
{
	for (size_t i = 0; i < COUNT(calls); i++)
		if (calls[i].watch.number == number)
			return &calls[i];
	return NULL;
}

static void answer(struct record *record)
{
	const struct seccomp_notif *question = record->question;
	const struct watched *watched = find_call(question->data.nr);
	uint64_t args[6];

	for (unsigned i = 0; i < 6; i++)
		args[i] = question->data.args[i];
	struct record_call call = {
		.tracee = {
			.listener_fd = record->listener_fd,
			.id = question->id,
			.pid = (pid_t)question->pid,
			.may_have_chrooted = record->has_chrooted,
		},
		.identities = &record->identities,
		.who = identity_of(&record->identities, (pid_t)question->pid),
		.number = question->data.nr,
		.args = args,
		.let_go = !watched,
	};

	if (question->data.nr == SYS_chroot)
		record->has_chrooted = true;
	if (watched)
		watched->answer(&call);
	memset(record->answer, 0, record->sizes.seccomp_notif_resp);
	record->answer->id = question->id;
	if (call.let_go)
		record->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (call.error)
		record->answer->error = call.error;
	else
		record->answer->val = call.value;
	if (ioctl(record->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, record->answer) < 0 &&
			errno != ENOENT) /* the caller died meanwhile */
		log_debug("a recorded call got no answer: %s", strerrordesc_np(errno));
}

void record_answer(struct record *record)
{
	memset(record->question, 0, record->sizes.seccomp_notif);
	if (ioctl(record->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, record->question) == 0) {
		answer(record);
		return;
	}
	/* ENOENT, EINTR: the caller died before we looked. Anything else: nobody is left. */
	struct pollfd poll_fd = { .fd = record->listener_fd, .events = POLLIN };
	if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLHUP))
		(void)close(TAKE_FD(record->listener_fd));
}
