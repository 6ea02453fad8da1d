/* Podman's lists, locks and names. */
#include "scratch.h"

#include "base/limits.h"
#include "podman/podman.h"
#include "podman/root.h"
#include "sys/lock.h"

#define A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define AB "abababababababababababababababababababababababababababababababab"

static void write_file(const struct scratch *scratch, const char *name, const char *text)
{
	assert_ok(file_write_atomic(scratch->fd, name, text, strlen(text), 0600, false));
}

static struct podman_root make(const struct scratch *scratch)
{
	struct podman_root root = { .fd = -1 };

	assert_ok(root_make(scratch->path, &root));
	return root;
}

static void keeps_what_it_does_not_know(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *text = NULL;
	struct podman_root root = make(&scratch);
	char before[64] = "", after[65] = "";
	struct stat st;
	size_t n = 0;

	(void)state;
	write_file(&scratch, "overlay-layers/layers.json",
			"[{\"id\":\"" A "\",\"toc-digest\":\"x\",\"n\":[1.5,null]}]");
	assert_ok(root_lock(&root, NULL));
	assert_int_equal(json_array_size(root.layers), 1);
	assert_ok(root_save_layers(&root));
	assert_int_equal(pread(root.layers_lock, before, 64, 0), 64);
	assert_ok(root_save_layers(&root));
	assert_int_equal(pread(root.layers_lock, after, 65, 0), 64);
	assert_memory_not_equal(before, after, 64);
	root_unlock(&root);
	assert_ok(file_read(scratch.fd, "overlay-layers/layers.json", 4096, &text, &n));
	assert_string_equal(text, "[{\"id\":\"" A "\",\"toc-digest\":\"x\",\"n\":[1.5,null]}]");
	assert_int_equal(fstatat(scratch.fd, "overlay-layers/layers.json", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	root_close(&root);
}

/* One more byte and nobody could read it again. */
static void a_list_that_is_too_long_is_not_written(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *huge = xmalloc(LIMIT_PODMAN_LIST_BYTES + 1);
	struct podman_root root = make(&scratch);

	(void)state;
	write_file(&scratch, "overlay-layers/layers.json", "[{\"id\":\"" A "\"}]");
	assert_ok(root_lock(&root, NULL));
	memset(huge, 'x', LIMIT_PODMAN_LIST_BYTES);
	huge[LIMIT_PODMAN_LIST_BYTES] = '\0';
	(void)json_array_append_new(root.layers, json_string(huge));
	assert_error(root_save_layers(&root), ERR_LIMIT, "overlay-layers/layers.json' would have");
	root_unlock(&root);
	assert_ok(file_read(scratch.fd, "overlay-layers/layers.json", 4096, &text, NULL));
	assert_string_equal(text, "[{\"id\":\"" A "\"}]");
	root_close(&root);
}

static void a_writer_is_alone(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	struct podman_root root = make(&scratch);
	AUTO_FD int other = -1;

	(void)state;
	assert_ok(root_lock(&root, NULL));
	other = openat(scratch.fd, "overlay-layers/layers.lock", O_RDONLY | O_CLOEXEC);
	assert_error(lock_take(other, false, false, NULL), ERR_BUSY, "locked");
	root_unlock(&root);
	assert_ok(lock_take(other, false, false, NULL));
	/* Readers are not. */
	assert_ok(root_load(&root, NULL));
	root_close(&root);
}

static void says_which_list_is_damaged(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = { { "[{\"id\":\"" A "\"", "layers.json" }, { "{}", "is no list" },
		{ "[{\"id\":\"../x\"}]", "item 1 has no ID" }, { "[7]", "item 1 has no ID" } };
	AUTO(scratch) struct scratch scratch = scratch_new();
	struct podman_root root = make(&scratch);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(&scratch, "overlay-layers/layers.json", cases[i].text);
		assert_error(root_load(&root, NULL), ERR_INVALID, cases[i].says);
	}
	write_file(&scratch, "overlay-layers/layers.json", "");
	assert_ok(root_load(&root, NULL));
	assert_int_equal(json_array_size(root.layers), 0);
	root_close(&root);
}

static void names_files_of_data(void **state)
{
	AUTO_FREE char *plain = podman_data_name("manifest");
	AUTO_FREE char *coded = podman_data_name("sha256:ab");

	(void)state;
	assert_string_equal(plain, "manifest");
	assert_string_equal(coded, "=c2hhMjU2OmFi");
	assert_true(podman_is_id(A));
	assert_false(podman_is_id("abc"));
	assert_false(podman_is_id(NULL));
}

static struct error *find(const struct scratch *scratch, const char *text, struct podman_image *ret)
{
	struct podman_place place = { .root = scratch->path };
	AUTO(podman) struct podman *podman = NULL;

	TRY(podman_open(&place, NULL, &podman));
	return podman_find(podman, text, ret);
}

static void assert_found(const struct scratch *scratch, const char *text, const char *id)
{
	AUTO(podman_image) struct podman_image image = { 0 };

	assert_ok(find(scratch, text, &image));
	assert_string_equal(image.id, id);
}

static void finds_images(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(podman_image) struct podman_image none = { 0 };
	AUTO(podman_image) struct podman_image many = { 0 };
	struct podman_root root = make(&scratch);

	(void)state;
	root_close(&root);
	write_file(&scratch, "overlay-images/images.json",
			"[{\"id\":\"" A "\",\"names\":[\"docker.io/library/app:latest\"]},"
			"{\"id\":\"" B "\",\"names\":[\"localhost/app:latest\",\"r.example/x:1\"],"
			"\"big-data-digests\":{\"manifest-x\":\"sha256:" A "\"}},"
			"{\"id\":\"" AB "\"}]");
	assert_found(&scratch, "docker.io/library/app", A);
	assert_found(&scratch, "app", B);
	assert_found(&scratch, "localhost/app", B);
	assert_found(&scratch, "r.example/x@sha256:" A, B);
	assert_found(&scratch, "abab", AB);
	assert_found(&scratch, "sha256:" AB, AB);
	assert_found(&scratch, "@" AB, AB);
	assert_error(find(&scratch, "nope", &none), ERR_NOT_FOUND, "'nope' is not in");
	write_file(&scratch, "overlay-images/images.json",
			"[{\"id\":\"" A "\"},{\"id\":\"" AB "\"},{\"id\":\"" B "\",\"layer\":\"" A
			"\"}]");
	assert_error(find(&scratch, "bbbb", &many), ERR_INVALID, "is not there");
	write_file(&scratch, "overlay-layers/layers.json",
			"[{\"id\":\"" A "\",\"flags\":{\"incomplete\":true}}]");
	assert_error(find(&scratch, "bbbb", &none), ERR_INVALID, "half written");
	write_file(&scratch, "overlay-layers/layers.json",
			"[{\"id\":\"" A "\",\"parent\":\"" A "\"}]");
	assert_error(find(&scratch, "bbbb", &none), ERR_LIMIT, "more than");
}

UNIT_TESTS(keeps_what_it_does_not_know, a_list_that_is_too_long_is_not_written, a_writer_is_alone,
		says_which_list_is_damaged, names_files_of_data, finds_images)
