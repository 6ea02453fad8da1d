/*
 * A RUN's record has a field for each thing that a --mount says, numbered from the second mount on
 * ("target", "target 2"); people are told of whole mounts, as flags.
 */
#include "base/strbuf.h"
#include "build/explain_inner.h"

#include <string.h>

static const char *const fields[] = { "mount", "target", "read_only", "id", "as_env", "source",
	"mode", "uid", "gid", "size" };

bool explain_is_of_mount(const char *field)
{
	size_t n = strcspn(field, " ");

	for (size_t i = 0; i < COUNT(fields); i++)
		if (strlen(fields[i]) == n && strncmp(fields[i], field, n) == 0)
			return true;
	return false;
}

static const json_t *field_of(const json_t *record, const char *name, size_t number)
{
	AUTO_FREE char *numbered = number > 1 ? xasprintf("%s %zu", name, number) : xstrdup(name);

	return json_object_get(record, numbered);
}

static const char *text_of(const json_t *record, const char *name, size_t number)
{
	const char *text = json_string_value(field_of(record, name, number));

	return text ? text : "";
}

static void add_text(struct strbuf *out, const char *key, const char *text)
{
	if (*text)
		strbuf_addf(out, ",%s=%s", key, text);
}

static void add_number(struct strbuf *out, const char *key, const json_t *value)
{
	if (json_integer_value(value))
		strbuf_addf(out, ",%s=%lld", key, (long long)json_integer_value(value));
}

/* Only cache mounts have a source in the record. */
static size_t caches_until(const json_t *record, size_t number)
{
	size_t n = 0;

	for (size_t i = 1; i <= number; i++)
		n += strcmp(text_of(record, "mount", i), "cache") == 0;
	return n;
}

/* "type=cache,target=/c,id=x,mode=0700"; NULL: there are not that many. */
static char *mount_text(const json_t *record, size_t number)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	const char *type = text_of(record, "mount", number);
	const char *target = text_of(record, "target", number);
	const char *id = text_of(record, "id", number);
	bool is_read_only = json_integer_value(field_of(record, "read_only", number)) != 0;
	json_int_t mode = json_integer_value(field_of(record, "mode", number));
	bool is_bind = strcmp(type, "bind") == 0, is_cache = strcmp(type, "cache") == 0;

	if (!*type)
		return NULL;
	strbuf_addf(&out, "type=%s", type);
	add_text(&out, "target", target);
	add_text(&out, "id", strcmp(id, target) == 0 ? "" : id);
	add_text(&out, "env", text_of(record, "as_env", number));
	if (is_cache)
		add_text(&out, "source", text_of(record, "source", caches_until(record, number)));
	if (is_bind ? !is_read_only : is_read_only && (is_cache || strcmp(type, "tmpfs") == 0))
		strbuf_add(&out, is_bind ? ",rw" : ",ro");
	if (mode)
		strbuf_addf(&out, ",mode=%04llo", (unsigned long long)mode);
	add_number(&out, "uid", field_of(record, "uid", number));
	add_number(&out, "gid", field_of(record, "gid", number));
	add_number(&out, "size", field_of(record, "size", number));
	return strbuf_take(&out);
}

void explain_mount_changes(const json_t *old, const json_t *new, struct explained_step *ret)
{
	for (size_t i = 1;; i++) {
		AUTO_FREE char *before = mount_text(old, i), *after = mount_text(new, i);

		if (!before && !after)
			return;
		if (!text_equal(before, after))
			(void)explain_add_change(ret,
					!before  ? CHANGE_ADDED
					: !after ? CHANGE_REMOVED
						 : CHANGE_VALUE,
					"--mount", before, after);
	}
}
