/*
 * json: the only jansson helpers. Reading: one bounded parse, then getters that check types and
 * name the field in their error ("manifest: 'layers[3].size' is text, not a number"). Printing: one
 * canonical form, made without a tree: keys in the order given, no spaces, always valid UTF-8.
 *
 * Floor: oci (pure). One thread at a time.
 * Spec: RFC 8259.
 */
#pragma once
#include "base/auto.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "oci/digest.h"

#include <jansson.h>

/*
 * Parse a whole document. Over limit bytes or nested deeper than LIMIT_JSON_DEPTH is ERR_LIMIT;
 * broken JSON, a key that comes twice, invalid UTF-8 or a NUL character is ERR_INVALID with line
 * and column, and never quotes the document, which may hold credentials. what names the document in
 * messages. *ret: json_decref() or json_auto_t.
 */
FALLIBLE json_parse(struct str text, size_t limit, const char *what, json_t **ret);

/*
 * A value and the way to it. Lives on the stack and points to its parent; borrowed from the tree.
 */
struct json_field {
	json_t *value;
	const struct json_field *up; /* NULL for the document, whose key is its name */
	const char *key;             /* NULL for an item of a list */
	size_t index;
};

/* The document as a field; it must be an object. */
FALLIBLE json_root(json_t *value, const char *what, struct json_field *ret);

/* ERR_INVALID "what: 'path' <problem>". */
struct error *json_complain(const struct json_field *field, const char *format, ...)
		PRINTF_LIKE(2, 3);

enum json_need { JSON_MAY = 0, JSON_MUST };

/*
 * Members of an object. A missing member and null are the same: with JSON_MAY the getter succeeds,
 * leaves *ret as it is and (for the last two) returns a field whose value is NULL; with JSON_MUST
 * it is ERR_INVALID. A value of another type is ERR_INVALID, a list longer than
 * LIMIT_LIST_ENTRIES ERR_LIMIT.
 */
FALLIBLE json_get_text(const struct json_field *object, const char *key, enum json_need need,
		char **ret); /* new; frees an earlier *ret */
FALLIBLE json_get_i64(const struct json_field *object, const char *key, enum json_need need,
		int64_t min, int64_t *ret);
FALLIBLE json_get_bool(const struct json_field *object, const char *key, bool *ret);
FALLIBLE json_get_digest(const struct json_field *object, const char *key, enum json_need need,
		struct digest *ret);
FALLIBLE json_get_object(const struct json_field *object, const char *key, enum json_need need,
		struct json_field *ret);
FALLIBLE json_get_array(const struct json_field *object, const char *key, enum json_need need,
		struct json_field *ret);
bool json_has(const struct json_field *object, const char *key); /* there and not null */

/* Items: n is 0 when array->value is NULL. */
size_t json_count(const struct json_field *array);
struct json_field json_item(const struct json_field *array, size_t i);
FALLIBLE json_item_object(const struct json_field *array, size_t i, struct json_field *ret);
FALLIBLE json_item_digest(const struct json_field *array, size_t i, struct digest *ret);

/* Text lists are added to *ret; *ret_present (may be NULL) tells [] from null. */
FALLIBLE json_get_list(const struct json_field *object, const char *key, struct list *ret,
		bool *ret_present);
/*
 * {"a": "b"} as "a=b", in order; a null value is "". A name with '=' inside cannot be kept that way
 * and is ERR_UNSUPPORTED.
 */
FALLIBLE json_get_pairs(const struct json_field *object, const char *key, struct list *ret);
/* {"a": anything} as "a". */
FALLIBLE json_get_names(const struct json_field *object, const char *key, struct list *ret);

/*
 * Printing. key is NULL inside a list. Bytes that are not UTF-8 become U+FFFD, as in Go.
 */
struct json_out {
	struct strbuf text;
	bool comma;
};

void json_out_open(struct json_out *out, const char *key, char bracket);      /* '{' or '[' */
void json_out_close(struct json_out *out, char bracket);                      /* '}' or ']' */
void json_out_text(struct json_out *out, const char *key, const char *value); /* NULL: nothing */
void json_out_i64(struct json_out *out, const char *key, int64_t value);
void json_out_u64(struct json_out *out, const char *key, uint64_t value);
void json_out_bool(struct json_out *out, const char *key, bool value);
/* What is JSON already. */
void json_out_raw(struct json_out *out, const char *key, const char *json);
void json_out_base64(struct json_out *out, const char *key, struct str bytes);
void json_out_digest(struct json_out *out, const char *key, const struct digest *digest);
void json_out_list(struct json_out *out, const char *key, const struct list *list);
/* "k=v" as {"k": "v"}, sorted by name; of equal names the last counts. Nothing when empty. */
void json_out_pairs(struct json_out *out, const char *key, const struct list *pairs);
/* "k" as {"k": {}}, sorted. Nothing when empty. */
void json_out_names(struct json_out *out, const char *key, const struct list *names);
char *json_out_take(struct json_out *out); /* new; free() */
/* For people: two spaces a level and a line end behind, appended to text. */
void json_out_indented(const struct json_out *out, struct strbuf *text);
void json_out_done(struct json_out *out);

DEFINE_AUTO_VALUE(json_out)
