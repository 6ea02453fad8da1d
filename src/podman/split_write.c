/*
 * A tar taken apart while it passes. The state says what the next bytes are: a header, the data of
 * a header that speaks of the next one (pax, GNU long name), the content of a file.
 *
 * What the directory cannot give back stays in the lines as it is: the data of sparse files, and
 * the second of two entries of one name.
 */
#include "base/limits.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "layer/tar_format.h"
#include "layer/tar_pax.h"
#include "layer/tar_sparse.h"
#include "oci/json.h"
#include "podman/split.h"
#include "stream/crc64.h"
#include "sys/path.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { SEGMENT_BYTES = 256 * 1024 };

struct splitter {
	struct writer writer;
	struct writer *out;
	struct map *names;  /* cleaned -> splitter when it has content, else names */
	struct strbuf raw;  /* bytes of the tar since the last line */
	struct strbuf line; /* scratch */
	unsigned position;

	enum { AT_HEADER = 0, AT_SPARSE_MAP, AT_PRELUDE, AT_CONTENT, AT_RAW, AT_END } state;
	char block[TAR_BLOCK];
	size_t block_n;
	uint64_t left; /* of the state's data, and then padding */
	size_t padding;
	char prelude_type;
	struct strbuf prelude, long_name;
	struct pax pax;

	char *name;         /* of the file whose content passes */
	uint64_t size, crc; /* crc: Go's crc64.ISO */
};

/* --- lines --- */

static void add_base64(struct strbuf *line, const void *bytes, size_t n)
{
	AUTO_FREE char *text = xmalloc(4 * ((n + 2) / 3) + 1);

	(void)EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	strbuf_add(line, text);
}

static FALLIBLE put_line(struct splitter *split)
{
	strbuf_addf(&split->line, ",\"position\":%u}\n", split->position++);
	return writer_write(split->out, strbuf_text(&split->line), split->line.n);
}

static FALLIBLE put_segment(struct splitter *split)
{
	if (!split->raw.n)
		return NULL;
	strbuf_clear(&split->line);
	strbuf_add(&split->line, "{\"type\":2,\"payload\":\"");
	add_base64(&split->line, strbuf_text(&split->raw), split->raw.n);
	strbuf_add(&split->line, "\"");
	strbuf_clear(&split->raw);
	return put_line(split);
}

static bool is_utf8(const char *text)
{
	json_t *value = json_string(text);

	json_decref(value);
	return value != NULL;
}

static FALLIBLE put_file(struct splitter *split, const char *name)
{
	unsigned char sum[8];

	strbuf_clear(&split->line);
	strbuf_add(&split->line, "{\"type\":1,");
	if (is_utf8(name)) {
		json_auto_t *value = json_string(name);
		AUTO_FREE char *quoted = json_dumps(value, JSON_ENCODE_ANY);

		strbuf_addf(&split->line, "\"name\":%s", quoted);
	} else {
		strbuf_add(&split->line, "\"name_raw\":\"");
		add_base64(&split->line, name, strlen(name));
		strbuf_add(&split->line, "\"");
	}
	if (!split->size) {
		strbuf_add(&split->line, ",\"payload\":null");
		return put_line(split);
	}
	for (int i = 0; i < 8; i++)
		sum[i] = (unsigned char)(split->crc >> (56 - 8 * i));
	strbuf_addf(&split->line, ",\"size\":%llu,\"payload\":\"", (unsigned long long)split->size);
	add_base64(&split->line, sum, sizeof(sum));
	strbuf_add(&split->line, "\"");
	return put_line(split);
}

/* --- headers --- */

/* The path as the header and those before it say. New. */
static char *path_of(struct splitter *split, const struct tar_header *header)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	pax_entry_name(&split->pax, header, strbuf_text(&split->long_name), &text);
	return strbuf_take(&text);
}

