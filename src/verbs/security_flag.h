/*
 * security_flag: --security-opt of what runs in a container or a build. Every failure is
 * error_usage.
 *
 * Floor: verbs.
 */
#pragma once
#include "sandbox/profile.h"
#include "sandbox/sandbox.h"

struct security_flags {
	bool is_unconfined, no_new_privileges;
	char *profile_path; /* the last seccomp=PATH, or NULL */
	struct profile profile;
	struct list mask, unmask;
	struct list texts; /* for keys: what is unusual, and not where it was read */
};

/* "no-new-privileges", "seccomp=PATH", "mask=/a:/b" and their kin. */
FALLIBLE security_flag_add(struct security_flags *flags, const char *text);
/*
 * Read the profile, for a step with these capabilities. *ret borrows from flags.
 */
FALLIBLE security_flags_make(
		struct security_flags *flags, uint64_t capabilities, struct sandbox_security *ret);
void security_flags_done(struct security_flags *flags);
