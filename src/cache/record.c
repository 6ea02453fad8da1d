#include "cache/record.h"
#include "base/limits.h"
#include "base/map.h"
#include "oci/json.h"

#include <stdio.h>
#include <string.h>

/* Raised when what a field means changes; documents of other versions are not read. */
enum { RECORD_VERSION = 1 };

static const char *const kinds[] = {
	[CACHED_LAYER] = "layer", [CACHED_EMPTY] = "empty", [CACHED_TOC] = "toc"
};

struct digest cached_toc_key(const struct digest *diff_id)
{
	char name[DIGEST_TEXT], text[8 + DIGEST_TEXT];

	return digest_of(text, (size_t)snprintf(text, sizeof(text), "toc of %s",
					       digest_text(diff_id, name)));
}

void cached_step_done(struct cached_step *step)
{
	free(TAKE(step->slot));
	free(TAKE(step->ingredients));
}

void cached_step_copy(const struct cached_step *from, struct cached_step *ret)
{
	*ret = *from;
	ret->slot = xstrdup(from->slot);
	ret->ingredients = xstrdup(from->ingredients);
}

void cached_steps_done(struct cached_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		cached_step_done(&steps->p[i]);
	vec_done(steps);
}

/* --- out --- */

static void print_known(struct json_out *out, const char *name, const struct digest *digest)
{
	if (digest_known(digest))
		json_out_digest(out, name, digest);
}

static void print_blob(struct json_out *out, const char *name, const struct cached_blob *blob)
{
	if (!digest_known(&blob->digest))
		return;
	json_out_open(out, name, '{');
	json_out_digest(out, "digest", &blob->digest);
	json_out_u64(out, "size", blob->bytes);
	json_out_close(out, '}');
}

static void print_step(struct json_out *out, const struct cached_step *step)
{
	json_out_open(out, NULL, '{');
	json_out_digest(out, "key", &step->key);
	print_known(out, "definition", &step->definition);
	json_out_text(out, "kind", kinds[step->kind]);
	if (step->kind != CACHED_EMPTY)
		json_out_digest(out, "diffID", &step->diff_id);
	if (step->kind == CACHED_LAYER) {
		print_blob(out, "blob", &step->blob);
		json_out_text(out, "compression", compression_name(step->compression));
		json_out_i64(out, "level", step->level);
	}
	if (step->kind != CACHED_EMPTY)
		print_blob(out, "toc", &step->toc);
	print_known(out, "content", &step->content);
	json_out_i64(out, "created", step->created);
	json_out_text(out, "slot", step->slot);
	json_out_text(out, "ingredients", step->ingredients);
	json_out_close(out, '}');
}

static void print_steps(struct json_out *out, const struct cached_steps *steps)
{
	json_out_open(out, "steps", '[');
	for (size_t i = 0; i < steps->n; i++)
		print_step(out, &steps->p[i]);
	json_out_close(out, ']');
}

/* Over the canonical form of what was understood, so that it holds whatever the spacing. */
static struct digest sum_of(const struct cached_steps *steps)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	print_steps(&out, steps);
	json_out_close(&out, '}');
	return digest_of(strbuf_text(&out.text), out.text.n);
}

