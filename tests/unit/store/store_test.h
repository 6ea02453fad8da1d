/*
 * store_test: what the tests of the store share: a root of their own, and small things to put in.
 */
#pragma once
#include "base/clock.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/cache.h"
#include "store/check.h"
#include "store/layers.h"
#include "store/prune.h"
#include "store/store.h"
#include "store/tag.h"
#include "sys/fd.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TEST_BOOT "boot-1"

static inline char *test_root(void)
{
	const char *dir = getenv("TMPDIR");
	char *root = xasprintf("%s/kiln-store-XXXXXX", dir ? dir : "/tmp");

	assert_non_null(mkdtemp(root));
	return root;
}

static inline void test_root_remove(char *root)
{
	assert_ok(file_remove_tree(AT_FDCWD, root));
	free(root);
}

static inline struct store *test_open_as(const char *root, const char *boot, bool read_only)
{
	struct store_settings settings = { .root = root,
		.boot_id = boot,
		.read_only = read_only,
		.owner = { .kind = OWNER_PLAIN } };
	struct store *store = NULL;

	assert_ok(store_open(&settings, &store));
	return store;
}

static inline struct store *test_open(const char *root)
{
	return test_open_as(root, TEST_BOOT, false);
}

static inline struct digest test_put(struct store *store, const char *text)
{
	struct digest digest = { 0 };

	assert_ok(blob_put(store, text, strlen(text), &digest));
	return digest;
}

static inline struct digest test_digest(const char *text)
{
	return digest_of(text, strlen(text));
}

static inline bool test_has(struct store *store, const struct digest *digest)
{
	bool here = false;

	assert_ok(blob_has(store, digest, &here, NULL));
	return here;
}

/* A tree with one file, "file", that holds text. */
static inline void test_fill(const struct layer_draft *draft, const char *text)
{
	int fd = openat(draft->tree_fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_ok(fd_write_all(fd, text, strlen(text)));
	(void)close(fd);
}

static inline void test_layer(struct store *store, const char *text,
		const struct layer_facts *facts, char id[static LAYER_ID_TEXT])
{
	struct layer_draft draft = { 0 };

	assert_ok(layer_begin(store, &draft));
	test_fill(&draft, text);
	assert_ok(layer_commit(&draft, facts, id));
}

/* An image of one layer; its manifest. */
static inline struct digest test_image(struct store *store, const char *text)
{
	struct image_config config = { 0 };
	struct manifest manifest = { .format = FORMAT_OCI };

	config.platform = platform_host();
	vec_push(&config.diff_ids, test_digest(text));
	char *config_json = image_config_print(&config);
	manifest.media_type = xstrdup(MEDIA_OCI_MANIFEST);
	manifest.config = descriptor_make(
			MEDIA_OCI_CONFIG, test_put(store, config_json), strlen(config_json));
	vec_push(&manifest.layers,
			descriptor_make(MEDIA_OCI_LAYER, test_put(store, text), strlen(text)));
	char *json = manifest_print(&manifest);
	struct digest digest = test_put(store, json);

	free(json);
	free(config_json);
	manifest_done(&manifest);
	image_config_done(&config);
	return digest;
}

static inline size_t test_count_dir(const char *root, const char *name)
{
	char *path = xasprintf("%s/%s", root, name);
	DIR *stream = opendir(path);
	size_t n = 0;

	assert_non_null(stream);
	for (const struct dirent *item; (item = readdir(stream));)
		n += item->d_name[0] != '.';
	(void)closedir(stream);
	free(path);
	return n;
}

/* Nothing that is damage; leftovers are counted. */
static inline size_t test_check(struct store *store)
{
	struct findings findings = { 0 };

	assert_ok(store_check(store, &findings));
	for (size_t i = 0; i < findings.n; i++)
		if (!findings.p[i].leftover)
			fail_msg("store_check: %s", findings.p[i].text);
	size_t leftovers = findings.n;
	findings_done(&findings);
	return leftovers;
}
