#include "sandbox/filter.h"
#include "sandbox/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The newest call that the list below has an opinion on (removexattrat); later ones are ENOSYS. */
enum { NEWEST_CALL = 466, NO_CALL = 1 << 30 };

/* One number on every machine, and newer than libseccomp 2.5. */
enum { CALL_FCHMODAT2 = 452 };

enum { ANSWER_DENY = SECCOMP_RET_ERRNO | EPERM, ANSWER_MISSING = SECCOMP_RET_ERRNO | ENOSYS };

/* Bits of clone's flags that make namespaces. */
#define NAMESPACE_FLAGS 0x7e020000u

enum { FAMILY_VSOCK = 40 };

static const uint32_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

struct abi {
	uint32_t audit; /* AUDIT_ARCH_* */
	uint32_t name;  /* SCMP_ARCH_* */
};

/* Our own, then the 32-bit one beside it. */
static const struct abi abis[] = {
#if defined(__x86_64__)
	{ AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64 },
	{ AUDIT_ARCH_I386, SCMP_ARCH_X86 },
#elif defined(__aarch64__)
	{ AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64 },
	{ AUDIT_ARCH_ARM, SCMP_ARCH_ARM },
#elif defined(__riscv)
	{ AUDIT_ARCH_RISCV64, SCMP_ARCH_RISCV64 },
#else
#error "say which system call ABIs this machine has"
#endif
};

/* From number `from` on, up to the next step, the answer is this. */
struct step {
	uint32_t from, answer;
};

struct steps {
	struct step *p;
	size_t n, capacity;
};

static void emit(struct filter_program *program, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	vec_push(&program->code, ((struct sock_filter){ code, (uint8_t)jt, (uint8_t)jf, k }));
}

static void emit_return(struct filter_program *program, uint32_t answer)
{
	emit(program, BPF_RET | BPF_K, answer, 0, 0);
}

static void emit_load(struct filter_program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The low half of an argument, on a little-endian machine. */
static size_t argument_at(unsigned i)
{
	return offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);
}

/* Instructions that a tree over n steps takes. */
static size_t tree_size(size_t n)
{
	if (n == 1)
		return 1;
	size_t left = tree_size(n / 2);

	return 1 + (left > 255) + left + tree_size(n - n / 2);
}

/* The accumulator has the number, which is at least steps[0].from. */
static void emit_tree(struct filter_program *program, const struct step *steps, size_t n)
{
	if (n == 1) {
		emit_return(program, steps[0].answer);
		return;
	}
	size_t half = n / 2;
	size_t left = tree_size(half);

	if (left > 255) {
		emit(program, BPF_JMP | BPF_JGE | BPF_K, steps[half].from, 0, 1);
		emit(program, BPF_JMP | BPF_JA, (uint32_t)left, 0, 0);
	} else {
		emit(program, BPF_JMP | BPF_JGE | BPF_K, steps[half].from, left, 0);
	}
	emit_tree(program, steps, half);
	emit_tree(program, steps + half, n - half);
}

static int compare_numbers(const void *a, const void *b)
{
	int left = *(const int *)a;
	int right = *(const int *)b;

	return (left > right) - (left < right);
}

/* Sorted numbers become steps: `inside` for each of them, `outside` between. */
static void make_steps(
		int *numbers, size_t n, uint32_t inside, uint32_t outside, struct steps *steps)
{
	if (n)
		qsort(numbers, n, sizeof(*numbers), compare_numbers);
	vec_push(steps, ((struct step){ 0, outside }));
	for (size_t i = 0; i < n; i++) {
		uint32_t number = (uint32_t)numbers[i];

		if (i && numbers[i - 1] == numbers[i])
			continue;
		if (steps->p[steps->n - 1].from == number)
			steps->n--; /* continues a run, or starts at 0 */
		if (!steps->n || steps->p[steps->n - 1].answer != inside)
			vec_push(steps, ((struct step){ number, inside }));
		vec_push(steps, ((struct step){ number + 1, outside }));
	}
}

static int number_of(const struct abi *abi, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(abi->name, name);

	return number < 0 ? NO_CALL : number;
}

/* "socket, unless its family is AF_VSOCK" and the like. The accumulator has the number. */
static void emit_conditions(struct filter_program *program, const struct abi *abi, bool is_traced)
{
	size_t n = sizeof(personalities) / sizeof(personalities[0]);

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number_of(abi, "clone3"), 0, 1);
	emit_return(program, is_traced ? SECCOMP_RET_ALLOW : ANSWER_MISSING);

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number_of(abi, "clone"), 0, 4);
	emit_load(program, argument_at(0));
	emit(program, BPF_JMP | BPF_JSET | BPF_K, NAMESPACE_FLAGS, 0, 1);
	emit_return(program, ANSWER_DENY);
	emit_return(program, SECCOMP_RET_ALLOW);

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number_of(abi, "socket"), 0, 4);
	emit_load(program, argument_at(0));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, FAMILY_VSOCK, 0, 1);
	emit_return(program, ANSWER_DENY);
	emit_return(program, SECCOMP_RET_ALLOW);

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number_of(abi, "personality"), 0, n + 3);
	emit_load(program, argument_at(0));
	for (size_t i = 0; i < n; i++)
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, personalities[i], n - i, 0);
	emit_return(program, ANSWER_DENY);
	emit_return(program, SECCOMP_RET_ALLOW);
}

