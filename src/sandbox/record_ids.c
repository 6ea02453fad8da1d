#include "sandbox/record_call.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

static uint32_t id_argument(const struct record_call *call, unsigned i)
{
	return (uint32_t)call->args[i];
}

static bool is_privileged(const struct record_call *call)
{
	return call->who->uid.effective == 0;
}

void record_get_id(struct record_call *call)
{
	switch (call->number) {
	case SYS_getuid:
		call->value = call->who->uid.real;
		return;
	case SYS_geteuid:
		call->value = call->who->uid.effective;
		return;
	case SYS_getgid:
		call->value = call->who->gid.real;
		return;
	default:
		call->value = call->who->gid.effective;
	}
}

void record_get_three(struct record_call *call)
{
	const struct ids *ids = call->number == SYS_getresuid ? &call->who->uid : &call->who->gid;
	const uint32_t values[] = { ids->real, ids->effective, ids->saved };

	for (unsigned i = 0; i < 3 && !call->error; i++)
		call->error = tracee_write(
				&call->tracee, call->args[i], &values[i], sizeof(values[i]));
}

void record_get_groups(struct record_call *call)
{
	size_t room = (uint32_t)call->args[0];
	size_t n = call->who->n_groups;

	call->value = (int64_t)n;
	if (room == 0)
		return;
	if (room < n) {
		call->error = -EINVAL;
		return;
	}
	if (n)
		call->error = tracee_write(&call->tracee, call->args[1], call->who->groups,
				n * sizeof(call->who->groups[0]));
}

static int set_half(struct record_call *call, struct ids *ids)
{
	uint32_t first = id_argument(call, 0);
	bool privileged = is_privileged(call);

	switch (call->number) {
	case SYS_setuid:
	case SYS_setgid:
		return ids_set(ids, privileged, first);
	case SYS_setreuid:
	case SYS_setregid:
		return ids_set_real_effective(ids, privileged, first, id_argument(call, 1));
	case SYS_setresuid:
	case SYS_setresgid:
		return ids_set_all(
				ids, privileged, first, id_argument(call, 1), id_argument(call, 2));
	default: /* setfsuid, setfsgid */
		call->value = ids_set_fs(ids, privileged, first);
		return 0;
	}
}

void record_set_id(struct record_call *call)
{
	struct identity wanted = *call->who;
	bool is_group = call->number == SYS_setgid || call->number == SYS_setregid ||
			call->number == SYS_setresgid || call->number == SYS_setfsgid;

	call->error = set_half(call, is_group ? &wanted.gid : &wanted.uid);
	if (!call->error)
		call->error = identity_give(call->identities, call->tracee.pid, &wanted);
}

void record_set_groups(struct record_call *call)
{
	struct identity wanted = *call->who;
	size_t n = (uint32_t)call->args[0];

	if (!is_privileged(call)) {
		call->error = -EPERM;
		return;
	}
	/* The first ones: nobody builds as a member of more. */
	wanted.n_groups = n < IDENTITY_GROUPS ? n : IDENTITY_GROUPS;
	if (wanted.n_groups)
		call->error = tracee_read(&call->tracee, call->args[1], wanted.groups,
				wanted.n_groups * sizeof(wanted.groups[0]));
	identity_sort_groups(&wanted);
	if (!call->error)
		call->error = identity_give(call->identities, call->tracee.pid, &wanted);
}
