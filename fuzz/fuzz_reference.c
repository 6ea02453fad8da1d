/* Names of images, digests and platforms: what is accepted reads back as the same. */
#include "oci/platform.h"
#include "oci/reference.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reference(struct str text)
{
	AUTO(reference) struct reference first = { 0 }, second = { 0 }, third = { 0 };
	struct error *error = reference_parse(text, &first);

	if (error) {
		assert(error->message && *error->message);
		error_free(error);
		return;
	}
	AUTO_FREE char *full = reference_text(&first), *familiar = reference_familiar(&first);
	assert(reference_parse(str_of(full), &second) == NULL);
	assert(reference_parse(str_of(familiar), &third) == NULL);
	AUTO_FREE char *again = reference_text(&second), *other = reference_text(&third);
	assert(strcmp(full, again) == 0);
	assert(strcmp(full, other) == 0);
	assert(strlen(first.repository) <= 255);
}

static void platform(struct str text)
{
	struct platform first, second;
	char buf[PLATFORM_TEXT];
	struct error *error = platform_parse(text, &first);

	if (error) {
		error_free(error);
		return;
	}
	assert(platform_parse(str_of(platform_text(&first, buf)), &second) == NULL);
	assert(platform_equal(&first, &second));
	assert(platform_match(&first, &second) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct digest digest;

	reference(text);
	platform(text);
	error_free(digest_parse(text, &digest));
	return 0;
}
