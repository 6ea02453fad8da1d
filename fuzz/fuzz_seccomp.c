/* seccomp profiles: what is made of one is a program that the kernel would take. */
#include "sandbox/profile.h"

#include <linux/filter.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every way leads forwards, to an instruction that is there, and the last one returns. */
static void check(const struct profile *profile)
{
	const struct sock_filter *code = profile->program;
	size_t n = profile->bytes / sizeof(*code);

	if (!n || n > BPF_MAXINSNS || profile->bytes % sizeof(*code))
		abort();
	if (BPF_CLASS(code[n - 1].code) != BPF_RET)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (BPF_CLASS(code[i].code) != BPF_JMP)
			continue;
		size_t left = n - i - 1;
		if (BPF_OP(code[i].code) == BPF_JA ? code[i].k >= left
						   : code[i].jt >= left || code[i].jf >= left)
			abort();
	}
}

static void make(struct str json, uint64_t capabilities)
{
	AUTO(profile) struct profile profile = { 0 };
	struct error *error = profile_make(json, "P", capabilities, &profile);

	if (!error)
		check(&profile);
	error_free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct str json = { (const char *)bytes, size };

	make(json, 0);
	make(json, UINT64_MAX);
	return 0;
}
