/* --annotation: a value that is taken has a key and one pair for each type. */
#include "base/str.h"
#include "ui/annotation_flag.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO(annotation_flags) struct annotation_flags flags = { 0 };
	AUTO_FREE char *text = str_dup((struct str){ (const char *)bytes, size });
	struct error *error = annotation_flags_add(&flags, text);

	if (!error && flags.annotations.n == 0)
		abort();
	for (size_t i = 0; !error && i < flags.annotations.n; i++)
		if (!strchr(flags.annotations.p[i].pair, '=') ||
				flags.annotations.p[i].pair[0] == '=')
			abort();
	error_free(error);
	return 0;
}
