/* What a filter answers, asked without loading it. */
#pragma once
#include "unit.h"

#include "sandbox/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#endif

/* What the kernel's interpreter would say: the few instructions that filters are made of. */
static inline uint32_t ask(const struct filter_program *program, uint32_t arch, int number,
		uint64_t first, uint64_t third)
{
	const struct seccomp_data data = {
		.nr = number, .arch = arch, .args = { first, first, third }
	};
	uint32_t accumulator = 0;

	for (size_t pc = 0; pc < program->code.n; pc++) {
		const struct sock_filter *at = &program->code.p[pc];

		switch (at->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&accumulator, (const char *)&data + at->k, sizeof(accumulator));
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += accumulator == at->k ? at->jt : at->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += accumulator >= at->k ? at->jt : at->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += accumulator > at->k ? at->jt : at->jf;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			accumulator &= at->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += accumulator & at->k ? at->jt : at->jf;
			break;
		case BPF_JMP | BPF_JA:
			pc += at->k;
			break;
		case BPF_RET | BPF_K:
			return at->k;
		default:
			fail_msg("instruction %zu is %#x", pc, at->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}
