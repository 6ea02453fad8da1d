/*
 * Manifests, indexes and image configs: what is accepted prints to something that is accepted and
 * prints the same again.
 */
#include "oci/image_config.h"
#include "oci/manifest.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void manifest(struct str text)
{
	AUTO(manifest) struct manifest first = { 0 }, second = { 0 };
	struct error *error = manifest_parse(text, NULL, &first);

	if (error) {
		error_free(error);
		return;
	}
	AUTO_FREE char *printed = manifest_print(&first), *again = NULL;
	assert(manifest_parse(str_of(printed), first.media_type, &second) == NULL);
	again = manifest_print(&second);
	assert(strcmp(printed, again) == 0);
	assert(manifest_sniff(str_of(printed), NULL) == MEDIA_MANIFEST);
}

static void image_index(struct str text)
{
	AUTO(image_index) struct image_index first = { 0 }, second = { 0 };
	struct platform host = platform_host();
	struct error *error = image_index_parse(text, NULL, &first);

	if (error) {
		error_free(error);
		return;
	}
	(void)image_index_select(&first, &host);
	AUTO_FREE char *printed = image_index_print(&first), *again = NULL;
	assert(image_index_parse(str_of(printed), NULL, &second) == NULL);
	again = image_index_print(&second);
	assert(strcmp(printed, again) == 0);
	assert(manifest_sniff(str_of(printed), NULL) == MEDIA_INDEX);
}

static void config(struct str text)
{
	AUTO(image_config) struct image_config first = { 0 }, second = { 0 }, copy = { 0 };
	struct error *error = image_config_parse(text, &first);

	if (error) {
		error_free(error);
		return;
	}
	AUTO_FREE char *printed = image_config_print(&first), *again = NULL, *copied = NULL;
	assert(image_config_parse(str_of(printed), &second) == NULL);
	again = image_config_print(&second);
	assert(strcmp(printed, again) == 0);
	image_config_copy(&first, &copy);
	copied = image_config_print(&copy);
	assert(strcmp(printed, copied) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	manifest(text);
	image_index(text);
	config(text);
	(void)manifest_sniff(text, NULL);
	return 0;
}
