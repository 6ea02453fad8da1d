/*
 * A cache home over objects. Blobs come before the records that speak of them; records are small
 * and written whole.
 */
#include "base/limits.h"
#include "base/strbuf.h"
#include "cache/home_kinds.h"
#include "stream/hash.h"

#include <stdio.h>
#include <string.h>

struct objects_home {
	struct cache_home home;
	struct objects *objects;
	char *index; /* name of the object */
};

enum { NAME_BYTES = 16 + DIGEST_HEX };

static const char *name_of(const char *folder, const struct digest *digest, char buf[NAME_BYTES])
{
	char hex[DIGEST_HEX];

	(void)snprintf(buf, NAME_BYTES, "%s/%s", folder, digest_hex(digest, hex));
	return buf;
}

static FALLIBLE read_document(struct objects_home *self, const char *name, struct cached_steps *ret)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(self->objects->ops->get(self->objects, name, &reader));
	TRY(reader_read_all(reader, LIMIT_MANIFEST_BYTES, &json, &n));
	return cached_steps_parse((struct str){ json, n }, name, ret);
}

static FALLIBLE read_index(struct cache_home *home, struct cached_steps *ret)
{
	struct objects_home *self = (struct objects_home *)home;

	return read_document(self, self->index, ret);
}

static FALLIBLE read_step(
		struct cache_home *home, const struct digest *key, struct cached_steps *ret)
{
	char name[NAME_BYTES];

	return read_document((struct objects_home *)home, name_of("steps", key, name), ret);
}

static FALLIBLE read_mount(
		struct cache_home *home, const struct digest *digest, struct mount_record *ret)
{
	struct objects_home *self = (struct objects_home *)home;
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *json = NULL;
	char name[NAME_BYTES];
	size_t n = 0;

	TRY(self->objects->ops->get(self->objects, name_of("mounts", digest, name), &reader));
	TRY(reader_read_all(reader, LIMIT_MANIFEST_BYTES, &json, &n));
	return mount_record_parse((struct str){ json, n }, name, ret);
}

static FALLIBLE open_blob(
		struct cache_home *home, const struct cached_blob *blob, struct reader **ret)
{
	struct objects_home *self = (struct objects_home *)home;
	char name[NAME_BYTES];
	struct reader *reader = NULL;

	TRY(self->objects->ops->get(
			self->objects, name_of("blobs/sha256", &blob->digest, name), &reader));
	*ret = verify_reader(reader, &blob->digest, blob->bytes);
	return NULL;
}

static FALLIBLE put_blob(struct cache_home *home, const struct registry_blob *blob)
{
	struct objects_home *self = (struct objects_home *)home;
	char name[NAME_BYTES];
	bool has = false;

	TRY(self->objects->ops->has(
			self->objects, name_of("blobs/sha256", &blob->digest, name), &has));
	return has ? NULL : self->objects->ops->put(self->objects, name, blob);
}

static struct error *open_text(void *user, uint64_t offset, struct reader **ret)
{
	const struct str *text = user;

	*ret = reader_from_bytes(text->p + offset, text->n - (size_t)offset);
	return NULL;
}

static FALLIBLE put_text(struct objects_home *self, const char *name, const char *json)
{
	struct str text = str_of(json);
	struct registry_blob blob = { .digest = digest_of(text.p, text.n),
		.size = text.n,
		.open = open_text,
		.user = &text };

	if (text.n > LIMIT_MANIFEST_BYTES)
		return error_new(ERR_LIMIT, "a cache record of %zu bytes (at most %d)", text.n,
				LIMIT_MANIFEST_BYTES);
	return self->objects->ops->put(self->objects, name, &blob);
}

static FALLIBLE put_document(
		struct objects_home *self, const char *name, const struct cached_steps *steps)
{
	AUTO_FREE char *json = cached_steps_print(steps);

	return put_text(self, name, json);
}

static FALLIBLE put_mount(struct cache_home *home, const struct digest *digest,
		const struct mount_record *record, const struct mount_list *list)
{
	AUTO_FREE char *json = mount_record_print(record);
	char name[NAME_BYTES];

	(void)list;
	return put_text((struct objects_home *)home, name_of("mounts", digest, name), json);
}

static FALLIBLE put_step(
		struct cache_home *home, const struct digest *key, const struct cached_steps *one)
{
	char name[NAME_BYTES];

	return put_document((struct objects_home *)home, name_of("steps", key, name), one);
}

static FALLIBLE put_index(struct cache_home *home, const struct cached_steps *steps)
{
	struct objects_home *self = (struct objects_home *)home;

	return put_document(self, self->index, steps);
}

static const char *repository(const struct cache_home *home)
{
	(void)home;
	return NULL;
}

static void home_free(struct cache_home *home)
{
	struct objects_home *self = (struct objects_home *)home;

	self->objects->ops->free(self->objects);
	free(self->home.name);
	free(self->home.scope);
	free(self->index);
	free(self);
}

static const struct cache_home_ops ops = { read_index, read_step, open_blob, put_blob, put_step,
	put_index, read_mount, put_mount, repository, home_free };

/* Letters, digits, '-' and '_' as they are; others as "%2f", so that no name leads elsewhere. */
static char *object_of(const char *index)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	strbuf_add(&out, "index/");
	for (const char *at = index; *at; at++) {
		bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
				(*at >= '0' && *at <= '9') || *at == '-' || *at == '_';

		if (is_plain)
			strbuf_add_char(&out, *at);
		else
			strbuf_addf(&out, "%%%02x", (unsigned char)*at);
	}
	return strbuf_take(&out);
}

struct cache_home *cache_home_objects(struct objects *objects, char *name, const char *index)
{
	struct objects_home *self = xcalloc(1, sizeof(*self));

	self->home = (struct cache_home){ .ops = &ops, .name = name };
	self->objects = objects;
	self->index = object_of(index);
	return &self->home;
}