static FALLIBLE data_size(
		const struct splitter *split, const struct tar_header *header, uint64_t *ret)
{
	int64_t size = 0;

	if (split->pax.size.state != PAX_SAID)
		TRY(tar_number(header->size, sizeof(header->size), 0, INT64_MAX, &size));
	*ret = pax_value(split->pax.size, (uint64_t)size);
	return NULL;
}

static void start_data(struct splitter *split, int state, uint64_t size)
{
	split->state = state;
	split->left = size;
	split->padding = (size_t)(-size % TAR_BLOCK);
}

static FALLIBLE start_prelude(struct splitter *split, const struct tar_header *header)
{
	int64_t size = 0;

	TRY(tar_number(header->size, sizeof(header->size), 0, LIMIT_PAX_BYTES, &size));
	split->prelude_type = header->type;
	strbuf_clear(&split->prelude);
	start_data(split, AT_PRELUDE, (uint64_t)size);
	return NULL;
}

static FALLIBLE end_prelude(struct splitter *split)
{
	struct str text = strbuf_str(&split->prelude);

	if (split->prelude_type == 'x' || split->prelude_type == 'X') {
		pax_clear(&split->pax);
		return pax_parse(text, &split->pax);
	}
	if (split->prelude_type == 'g')
		return NULL;
	strbuf_clear(&split->long_name);
	if (split->prelude_type == 'L')
		strbuf_add_str(&split->long_name, tar_text(text.p, text.n));
	return NULL;
}

/* The line of an entry, once its header is in raw; what has content waits for its end. */
static FALLIBLE start_file(struct splitter *split, const char *name, uint64_t size)
{
	AUTO_FREE char *clean = path_clean(str_of(name));
	const void *known = map_get(split->names, clean);

	if (known == split)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "the layer has '%s' twice; Podman's store cannot "
						  "hold that",
						  clean),
				"make the image anew, with --squash");
	if (known) {
		start_data(split, AT_RAW, size);
		return NULL;
	}
	map_set(split->names, clean, size ? (void *)split : (void *)split->names);
	TRY(put_segment(split));
	split->size = size;
	split->crc = 0;
	if (!size)
		return put_file(split, name);
	TRY(crc64_begin());
	free(split->name);
	split->name = xstrdup(name);
	start_data(split, AT_CONTENT, size);
	return NULL;
}

static bool is_sparse(const struct splitter *split, const struct tar_header *header)
{
	return header->type == 'S' || split->pax.has_map ||
	       (split->pax.major.state == PAX_SAID && split->pax.major.value == 1);
}

static FALLIBLE take_entry(struct splitter *split, const struct tar_header *header)
{
	bool is_regular = header->type == '\0' || header->type == '0' || header->type == '7';
	AUTO_FREE char *name = path_of(split, header);
	uint64_t size = 0;

	if (is_regular || header->type == 'S' || header->type == 'D')
		TRY(data_size(split, header, &size));
	if (is_sparse(split, header) || header->type == 'D') {
		start_data(split, AT_RAW, size);
		/* GNU's older form has more of its map between header and data. */
		if (header->type == 'S' && split->block[482])
			split->state = AT_SPARSE_MAP;
	} else {
		start_data(split, AT_HEADER, 0);
		TRY(start_file(split, name, size));
	}
	pax_clear(&split->pax);
	strbuf_clear(&split->long_name);
	return NULL;
}

static FALLIBLE take_block(struct splitter *split)
{
	struct tar_header header;

	strbuf_add_str(&split->raw, (struct str){ split->block, TAR_BLOCK });
	if (split->state == AT_SPARSE_MAP) {
		if (!split->block[504])
			split->state = AT_RAW;
		return NULL;
	}
	if (tar_is_zero(split->block)) {
		split->state = AT_END;
		return NULL;
	}
	memcpy(&header, split->block, sizeof(header));
	if (header.type == 'x' || header.type == 'X' || header.type == 'g' || header.type == 'L' ||
			header.type == 'K')
		return start_prelude(split, &header);
	return take_entry(split, &header);
}

/* --- the stream --- */

