#include "layer/inventory.h"
#include "stream/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 128 * 1024 };

struct inventory_sink {
	struct entry_sink sink;
	struct inventory *out;
	struct hash *hash;
	char *buf;
};

static struct inventory_sink *of(struct entry_sink *sink)
{
	return (struct inventory_sink *)sink;
}

static FALLIBLE hash_content(
		struct inventory_sink *sink, struct reader *content, struct digest *ret)
{
	for (;;) {
		size_t n = 0;

		TRY(reader_read(content, sink->buf, READ_BYTES, &n));
		if (n == 0)
			break;
		hash_update(sink->hash, sink->buf, n);
	}
	*ret = hash_finish(sink->hash);
	return NULL;
}

static FALLIBLE add(struct entry_sink *base, const struct entry *entry, struct reader *content)
{
	struct inventory_sink *sink = of(base);
	struct inventory_item *item = vec_add(sink->out);

	item->kind = INVENTORY_ENTRY;
	item->path = xstrdup(entry->path);
	item->link = xstrdup(entry->link);
	item->is_hardlink = entry->is_hardlink;
	if (entry->is_hardlink)
		return NULL;
	item->owner = entry->owner;
	item->mtime = entry->mtime;
	item->mtime_ns = entry->mtime_ns;
	item->size = entry->size;
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct xattr *one = &entry->xattrs[i];

		hash_update(sink->hash, one->name, strlen(one->name) + 1);
		hash_update(sink->hash, &one->n, sizeof(one->n));
		hash_update(sink->hash, one->value, one->n);
	}
	item->xattrs = hash_finish(sink->hash);
	return content ? hash_content(sink, content, &item->content) : NULL;
}

static void add_mark(struct entry_sink *base, const char *path, enum inventory_kind kind)
{
	struct inventory_item *item = vec_add(of(base)->out);

	item->kind = kind;
	item->path = xstrdup(path);
}

static FALLIBLE whiteout(struct entry_sink *base, const char *path)
{
	add_mark(base, path, INVENTORY_WHITEOUT);
	return NULL;
}

static FALLIBLE opaque(struct entry_sink *base, const char *path)
{
	add_mark(base, path, INVENTORY_OPAQUE);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct inventory_item *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (int)x->kind - (int)y->kind;
}

static FALLIBLE close_sink(struct entry_sink *base)
{
	struct inventory *out = of(base)->out;

	if (out->n)
		qsort(out->p, out->n, sizeof(*out->p), compare);
	return NULL;
}

static void free_sink(struct entry_sink *base)
{
	struct inventory_sink *sink = of(base);

	hash_free(sink->hash);
	free(sink->buf);
	free(sink);
}

struct entry_sink *inventory_sink(struct inventory *ret)
{
	static const struct entry_sink_ops ops = { add, whiteout, opaque, close_sink, free_sink };
	struct inventory_sink *sink = xcalloc(1, sizeof(*sink));

	sink->sink.ops = &ops;
	sink->out = ret;
	sink->hash = hash_new();
	sink->buf = xmalloc(READ_BYTES);
	return &sink->sink;
}

void inventory_done(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->n; i++) {
		free(inventory->p[i].path);
		free(inventory->p[i].link);
	}
	vec_done(inventory);
}

/* --- comparing --- */

static const char *type_of(const struct inventory_item *item)
{
	if (item->kind == INVENTORY_WHITEOUT)
		return "a deletion";
	if (item->kind == INVENTORY_OPAQUE)
		return "a directory emptied";
	if (item->is_hardlink)
		return "a hard link";
	switch (item->owner.mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFLNK:
		return "a link";
	case S_IFREG:
		return "a file";
	default:
		return "a device or pipe";
	}
}

/* NULL: nothing but times. */
static char *difference_of(const struct inventory_item *a, const struct inventory_item *b)
{
	if (strcmp(type_of(a), type_of(b)) != 0)
		return xasprintf("%s before, %s now", type_of(a), type_of(b));
	if (a->owner.mode != b->owner.mode)
		return xasprintf("mode %04o before, %04o now", a->owner.mode & 07777,
				b->owner.mode & 07777);
	if (a->owner.uid != b->owner.uid || a->owner.gid != b->owner.gid)
		return xasprintf("owner %u:%u before, %u:%u now", a->owner.uid, a->owner.gid,
				b->owner.uid, b->owner.gid);
	if (a->owner.major != b->owner.major || a->owner.minor != b->owner.minor)
		return xstrdup("another device");
	if (a->size != b->size)
		return xasprintf("content (%llu bytes before, %llu now)",
				(unsigned long long)a->size, (unsigned long long)b->size);
	if (!digest_equal(&a->content, &b->content))
		return xasprintf("content (%llu bytes)", (unsigned long long)b->size);
	if (!text_equal(a->link, b->link))
		return xasprintf("to '%s' before, '%s' now", a->link ? a->link : "",
				b->link ? b->link : "");
	if (!digest_equal(&a->xattrs, &b->xattrs))
		return xstrdup("extended attributes");
	return NULL;
}

static void tell(struct inventory_difference *ret, size_t most, const char *path, const char *text)
{
	ret->files++;
	if (ret->texts.n < most)
		list_addf(&ret->texts, "/%s: %s", path, text);
}

static void one_sided(struct inventory_difference *ret, size_t most,
		const struct inventory_item *item, const char *when)
{
	AUTO_FREE char *text = xasprintf("%s, only %s", type_of(item), when);

	tell(ret, most, item->path, text);
}

static void two_sided(struct inventory_difference *ret, size_t most, const struct inventory_item *a,
		const struct inventory_item *b)
{
	AUTO_FREE char *text = difference_of(a, b);

	if (text)
		tell(ret, most, b->path, text);
	else
		ret->times += a->mtime != b->mtime || a->mtime_ns != b->mtime_ns;
}

void inventory_compare(const struct inventory *before, const struct inventory *now, size_t most,
		struct inventory_difference *ret)
{
	size_t i = 0, k = 0;

	while (i < before->n || k < now->n) {
		int order = i == before->n ? 1
			    : k == now->n  ? -1
					   : compare(&before->p[i], &now->p[k]);

		if (order < 0)
			one_sided(ret, most, &before->p[i], "before");
		else if (order > 0)
			one_sided(ret, most, &now->p[k], "now");
		else
			two_sided(ret, most, &before->p[i], &now->p[k]);
		i += order <= 0;
		k += order >= 0;
	}
}

void inventory_difference_done(struct inventory_difference *difference)
{
	list_done(&difference->texts);
}