static void emit_profile_of(struct filter_program *program, const struct abi *abi, bool is_traced)
{
	VEC(int) numbers = { 0 };
	struct steps steps = { 0 };

	for (const char *const *name = syscalls_allowed; *name; name++) {
		int number = number_of(abi, *name);

		if (number != NO_CALL)
			vec_push(&numbers, number);
	}
	for (const int *number = syscalls_allowed_new; *number; number++)
		vec_push(&numbers, *number);
	make_steps(numbers.p, numbers.n, SECCOMP_RET_ALLOW, ANSWER_DENY, &steps);
	/* make_steps ends with "denied from the last one on". */
	vec_push(&steps, ((struct step){ NEWEST_CALL + 1, ANSWER_MISSING }));

	emit_load(program, offsetof(struct seccomp_data, nr));
	emit_conditions(program, abi, is_traced);
	emit_tree(program, steps.p, steps.n);
	vec_done(&numbers);
	vec_done(&steps);
}

void filter_profile(bool is_traced, struct filter_program *ret)
{
	*ret = (struct filter_program){ 0 };
	emit_load(ret, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		struct filter_program block = { 0 };

		emit_profile_of(&block, &abis[i], is_traced);
		/* Jumps reach 255 instructions, so a long one goes over the block. */
		emit(ret, BPF_JMP | BPF_JEQ | BPF_K, abis[i].audit, 1, 0);
		emit(ret, BPF_JMP | BPF_JA, (uint32_t)block.code.n, 0, 0);
		for (size_t j = 0; j < block.code.n; j++)
			vec_push(&ret->code, block.code.p[j]);
		vec_done(&block.code);
	}
	emit_return(ret, SECCOMP_RET_KILL_PROCESS);
}

void filter_listener(const struct filter_watch *watch, size_t n, struct filter_program *ret)
{
	VEC(int) numbers = { 0 };
	struct steps steps = { 0 };

	*ret = (struct filter_program){ 0 };
	emit_load(ret, offsetof(struct seccomp_data, arch));
	emit(ret, BPF_JMP | BPF_JEQ | BPF_K, abis[0].audit, 1, 0);
	emit_return(ret, SECCOMP_RET_ALLOW);
	emit_load(ret, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n; i++) {
		if (!watch[i].mask) {
			vec_push(&numbers, watch[i].number);
			continue;
		}
		emit(ret, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)watch[i].number, 0, 4);
		emit_load(ret, argument_at(watch[i].argument));
		emit(ret, BPF_JMP | BPF_JSET | BPF_K, watch[i].mask, 0, 1);
		emit_return(ret, SECCOMP_RET_USER_NOTIF);
		emit_return(ret, SECCOMP_RET_ALLOW);
	}
	make_steps(numbers.p, numbers.n, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_ALLOW, &steps);
	emit_tree(ret, steps.p, steps.n);
	vec_done(&numbers);
	vec_done(&steps);
}

void filter_proot(struct filter_program *ret)
{
	static const char *const names[] = { "statx", "openat2", "faccessat2", "execveat" };
	int numbers[COUNT(names) + 1];
	struct steps steps = { 0 };

	for (size_t i = 0; i < COUNT(names); i++)
		numbers[i] = number_of(&abis[0], names[i]);
	numbers[COUNT(names)] = CALL_FCHMODAT2;
	*ret = (struct filter_program){ 0 };
	emit_load(ret, offsetof(struct seccomp_data, arch));
	emit(ret, BPF_JMP | BPF_JEQ | BPF_K, abis[0].audit, 1, 0);
	emit_return(ret, SECCOMP_RET_ALLOW);
	emit_load(ret, offsetof(struct seccomp_data, nr));
	make_steps(numbers, COUNT(numbers), ANSWER_MISSING, SECCOMP_RET_ALLOW, &steps);
	emit_tree(ret, steps.p, steps.n);
	vec_done(&steps);
}

static FALLIBLE load(const struct filter_program *program, unsigned flags, int *ret)
{
	struct sock_fprog filter = { (unsigned short)program->code.n, program->code.p };
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);

	if (result < 0)
		return error_sys("load a seccomp filter");
	*ret = (int)result;
	return NULL;
}

FALLIBLE filter_load(const struct filter_program *program)
{
	int ignored;

	/* As Docker does: no slowing down of every branch for a filter's sake. */
	return load(program, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &ignored);
}

FALLIBLE filter_load_bytes(const void *program, size_t bytes)
{
	size_t n = bytes / sizeof(struct sock_filter);
	struct filter_program copy = { 0 };

	for (size_t i = 0; i < n; i++)
		memcpy(vec_add(&copy.code), (const char *)program + i * sizeof(struct sock_filter),
				sizeof(struct sock_filter));
	struct error *error = filter_load(&copy);
	vec_done(&copy.code);
	return error;
}

FALLIBLE filter_listen(const struct filter_program *program, int *ret_fd)
{
	unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;

	/* Linux 5.19: an ordinary signal does not repeat a call that is being answered. */
	struct error *error = load(program, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, ret_fd);
	if (!error_is_errno(error, EINVAL))
		return error;
	error_free(error);
	return load(program, flags, ret_fd);
}