char *cached_steps_print(const struct cached_steps *steps)
{
	AUTO(json_out) struct json_out out = { 0 };
	struct digest sum = sum_of(steps);

	json_out_open(&out, NULL, '{');
	json_out_i64(&out, "version", RECORD_VERSION);
	print_steps(&out, steps);
	json_out_digest(&out, "sum", &sum);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

/* --- in --- */

static FALLIBLE parse_blob(const struct json_field *object, const char *name, enum json_need need,
		uint64_t limit, struct cached_blob *ret)
{
	struct json_field field;
	int64_t bytes = 0;

	TRY(json_get_object(object, name, need, &field));
	if (!field.value)
		return NULL;
	TRY(json_get_digest(&field, "digest", JSON_MUST, &ret->digest));
	TRY(json_get_i64(&field, "size", JSON_MUST, 0, &bytes));
	ret->bytes = (uint64_t)bytes;
	if (ret->bytes > limit)
		return json_complain(&field, "has %lld bytes, more than %llu", (long long)bytes,
				(unsigned long long)limit);
	return NULL;
}

static FALLIBLE parse_compression(const struct json_field *object, enum compression *ret)
{
	AUTO_FREE char *text = NULL;

	TRY(json_get_text(object, "compression", JSON_MUST, &text));
	for (enum compression c = COMPRESSION_NONE; c <= COMPRESSION_ZSTD; c++)
		if (text_equal(text, compression_name(c)))
			*ret = c;
	return *ret ? NULL : json_complain(object, "has an unknown compression");
}

static FALLIBLE parse_layer(const struct json_field *object, struct cached_step *step)
{
	int64_t level = 0;

	TRY(parse_blob(object, "blob", JSON_MUST, LIMIT_LAYER_BYTES, &step->blob));
	TRY(parse_compression(object, &step->compression));
	TRY(json_get_i64(object, "level", JSON_MUST, -1, &level));
	if (level > 22)
		return json_complain(object, "has the level %lld", (long long)level);
	step->level = (int)level;
	return NULL;
}

static FALLIBLE parse_step(const struct json_field *object, struct cached_step *step)
{
	AUTO_FREE char *kind = NULL;

	TRY(json_get_digest(object, "key", JSON_MUST, &step->key));
	TRY(json_get_digest(object, "definition", JSON_MAY, &step->definition));
	TRY(json_get_digest(object, "content", JSON_MAY, &step->content));
	TRY(json_get_i64(object, "created", JSON_MUST, 0, &step->created));
	TRY(json_get_text(object, "slot", JSON_MAY, &step->slot));
	TRY(json_get_text(object, "ingredients", JSON_MAY, &step->ingredients));
	TRY(json_get_text(object, "kind", JSON_MUST, &kind));
	for (enum cached_kind k = CACHED_LAYER; k <= CACHED_TOC; k++)
		if (text_equal(kind, kinds[k]))
			step->kind = k;
	if (!step->kind)
		return json_complain(object, "is of an unknown kind");
	if (step->created > LIMIT_TIME_SECONDS)
		return json_complain(object, "was made after the year 9999");
	if (step->kind == CACHED_EMPTY)
		return NULL;
	TRY(json_get_digest(object, "diffID", JSON_MUST, &step->diff_id));
	TRY(parse_blob(object, "toc", step->kind == CACHED_TOC ? JSON_MUST : JSON_MAY,
			LIMIT_TOC_BYTES, &step->toc));
	return step->kind == CACHED_LAYER ? parse_layer(object, step) : NULL;
}

static FALLIBLE parse_steps(const struct json_field *root, struct cached_steps *ret)
{
	AUTO(map) struct map *seen = map_new(NULL);
	struct json_field list;
	char text[DIGEST_TEXT];

	TRY(json_get_array(root, "steps", JSON_MUST, &list));
	for (size_t i = 0; i < json_count(&list); i++) {
		struct json_field item;
		struct cached_step *step = vec_add(ret);

		TRY(json_item_object(&list, i, &item));
		TRY(parse_step(&item, step));
		if (map_has(seen, digest_text(&step->key, text)))
			return json_complain(&item, "has a key that was there before");
		map_set(seen, text, seen);
	}
	return NULL;
}

FALLIBLE cached_steps_parse(struct str json, const char *what, struct cached_steps *ret)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 };
	json_auto_t *value = NULL;
	struct json_field root;
	struct digest stated, sum;
	int64_t version = 0;

	TRY(json_parse(json, LIMIT_MANIFEST_BYTES, what, &value));
	TRY(json_root(value, what, &root));
	TRY(json_get_i64(&root, "version", JSON_MUST, 0, &version));
	if (version != RECORD_VERSION)
		return error_new(ERR_INVALID, "%s: it has version %lld, this kiln reads %d", what,
				(long long)version, RECORD_VERSION);
	TRY(parse_steps(&root, &steps));
	TRY(json_get_digest(&root, "sum", JSON_MUST, &stated));
	sum = sum_of(&steps);
	if (!digest_equal(&stated, &sum))
		return error_new(ERR_INVALID, "%s: its sum does not fit its contents", what);
	for (size_t i = 0; i < steps.n; i++)
		vec_push(ret, TAKE_VALUE(steps.p[i]));
	return NULL;
}