static FALLIBLE end_data(struct splitter *split)
{
	if (split->state == AT_CONTENT)
		TRY(put_file(split, split->name));
	if (split->state == AT_PRELUDE)
		TRY(end_prelude(split));
	if (split->state == AT_CONTENT || split->state == AT_PRELUDE)
		split->state = AT_RAW; /* what is left is padding */
	if (!split->padding)
		split->state = AT_HEADER;
	split->left = split->padding;
	split->padding = 0;
	return NULL;
}

/* Some of the bytes of what has a length; *ret_n are taken. */
static FALLIBLE take_data(struct splitter *split, const char *bytes, size_t n, size_t *ret_n)
{
	struct str part = { bytes, n < split->left ? n : (size_t)split->left };

	*ret_n = part.n;
	split->left -= part.n;
	if (split->state == AT_CONTENT) {
		split->crc = crc64_update(split->crc, part.p, part.n);
	} else {
		strbuf_add_str(&split->raw, part);
		if (split->state == AT_PRELUDE)
			strbuf_add_str(&split->prelude, part);
	}
	return split->left ? NULL : end_data(split);
}

static FALLIBLE take_some(struct splitter *split, const char *bytes, size_t n, size_t *ret_n)
{
	if (split->state == AT_END) {
		strbuf_add_str(&split->raw, (struct str){ bytes, n });
		*ret_n = n;
		return NULL;
	}
	if (split->state == AT_HEADER || split->state == AT_SPARSE_MAP) {
		size_t room = TAR_BLOCK - split->block_n;

		*ret_n = n < room ? n : room;
		memcpy(split->block + split->block_n, bytes, *ret_n);
		split->block_n = (split->block_n + *ret_n) % TAR_BLOCK;
		return split->block_n ? NULL : take_block(split);
	}
	*ret_n = 0;
	return split->left ? take_data(split, bytes, n, ret_n) : end_data(split);
}

static struct error *splitter_write(struct writer *writer, const void *bytes, size_t n)
{
	struct splitter *split = (struct splitter *)writer;

	for (size_t at = 0, part = 0; at < n; at += part) {
		TRY_WRAP(take_some(split, (const char *)bytes + at, n - at, &part), "tar-split");
		if (split->raw.n >= SEGMENT_BYTES)
			TRY(put_segment(split));
	}
	return NULL;
}

static struct error *splitter_close(struct writer *writer)
{
	struct splitter *split = (struct splitter *)writer;

	strbuf_add_str(&split->raw, (struct str){ split->block, split->block_n });
	TRY(put_segment(split));
	return writer_close(TAKE(split->out));
}

static void splitter_free(struct writer *writer)
{
	struct splitter *split = (struct splitter *)writer;

	writer_free(split->out);
	map_free(split->names);
	strbuf_done(&split->raw);
	strbuf_done(&split->line);
	strbuf_done(&split->prelude);
	strbuf_done(&split->long_name);
	pax_done(&split->pax);
	free(split->name);
	free(split);
}

struct writer *split_writer(struct writer *out)
{
	static const struct writer_ops ops = {
		.write = splitter_write, .close = splitter_close, .free = splitter_free
	};
	struct splitter *split = xcalloc(1, sizeof(*split));

	split->writer.ops = &ops;
	split->out = out;
	split->names = map_new(NULL);
	return &split->writer;
}

/* --- beside a reader --- */

struct copying {
	struct reader reader;
	struct reader *below;
	struct writer *to; /* borrowed */
};

static struct error *copying_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct copying *copying = (struct copying *)reader;

	TRY(reader_read(copying->below, buf, n, ret_n));
	return *ret_n ? writer_write(copying->to, buf, *ret_n) : NULL;
}

static void copying_free(struct reader *reader)
{
	reader_free(((struct copying *)reader)->below);
	free(reader);
}

struct reader *copying_reader(struct reader *below, struct writer *to)
{
	static const struct reader_ops ops = { .read = copying_read, .free = copying_free };
	struct copying *copying = xcalloc(1, sizeof(*copying));

	*copying = (struct copying){ { &ops }, below, to };
	return &copying->reader;
}
