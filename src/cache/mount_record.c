#include "cache/mount_record.h"
#include "base/limits.h"
#include "oci/json.h"

#include <string.h>

/* Raised when what a field means changes; documents of other versions are not read. */
enum { RECORD_VERSION = 1, DOCUMENT_BYTES = 64 * 1024 };

void mount_record_done(struct mount_record *record)
{
	free(TAKE(record->id));
}

struct digest mount_record_name(const struct digest *mount, const char *scope)
{
	char text[DIGEST_TEXT];
	AUTO_FREE char *name = xasprintf("cache mount %s of %s%s", digest_text(mount, text),
			scope ? "scope " : "the home", scope ? scope : "");

	return digest_of(name, strlen(name));
}

static void print_fields(struct json_out *out, const struct mount_record *record)
{
	json_out_digest(out, "mount", &record->mount);
	json_out_digest(out, "tree", &record->tree);
	json_out_open(out, "list", '{');
	json_out_digest(out, "digest", &record->list.digest);
	json_out_u64(out, "size", record->list.bytes);
	json_out_close(out, '}');
	json_out_u64(out, "bytes", record->bytes);
	json_out_u64(out, "files", record->files);
	json_out_i64(out, "created", record->created);
	json_out_text(out, "id", record->id);
}

/* Over the canonical form of what was understood. */
static struct digest sum_of(const struct mount_record *record)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	print_fields(&out, record);
	json_out_close(&out, '}');
	return digest_of(strbuf_text(&out.text), out.text.n);
}

char *mount_record_print(const struct mount_record *record)
{
	AUTO(json_out) struct json_out out = { 0 };
	struct digest sum = sum_of(record);

	json_out_open(&out, NULL, '{');
	json_out_i64(&out, "version", RECORD_VERSION);
	print_fields(&out, record);
	json_out_digest(&out, "sum", &sum);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

static FALLIBLE get_count(
		const struct json_field *object, const char *name, uint64_t limit, uint64_t *ret)
{
	int64_t value = 0;

	TRY(json_get_i64(object, name, JSON_MUST, 0, &value));
	*ret = (uint64_t)value;
	if (*ret > limit)
		return json_complain(object, "says %s: %lld, more than %llu", name,
				(long long)value, (unsigned long long)limit);
	return NULL;
}

static FALLIBLE parse_fields(const struct json_field *root, struct mount_record *record)
{
	struct json_field list;
	uint64_t created = 0;

	TRY(json_get_digest(root, "mount", JSON_MUST, &record->mount));
	TRY(json_get_digest(root, "tree", JSON_MUST, &record->tree));
	TRY(json_get_object(root, "list", JSON_MUST, &list));
	TRY(json_get_digest(&list, "digest", JSON_MUST, &record->list.digest));
	TRY(get_count(&list, "size", LIMIT_TOC_BYTES, &record->list.bytes));
	TRY(get_count(root, "bytes", LIMIT_LAYER_BYTES, &record->bytes));
	TRY(get_count(root, "files", LIMIT_TAR_ENTRIES, &record->files));
	TRY(get_count(root, "created", LIMIT_TIME_SECONDS, &created));
	record->created = (int64_t)created;
	return json_get_text(root, "id", JSON_MUST, &record->id);
}

FALLIBLE mount_record_parse(struct str json, const char *what, struct mount_record *ret)
{
	AUTO(mount_record) struct mount_record record = { 0 };
	json_auto_t *value = NULL;
	struct json_field root;
	struct digest stated, sum;
	int64_t version = 0;

	TRY(json_parse(json, DOCUMENT_BYTES, what, &value));
	TRY(json_root(value, what, &root));
	TRY(json_get_i64(&root, "version", JSON_MUST, 0, &version));
	if (version != RECORD_VERSION)
		return error_new(ERR_INVALID, "%s: it has version %lld, this kiln reads %d", what,
				(long long)version, RECORD_VERSION);
	TRY(parse_fields(&root, &record));
	TRY(json_get_digest(&root, "sum", JSON_MUST, &stated));
	sum = sum_of(&record);
	if (!digest_equal(&stated, &sum))
		return error_new(ERR_INVALID, "%s: its sum does not fit its contents", what);
	*ret = TAKE_VALUE(record);
	return NULL;
}
