/*
 * user: who "USER app:staff" is in a rootfs, by the rules of Docker and BuildKit:
 *
 *	- the part before ":" is a name in /etc/passwd, else a number; a number that has an entry
 *	  gets that entry's group and home
 *	- the part after it is a name in /etc/group, else a number
 *	- without an explicit group: the entry's group (0 without an entry), and as supplementary
 *	  groups every group that lists the user
 *	- with an explicit group: no supplementary groups
 *	- an empty part is as one that is not there: ":staff" is root of that group
 *	- a name that is not there is ERR_NOT_FOUND; "" is root
 *
 * The files are read through sys/rootfs and bounded (LIMIT_PASSWD_BYTES); a missing file is empty,
 * a line that does not parse is skipped. Later entries do not override earlier ones.
 *
 * Floor: sandbox.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct user {
	uint32_t uid, gid;
	uint32_t *groups; /* supplementary, owned */
	size_t n_groups;
	char *home; /* "/" without an entry; owned */
	char *name; /* as in passwd, or NULL; owned */
};

FALLIBLE user_lookup(int root_fd, const char *spec, struct user *ret);
/* Nothing but numbers and ":", for which no file is read. */
bool user_is_numbers(const char *spec);
/*
 * COPY --chown and WORKDIR: the same names and numbers, but a user without a group gets the group
 * of the same number as BuildKit does ("1000" is 1000:1000; a name gets its entry's group).
 */
FALLIBLE user_lookup_owner(int root_fd, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid);
/* The pure part, for tests: passwd and group are the files' text ("" when missing). */
FALLIBLE user_parse(const char *passwd, const char *group, const char *spec, struct user *ret);
void user_done(struct user *user);

DEFINE_AUTO_VALUE(user)
