#include "ask_filter.h"
#include "unit.h"

#include "sandbox/profile.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>

enum { DENIED = SECCOMP_RET_ERRNO | EPERM };

static uint32_t answer(const char *json, uint64_t capabilities, int number, uint64_t first)
{
	AUTO(profile) struct profile profile = { 0 };
	struct filter_program program = { 0 };

	assert_ok(profile_make(str_of(json), "p.json", capabilities, &profile));
	for (size_t i = 0; i < profile.bytes / sizeof(struct sock_filter); i++)
		vec_push(&program.code, ((struct sock_filter *)profile.program)[i]);
	uint32_t said = ask(&program, NATIVE_ARCH, number, first, 0);
	vec_done(&program.code);
	return said;
}

static void says_what_docker_would(void **state)
{
	const uint64_t admin = UINT64_C(1) << CAP_SYS_ADMIN;
	const char *json = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
			   "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
			   "\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":["
			   "{\"names\":[\"read\",\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"},"
			   "{\"name\":\"mount\",\"action\":\"SCMP_ACT_ALLOW\","
			   "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
			   "{\"names\":[\"umount2\"],\"action\":\"SCMP_ACT_ALLOW\","
			   "\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
			   "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\","
			   "\"includes\":{\"arches\":[\"s390x\"]}},"
			   "{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\","
			   "\"includes\":{\"minKernel\":\"900.1\"}},"
			   "{\"names\":[\"fsync\"],\"action\":\"SCMP_ACT_ALLOW\","
			   "\"includes\":{\"minKernel\":\"4.8\"}},"
			   "{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ERRNO\",\"errno\":"
			   "\"EACCES\"},"
			   "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
			   "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"},"
			   "{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]},"
			   "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
			   "{\"index\":0,\"value\":2114060288,\"valueTwo\":0,"
			   "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}";
	const struct {
		uint64_t capabilities;
		int number;
		uint64_t first;
		uint32_t wanted;
	} cases[] = {
		{ 0, SYS_read, 0, SECCOMP_RET_ALLOW },
		{ 0, SYS_mount, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ admin, SYS_mount, 0, SECCOMP_RET_ALLOW },
		{ 0, SYS_umount2, 0, SECCOMP_RET_ALLOW },
		{ admin, SYS_umount2, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ 0, SYS_write, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ 0, SYS_close, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ 0, SYS_fsync, 0, SECCOMP_RET_ALLOW },
		{ 0, SYS_ptrace, 0, SECCOMP_RET_ERRNO | EACCES },
		{ 0, SYS_personality, 8, SECCOMP_RET_ALLOW },
		{ 0, SYS_personality, 0, SECCOMP_RET_ALLOW },
		{ 0, SYS_personality, 9, SECCOMP_RET_ERRNO | ENOSYS },
		{ 0, SYS_clone, 0x11, SECCOMP_RET_ALLOW },
		{ 0, SYS_clone, 0x10000000, SECCOMP_RET_ERRNO | ENOSYS },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("case %zu, call %d", i, cases[i].number);
		assert_int_equal(cases[i].wanted, answer(json, cases[i].capabilities,
								  cases[i].number, cases[i].first));
	}
	assert_int_equal(DENIED, answer("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}", 0, SYS_read, 0));
}

static void refuses(void **state)
{
#define CALL(text) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{" text "}]}"
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "", "p.json" },
		{ "[]", "p.json is a list" },
		{ "{}", "'defaultAction' is missing" },
		{ "{\"defaultAction\":\"FROB\"}", "'defaultAction' is the unknown action 'FROB'" },
		{ CALL("\"names\":[\"read\"]"), "'syscalls[0].action' is missing" },
		{ CALL("\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\""), "needs an agent" },
		{ CALL("\"names\":[\"read\"],\"name\":\"read\",\"action\":\"SCMP_ACT_LOG\""),
				"both 'name' and 'names'" },
		{ CALL("\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,"
		       "\"op\":\"SCMP_CMP_EQ\"}]"),
				"argument 6" },
		{ CALL("\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":0,"
		       "\"op\":\"EQ\"}]"),
				"unknown comparison 'EQ'" },
		{ CALL("\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errno\":\"EFROB\""),
				"unknown errno 'EFROB'" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_FROB\"]}",
				"unknown architecture 'SCMP_ARCH_FROB'" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\"],"
		  "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"}]}",
				"both 'architectures' and 'archMap'" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct profile profile = { 0 };

		note("%s", cases[i].json);
		assert_error(profile_make(str_of(cases[i].json), "p.json", 0, &profile),
				ERR_INVALID, cases[i].text);
		assert_null(profile.program);
	}
}

UNIT_TESTS(says_what_docker_would, refuses)
