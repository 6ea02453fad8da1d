#include "ask_filter.h"
#include "unit.h"

#include "sandbox/filter.h"
#include "sandbox/record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

enum { EPERM_ANSWER = SECCOMP_RET_ERRNO | EPERM, ENOSYS_ANSWER = SECCOMP_RET_ERRNO | ENOSYS };

static void the_profile_is_dockers(void **state)
{
	static const struct {
		const char *why;
		int number;
		uint64_t first;
		uint32_t answer;
	} cases[] = {
		{ "read", SYS_read, 0, SECCOMP_RET_ALLOW },
		{ "execve", SYS_execve, 0, SECCOMP_RET_ALLOW },
		{ "chown", SYS_fchownat, 0, SECCOMP_RET_ALLOW },
		{ "chroot", SYS_chroot, 0, SECCOMP_RET_ALLOW },
		{ "mount", SYS_mount, 0, EPERM_ANSWER },
		{ "umount", SYS_umount2, 0, EPERM_ANSWER },
		{ "pivot_root", SYS_pivot_root, 0, EPERM_ANSWER },
		{ "keyctl", SYS_keyctl, 0, EPERM_ANSWER },
		{ "add_key", SYS_add_key, 0, EPERM_ANSWER },
		{ "bpf", SYS_bpf, 0, EPERM_ANSWER },
		{ "unshare", SYS_unshare, 0, EPERM_ANSWER },
		{ "setns", SYS_setns, 0, EPERM_ANSWER },
		{ "reboot", SYS_reboot, 0, EPERM_ANSWER },
		{ "kexec_load", SYS_kexec_load, 0, EPERM_ANSWER },
		{ "init_module", SYS_init_module, 0, EPERM_ANSWER },
		{ "open_by_handle_at", SYS_open_by_handle_at, 0, EPERM_ANSWER },
		{ "perf_event_open", SYS_perf_event_open, 0, EPERM_ANSWER },
		{ "userfaultfd", SYS_userfaultfd, 0, EPERM_ANSWER },
		{ "io_uring_setup", SYS_io_uring_setup, 0, EPERM_ANSWER },
		{ "fsopen", SYS_fsopen, 0, EPERM_ANSWER },
		{ "clone of a thread", SYS_clone, 0x3d0f00, SECCOMP_RET_ALLOW },
		{ "clone of a user namespace", SYS_clone, 0x10000000, EPERM_ANSWER },
		{ "clone of a cgroup namespace", SYS_clone, 0x02000000, EPERM_ANSWER },
		{ "clone3, to be tried by clone", SYS_clone3, 0, ENOSYS_ANSWER },
		{ "socket of the internet", SYS_socket, 2, SECCOMP_RET_ALLOW },
		{ "socket of a hypervisor", SYS_socket, 40, EPERM_ANSWER },
		{ "personality of Linux", SYS_personality, 0, SECCOMP_RET_ALLOW },
		{ "personality, asking", SYS_personality, 0xffffffff, SECCOMP_RET_ALLOW },
		{ "personality without layout randomization", SYS_personality, 0x40000,
				EPERM_ANSWER },
		{ "fchmodat2", 452, 0, SECCOMP_RET_ALLOW },
		{ "statmount", 457, 0, EPERM_ANSWER },
		{ "the next one to be invented", 9999, 0, ENOSYS_ANSWER },
	};
	struct filter_program program;

	filter_profile(false, &program);
	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].why);
		assert_int_equal(ask(&program, NATIVE_ARCH, cases[i].number, cases[i].first, 0),
				cases[i].answer);
	}
	assert_int_equal(ask(&program, 0x12345, SYS_read, 0, 0), SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
	assert_int_equal(ask(&program, AUDIT_ARCH_I386, 3 /* read */, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, AUDIT_ARCH_I386, 21 /* mount */, 0, 0), EPERM_ANSWER);
	assert_int_equal(ask(&program, NATIVE_ARCH, 0x40000000, 0, 0), ENOSYS_ANSWER);
#endif
	vec_done(&program.code);
}

/* The clone that libraries fall back on costs a parent its heap there. */
static void under_proot_clone3_is_let_through(void **state)
{
	struct filter_program program;

	filter_profile(true, &program);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_clone3, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_clone, 0x10000000, 0), EPERM_ANSWER);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_unshare, 0, 0), EPERM_ANSWER);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	vec_done(&program.code);
}

static void the_listener_asks_for_few(void **state)
{
	struct filter_program program;

	record_filter(&program);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_fchownat, 0, 0), SECCOMP_RET_USER_NOTIF);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_getuid, 0, 0), SECCOMP_RET_USER_NOTIF);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_openat, 0, O_RDONLY), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, NATIVE_ARCH, SYS_openat, 0, O_WRONLY | O_CREAT),
			SECCOMP_RET_USER_NOTIF);
	assert_int_equal(ask(&program, 0x12345, SYS_fchownat, 0, 0), SECCOMP_RET_ALLOW);
	vec_done(&program.code);
}

static void what_proot_does_not_know_is_missing(void **state)
{
	static const int missing[] = { SYS_statx, SYS_openat2, SYS_faccessat2, SYS_execveat, 452 };
	static const int there[] = { SYS_faccessat, SYS_newfstatat, SYS_execve, SYS_renameat2, 451,
		453, 0 };
	struct filter_program program;

	filter_proot(&program);
	for (size_t i = 0; i < COUNT(missing); i++)
		assert_int_equal(ask(&program, NATIVE_ARCH, missing[i], 0, 0), ENOSYS_ANSWER);
	for (size_t i = 0; i < COUNT(there); i++)
		assert_int_equal(ask(&program, NATIVE_ARCH, there[i], 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, 0x12345, SYS_statx, 0, 0), SECCOMP_RET_ALLOW);
	vec_done(&program.code);
}

/* Every answer that the tree gives is the answer of a plain list. */
static void the_tree_is_the_list(void **state)
{
	struct filter_watch watch[120];
	struct filter_program program;

	for (size_t n = 0; n <= COUNT(watch); n += 7) {
		bool is_watched[512] = { false };

		for (size_t i = 0; i < n; i++) {
			int number = (int)(i * i * 31 + i / 3) % 512;

			watch[i] = (struct filter_watch){ number, 0, 0 };
			is_watched[number] = true;
		}
		filter_listener(watch, n, &program);
		for (int number = 0; number < 512; number++)
			assert_int_equal(ask(&program, NATIVE_ARCH, number, 0, 0),
					is_watched[number] ? SECCOMP_RET_USER_NOTIF
							   : SECCOMP_RET_ALLOW);
		vec_done(&program.code);
	}
}

UNIT_TESTS(the_profile_is_dockers, under_proot_clone3_is_let_through, the_listener_asks_for_few,
		what_proot_does_not_know_is_missing, the_tree_is_the_list)
