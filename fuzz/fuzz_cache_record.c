/* Documents of a cache home, as a repository that anybody may write to gives them. */
#include "cache/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 };
	struct error *error = cached_steps_parse(
			(struct str){ (const char *)data, size }, "fuzz", &steps);

	if (error && steps.n)
		abort();
	if (!error) {
		/* What was read is written the same way again. */
		AUTO(cached_steps) struct cached_steps back = { 0 };
		AUTO_FREE char *text = cached_steps_print(&steps);

		error = cached_steps_parse(str_of(text), "fuzz", &back);
		if (error || back.n != steps.n)
			abort();
	}
	error_free(error);
	return 0;
}
