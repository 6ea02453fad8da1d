/*
 * A hostile tar: read, written again, and unpacked in each of the three ways into a directory in
 * memory. Beyond not crashing: what is outside the directory stays as it is, and a tar of ours
 * reads as what it was made of.
 *
 * The mutator makes most header checksums right, for nothing lies behind a wrong one.
 */
#include "base/auto.h"
#include "base/strbuf.h"
#include "layer/layer.h"
#include "layer/tar_format.h"
#include "layer/tree.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed);

enum { CONTENT_MAX = 1024 * 1024, ENTRIES_MAX = 2000 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
	size = LLVMFuzzerMutate(bytes, size, max_size);
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		struct tar_header *header = (struct tar_header *)(bytes + at);
		unsigned sum = 0;

		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1 || (header->name[0] == '\0' && header->type == '\0'))
			continue;
		memset(header->checksum, ' ', 8);
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += bytes[at + i];
		(void)snprintf(header->checksum, 8, "%06o", sum);
	}
	return size;
}

/* Lets small files through to the sink below. */
struct sieve {
	struct entry_sink sink;
	struct entry_sink *below;
	unsigned entries;
};

static struct error *sieve_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct sieve *sieve = (struct sieve *)sink;

	if (++sieve->entries > ENTRIES_MAX)
		return error_new(ERR_LIMIT, "enough");
	return entry->size > CONTENT_MAX ? NULL : entry_sink_add(sieve->below, entry, content);
}

static struct error *sieve_whiteout(struct entry_sink *sink, const char *path)
{
	return entry_sink_whiteout(((struct sieve *)sink)->below, path);
}

static struct error *sieve_opaque(struct entry_sink *sink, const char *path)
{
	return entry_sink_opaque(((struct sieve *)sink)->below, path);
}

static struct error *sieve_close(struct entry_sink *sink)
{
	struct sieve *sieve = (struct sieve *)sink;
	struct entry_sink *below = sieve->below;

	sieve->below = NULL;
	return entry_sink_close(below);
}

static void sieve_free(struct entry_sink *sink)
{
	entry_sink_free(((struct sieve *)sink)->below);
	free(sink);
}

static const struct entry_sink_ops sieve_ops = { sieve_add, sieve_whiteout, sieve_opaque,
	sieve_close, sieve_free };

/* Send the tar through; takes below. The error says what came of it. */
static struct error *send(const void *bytes, size_t size, bool is_layer, struct entry_sink *below)
{
	AUTO(tar_reader) struct tar_reader *tar = tar_reader_new(reader_from_bytes(bytes, size));
	struct sieve *sieve = calloc(1, sizeof(*sieve));
	struct error *error = NULL;

	sieve->sink.ops = &sieve_ops;
	sieve->below = below;
	error = is_layer ? layer_replay(tar, &sieve->sink, NULL, NULL)
			 : layer_replay_archive(tar, &sieve->sink, NULL, NULL);
	if (!error)
		return entry_sink_close(&sieve->sink);
	entry_sink_free(&sieve->sink);
	return error;
}

/* Ours, read again and written again, is the same. */
static void write_twice(const uint8_t *bytes, size_t size)
{
	static const struct entry_times keep = { TIMES_KEEP, 0 };
	AUTO(strbuf) struct strbuf first = { 0 };
	AUTO(strbuf) struct strbuf second = { 0 };
	struct error *error = send(bytes, size, true, tar_writer(writer_to_strbuf(&first), &keep));

	if (!error) {
		error = send(first.p, first.n, true, tar_writer(writer_to_strbuf(&second), &keep));
		require(!error && first.n == second.n && memcmp(first.p, second.p, first.n) == 0);
	}
	error_free(error);
}

/* in/ is where layers go, below/ a layer below, secret what must not be touched. */
struct place {
	char path[64];
	int fd;
	int below_fd;
};

static struct place place; /* made once, for a run */

static void place_remove(void)
{
	error_free(file_remove_tree(AT_FDCWD, place.path));
}

static void place_init(void)
{
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(place.path, sizeof(place.path), "%s/kiln-fuzz-XXXXXX", where);
	require(mkdtemp(place.path) != NULL && atexit(place_remove) == 0);
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error_free(file_write_atomic(place.fd, "secret", "secret", 6, 0600, false));
	require(mkdirat(place.fd, "below", 0755) == 0);
	place.below_fd = openat(place.fd, "below", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(mkdirat(place.below_fd, "d", 0755) == 0);
	error_free(file_write_atomic(place.below_fd, "d/f", "file", 4, 0644, false));
	require(symlinkat("d", place.below_fd, "l") == 0);
	require(symlinkat("../..", place.below_fd, "up") == 0);
}

static struct error *count(void *state, const struct tree_item *item, enum tree_step *step)
{
	(void)item;
	(void)step;
	++*(unsigned *)state;
	return NULL;
}

static void place_check(void)
{
	AUTO_FREE char *text = NULL;
	struct stat st;

	require(!file_read(place.fd, "secret", 100, &text, NULL) && strcmp(text, "secret") == 0);
	require(fstatat(place.fd, "secret", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1);
	error_free(file_remove_tree(place.fd, "in"));
	/* Nothing was made beside it or in the layer below. */
	unsigned names = 0;
	const struct tree_visitor visitor = { count, NULL, &names };
	require(!tree_walk(place.fd, &visitor) && names == 6);
}

static struct error *unpack(const uint8_t *bytes, size_t size, const struct apply_options *options)
{
	require(mkdirat(place.fd, "in", 0755) == 0);
	AUTO_FD int fd = openat(place.fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(fd >= 0);
	struct error *error =
			send(bytes, size, options->mode == APPLY_LAYER, apply_sink(fd, options));
	place_check();
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct lowers lowers = { &place.below_fd, 1 };
	const struct owner_policy recorded = { .kind = OWNER_RECORDED };
	const struct apply_options rootfs = { APPLY_ROOTFS, recorded, NULL };
	const struct apply_options alone = { APPLY_LAYER, recorded, NULL };
	const struct apply_options chain = { APPLY_LAYER, recorded, &lowers };

	if (!place.path[0])
		place_init();
	write_twice(bytes, size);
	struct error *error = unpack(bytes, size, &alone);
	bool again = apply_needs_lowers(error);
	error_free(error);
	if (again)
		error_free(unpack(bytes, size, &chain));
	error_free(unpack(bytes, size, &rootfs));
	return 0;
}
