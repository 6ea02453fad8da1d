#include "base/limits.h"
#include "build/history.h"
#include "build/mounts.h"
#include "stream/hash.h"

#include <string.h>
#include <sys/stat.h>

/* A list of more is not kept: nobody reads it, and the store's bound would be lost to it. */
enum { LIST_FILES = 500000, LIST_SELECTIONS = 100 };

static uint64_t first_bytes(const struct digest *digest)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 8; i++)
		value = value << 8 | digest->bytes[i];
	return value ? value : 1;
}

/* The first of a file's several names; NULL: it is the only one, or itself the first. */
static const struct select_item *twin_of(
		const struct selection *selection, const struct select_item *item)
{
	bool has = S_ISREG(item->owner.mode) && item->twin < selection->items.n;

	return has ? &selection->items.p[item->twin] : NULL;
}

static uint64_t content_of(const struct selection *selection, const struct select_item *item)
{
	const struct select_item *twin = twin_of(selection, item);
	const char *other = twin ? twin->path : item->link;

	if (other) {
		struct digest digest = digest_of(other, strlen(other));

		return first_bytes(&digest);
	}
	return S_ISREG(item->owner.mode) ? first_bytes(&item->digest) : 0;
}

static uint64_t xattrs_of(const struct select_item *item)
{
	AUTO(hash) struct hash *hash = NULL;

	if (!item->xattrs.n)
		return 0;
	hash = hash_new();
	for (size_t i = 0; i < item->xattrs.n; i++) {
		hash_update(hash, item->xattrs.p[i].name, strlen(item->xattrs.p[i].name) + 1);
		hash_update(hash, item->xattrs.p[i].value, item->xattrs.p[i].n);
	}
	struct digest digest = hash_finish(hash);
	return first_bytes(&digest);
}

/* Anything that is not a plain letter of a path would break the line. */
static void add_encoded(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c == '%' || c == 127)
			strbuf_addf(out, "%%%02x", c);
		else
			strbuf_add_char(out, *text);
	}
}

static size_t shared_bytes(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

void history_files_write(const struct selection *selection, struct strbuf *out)
{
	const char *before = "";

	for (size_t i = 0; i < selection->items.n; i++) {
		const struct select_item *item = &selection->items.p[i];
		const char *path = item->path && *item->path ? item->path : ".";
		size_t shared = shared_bytes(before, path);
		unsigned link = twin_of(selection, item) ? HISTORY_HARD_LINK : 0;

		strbuf_addf(out, "%o %u %u %llu %llx %llx %zu ", item->owner.mode | link,
				item->owner.uid, item->owner.gid, (unsigned long long)item->size,
				(unsigned long long)content_of(selection, item),
				(unsigned long long)xattrs_of(item), shared);
		add_encoded(out, path + shared);
		strbuf_add_char(out, '\n');
		before = path;
	}
}

/* What a COPY selected, or the bind mounts of a RUN show. */
static size_t list_selections(const struct step_run *run, const struct selection **ret, size_t max)
{
	size_t n = 0;

	if (run->selection)
		ret[n++] = run->selection;
	for (size_t i = 0; run->mounts && i < run->mounts->n && n < max; i++)
		if (run->mounts->p[i].selection)
			ret[n++] = run->mounts->p[i].selection;
	return n;
}

void history_keep_files(struct build *build, const struct step_run *run)
{
	struct store *store = build->options->store;

	const struct selection *selections[LIST_SELECTIONS];
	size_t n = list_selections(run, selections, LIST_SELECTIONS), files = 0;
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < n; i++)
		files += selections[i]->items.n;
	if (!n || !digest_known(&run->content) || store_is_read_only(store) || files > LIST_FILES ||
			history_has_files(store, &run->content))
		return;
	for (size_t i = 0; i < n; i++)
		history_files_write(selections[i], &text);
	error_ignore(history_put_files(store, &run->content, strbuf_text(&text), text.n),
			"lists of files are an aid");
}

/* --- reading --- */

static bool next_number(struct str *line, int base, uint64_t *ret)
{
	char text[24];
	char *end = NULL;
	struct str word, rest;

	if (!str_cut(*line, ' ', &word, &rest) || !word.n || word.n >= sizeof(text))
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	*ret = strtoull(text, &end, base);
	*line = rest;
	return *end == '\0' && text[0] != '-';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct str text, struct strbuf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		int high, low;

		if (text.p[i] != '%') {
			strbuf_add_char(out, text.p[i]);
			continue;
		}
		if (i + 2 >= text.n)
			return false;
		high = hex_digit(text.p[i + 1]);
		low = hex_digit(text.p[i + 2]);
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return false;
		strbuf_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

static bool read_line(struct str line, struct strbuf *path, struct history_file *ret)
{
	uint64_t mode = 0, uid = 0, gid = 0, shared = 0;

	if (!next_number(&line, 8, &mode) || !next_number(&line, 10, &uid) ||
			!next_number(&line, 10, &gid) || !next_number(&line, 10, &ret->size) ||
			!next_number(&line, 16, &ret->digest) ||
			!next_number(&line, 16, &ret->xattrs) || !next_number(&line, 10, &shared))
		return false;
	if (shared > path->n)
		return false;
	strbuf_truncate(path, shared);
	if (!decode(line, path) || path->n > LIMIT_PATH_BYTES)
		return false;
	ret->mode = (uint32_t)mode;
	ret->uid = (uint32_t)uid;
	ret->gid = (uint32_t)gid;
	ret->path = xstrdup(strbuf_text(path));
	return true;
}

FALLIBLE history_files_read(const char *text, size_t n, struct history_files *ret)
{
	AUTO(strbuf) struct strbuf path = { 0 };
	AUTO(history_files) struct history_files files = { 0 };
	struct str rest = { text, n };

	while (rest.n) {
		struct str line, after;

		(void)str_cut(rest, '\n', &line, &after);
		if (files.n >= LIST_FILES || !read_line(line, &path, vec_add(&files)))
			return error_new(ERR_INVALID, "line %zu is not a file", files.n);
		rest = after;
	}
	*ret = TAKE_VALUE(files);
	return NULL;
}

void history_files_done(struct history_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->p[i].path);
	vec_done(files);
}
