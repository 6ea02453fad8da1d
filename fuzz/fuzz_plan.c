/* What a step's PID 1 makes of the bytes of a plan: decoded, printed, encoded again. */
#include "sandbox/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	/* The first byte says how many fds came along. */
	size_t n_fds = n ? bytes[0] : 0;
	AUTO(plan) struct plan plan = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };
	struct error *error = n ? plan_decode(bytes + 1, n - 1, n_fds, &plan) : NULL;

	if (error) {
		error_free(error);
		return 0;
	}
	plan_print(&plan, &text);
	return 0;
}
