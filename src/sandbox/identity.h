/*
 * identity: who a process of a recorded step takes itself for. Identities are values in a table;
 * which one a process has is a number that the kernel hands down over fork and exec for us: its
 * soft RLIMIT_LOCKS, which Linux has not looked at since 2.4.25.
 *
 * The rules are the kernel's for a process with CAP_SETUID and CAP_SETGID exactly while its
 * effective uid is 0 (credentials(7)).
 *
 * Floor: sandbox. PID 1 only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { IDENTITY_GROUPS = 64, IDENTITY_FIRST = 1 };

struct ids {
	uint32_t real, effective, saved, fs;
};

struct identity {
	struct ids uid, gid;
	uint32_t groups[IDENTITY_GROUPS];
	size_t n_groups;
};

struct identities {
	struct identity *p;
	size_t n, capacity;
};

/* Number 0 is root, IDENTITY_FIRST is who the step starts as. */
void identities_init(struct identities *identities, const struct identity *first);
void identities_done(struct identities *identities);
/* Of a process; root when it has no number. */
const struct identity *identity_of(const struct identities *identities, pid_t pid);
/* Groups in the order that the kernel keeps and tells them. */
void identity_sort_groups(struct identity *identity);

/* Give it; 0 or a negative errno. */
int identity_give(struct identities *identities, pid_t pid, const struct identity *identity);

/* One id in all four places. */
struct ids ids_all(uint32_t id);
bool identity_has_group(const struct identity *identity, uint32_t gid);

/* setuid(2) and its kin on either half; UINT32_MAX leaves an id. -EPERM as the kernel would. */
int ids_set(struct ids *ids, bool is_privileged, uint32_t id);
int ids_set_real_effective(struct ids *ids, bool is_privileged, uint32_t real, uint32_t effective);
int ids_set_all(struct ids *ids, bool is_privileged, uint32_t real, uint32_t effective,
		uint32_t saved);
/* Never fails: returns the old one, as setfsuid(2). */
uint32_t ids_set_fs(struct ids *ids, bool is_privileged, uint32_t id);
