#include "sandbox/confine.h"
#include "base/auto.h"

#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Of linux/landlock.h, which in Debian 12 ends at ABI 3. */
enum {
	ABI_REFER = 2, /* the first that allows files to move between directories */
	ABI_TRUNCATE = 3,
	ABI_IOCTL = 5,
	ABI_SCOPES = 6,
	RIGHTS_FIRST = 13,
	RULESET_VERSION = 1,
	RULE_PATH_BENEATH = 1,
	SCOPE_ABSTRACT_SOCKET = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* EXECUTE to MAKE_SYM are the first 13 bits; REFER, TRUNCATE and IOCTL_DEV follow one by one. */
static uint64_t every_right(int abi)
{
	unsigned bits = RIGHTS_FIRST + 1;

	if (abi >= ABI_TRUNCATE)
		bits++;
	if (abi >= ABI_IOCTL)
		bits++;
	return (UINT64_C(1) << bits) - 1;
}

FALLIBLE confine_below(int root_fd, int *ret_fd)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
	struct ruleset ruleset = { 0 };

	*ret_fd = -1;
	if (abi < ABI_REFER)
		return NULL;
	ruleset.fs = every_right(abi);
	if (abi >= ABI_SCOPES)
		ruleset.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	size_t size = abi >= ABI_SCOPES ? sizeof(ruleset) : sizeof(ruleset.fs);
	AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
	if (fd < 0)
		return error_sys("make a Landlock ruleset");
	const struct beneath rule = { ruleset.fs, root_fd };
	if (syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_sys("allow the step's root");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

FALLIBLE confine_self(int ruleset_fd)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys("set no_new_privs");
	if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return error_sys("confine the step");
	return NULL;
}
