#include "sandbox/identity.h"
#include "base/vec.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum { IDENTITIES = 65536 };

void identities_init(struct identities *identities, const struct identity *first)
{
	*identities = (struct identities){ 0 };
	vec_push(identities, (struct identity){ 0 });
	vec_push(identities, *first);
}

void identities_done(struct identities *identities)
{
	vec_done(identities);
}

const struct identity *identity_of(const struct identities *identities, pid_t pid)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_LOCKS, NULL, &limit) < 0 || limit.rlim_cur >= identities->n)
		return &identities->p[0];
	return &identities->p[limit.rlim_cur];
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return memcmp(&a->uid, &b->uid, sizeof(a->uid)) == 0 &&
	       memcmp(&a->gid, &b->gid, sizeof(a->gid)) == 0 && a->n_groups == b->n_groups &&
	       memcmp(a->groups, b->groups, a->n_groups * sizeof(a->groups[0])) == 0;
}

int identity_give(struct identities *identities, pid_t pid, const struct identity *identity)
{
	struct rlimit limit;
	size_t i = 0;

	while (i < identities->n && !is_same(&identities->p[i], identity))
		i++;
	if (i == IDENTITIES)
		return -EAGAIN;
	if (i == identities->n) {
		/* identity may lie in the table, which may move. */
		struct identity copy = *identity;
		vec_push(identities, copy);
	}
	if (prlimit(pid, RLIMIT_LOCKS, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur = i;
	return prlimit(pid, RLIMIT_LOCKS, &limit, NULL) < 0 ? -errno : 0;
}

struct ids ids_all(uint32_t id)
{
	return (struct ids){ id, id, id, id };
}

bool identity_has_group(const struct identity *identity, uint32_t gid)
{
	if (identity->gid.fs == gid || identity->gid.effective == gid)
		return true;
	for (size_t i = 0; i < identity->n_groups; i++)
		if (identity->groups[i] == gid)
			return true;
	return false;
}

static bool is_one_of(const struct ids *ids, uint32_t id)
{
	return id == ids->real || id == ids->effective || id == ids->saved;
}

int ids_set(struct ids *ids, bool is_privileged, uint32_t id)
{
	if (id == UINT32_MAX)
		return -EINVAL;
	if (is_privileged)
		*ids = ids_all(id);
	else if (id == ids->real || id == ids->saved)
		ids->effective = ids->fs = id;
	else
		return -EPERM;
	return 0;
}

int ids_set_real_effective(struct ids *ids, bool is_privileged, uint32_t real, uint32_t effective)
{
	struct ids old = *ids;

	if (!is_privileged && real != UINT32_MAX && real != old.real && real != old.effective)
		return -EPERM;
	if (!is_privileged && effective != UINT32_MAX && !is_one_of(&old, effective))
		return -EPERM;
	if (real != UINT32_MAX)
		ids->real = real;
	if (effective != UINT32_MAX)
		ids->effective = effective;
	if (real != UINT32_MAX || (effective != UINT32_MAX && effective != old.real))
		ids->saved = ids->effective;
	ids->fs = ids->effective;
	return 0;
}

int ids_set_all(struct ids *ids, bool is_privileged, uint32_t real, uint32_t effective,
		uint32_t saved)
{
	struct ids old = *ids;
	const uint32_t wanted[] = { real, effective, saved };

	for (size_t i = 0; i < COUNT(wanted); i++)
		if (!is_privileged && wanted[i] != UINT32_MAX && !is_one_of(&old, wanted[i]))
			return -EPERM;
	if (real != UINT32_MAX)
		ids->real = real;
	if (effective != UINT32_MAX)
		ids->effective = effective;
	if (saved != UINT32_MAX)
		ids->saved = saved;
	ids->fs = ids->effective;
	return 0;
}

uint32_t ids_set_fs(struct ids *ids, bool is_privileged, uint32_t id)
{
	uint32_t old = ids->fs;

	if (id != UINT32_MAX && (is_privileged || is_one_of(ids, id) || id == ids->fs))
		ids->fs = id;
	return old;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void identity_sort_groups(struct identity *identity)
{
	qsort(identity->groups, identity->n_groups, sizeof(identity->groups[0]), by_number);
}
