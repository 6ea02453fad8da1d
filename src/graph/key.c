#include "graph/key.h"
#include "stream/hash.h"

#include <jansson.h>
#include <string.h>

struct key {
	struct hash *hash;
	json_t *record;
};

static void frame(struct key *key, char type, const void *bytes, uint64_t n)
{
	uint8_t head[9] = { (uint8_t)type };

	for (unsigned i = 0; i < 8; i++)
		head[1 + i] = (uint8_t)(n >> (8 * i));
	hash_update(key->hash, head, sizeof(head));
	if (n)
		hash_update(key->hash, bytes, n);
}

static void frame_name(struct key *key, const char *name)
{
	frame(key, 'n', name, strlen(name));
}

/* Bytes that are not UTF-8 are shown by their digest: the record is for people. */
static json_t *shown(const char *text)
{
	if (!text)
		return json_null();
	json_t *value = json_string(text);
	if (value)
		return value;
	struct digest digest = digest_of(text, strlen(text));
	char buf[DIGEST_TEXT];
	return json_string(digest_text(&digest, buf));
}

/* A name that comes again (one for each mount) is numbered, so that the record shows them all. */
static void show(struct key *key, const char *name, json_t *value)
{
	AUTO_FREE char *numbered = NULL;

	for (unsigned n = 2; json_object_get(key->record, numbered ? numbered : name); n++) {
		free(numbered);
		numbered = xasprintf("%s %u", name, n);
	}
	json_object_set_new(key->record, numbered ? numbered : name, value);
}

struct key *key_new(const char *kind)
{
	struct key *key = xcalloc(1, sizeof(*key));

	key->hash = hash_new();
	key->record = json_object();
	key_text(key, "version", KEY_VERSION);
	key_text(key, "kind", kind);
	return key;
}

void key_free(struct key *key)
{
	if (!key)
		return;
	hash_free(key->hash);
	json_decref(key->record);
	free(key);
}

void key_text(struct key *key, const char *name, const char *text)
{
	frame_name(key, name);
	frame(key, text ? 't' : '0', text, text ? strlen(text) : 0);
	show(key, name, shown(text));
}

void key_number(struct key *key, const char *name, uint64_t value)
{
	frame_name(key, name);
	frame(key, 'u', &value, sizeof(value));
	show(key, name, json_integer((json_int_t)value));
}

void key_digest(struct key *key, const char *name, const struct digest *digest)
{
	char buf[DIGEST_TEXT];

	frame_name(key, name);
	if (!digest_known(digest)) {
		frame(key, '0', NULL, 0);
		show(key, name, json_null());
		return;
	}
	frame(key, 'd', digest->bytes, sizeof(digest->bytes));
	show(key, name, json_string(digest_text(digest, buf)));
}

void key_texts(struct key *key, const char *name, const struct texts *texts)
{
	json_t *array = json_array();

	frame_name(key, name);
	frame(key, 'l', NULL, 0);
	for (size_t i = 0; i < texts->n; i++) {
		frame(key, 'e', texts->p[i], strlen(texts->p[i]));
		json_array_append_new(array, shown(texts->p[i]));
	}
	frame(key, 'z', NULL, 0);
	show(key, name, array);
}

struct digest key_finish(struct key *key, char **ret_record)
{
	if (ret_record) {
		char *text = json_dumps(key->record, JSON_COMPACT);

		*ret_record = xstrdup(text);
		free(text);
	}
	return hash_finish(key->hash);
}
