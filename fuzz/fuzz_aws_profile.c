/* ~/.aws files: what is taken are pairs with a name and a value, of one line each. */
#include "registry/aws_profile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct str text = { (const char *)bytes, size };

	for (int is_config = 0; is_config < 2; is_config++) {
		AUTO(list) struct list settings = { 0 };
		struct error *error =
				aws_profile_parse(text, "f", "team", is_config == 1, &settings);

		for (size_t i = 0; i < settings.n; i++) {
			const char *equals = strchr(settings.p[i], '=');

			if (!equals || equals == settings.p[i] || !equals[1] ||
					strchr(settings.p[i], '\n'))
				abort();
		}
		error_free(error);
	}
	return 0;
}
