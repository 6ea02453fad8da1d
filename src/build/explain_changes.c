/*
 * What differs between two records (graph/key.h), in words. Fields that need more than "it went
 * from a to b" have a function; a field that this file has never heard of is told by its name.
 */
#include "build/explain_inner.h"
#include "build/history.h"
#include "dockerfile/instruction.h"
#include "oci/digest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Kept of one step; explained_step.more_files counts the rest. */
enum { FILES_KEPT = 1000 };

struct explained_change *explain_add_change(struct explained_step *step,
		enum explained_change_kind kind, const char *what, const char *before,
		const char *after)
{
	struct explained_change *change = vec_add(&step->changes);

	change->kind = kind;
	change->what = xstrdup(what);
	change->before = xstrdup(before);
	change->after = xstrdup(after);
	return change;
}

/* --- values --- */

static char *value_text(const json_t *value)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	json_t *item = NULL;
	size_t i = 0;

	if (!value || json_is_null(value))
		return NULL;
	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (!json_is_array(value)) {
		AUTO_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		return xstrdup(text ? text : "?");
	}
	json_array_foreach(value, i, item)
	{
		AUTO_FREE char *text = value_text(item);

		strbuf_addf(&out, "%s%s", i ? " " : "", text ? text : "");
	}
	return strbuf_take(&out);
}

static const struct field {
	const char *name, *label;
	enum {
		FIELD_VALUE = 0,
		FIELD_SWITCH,
		FIELD_TRISTATE,
		FIELD_LIST,
		FIELD_ENV,
		FIELD_CONTENT,
	} form;
} fields[] = {
	{ "add", "ADD instead of COPY", FIELD_SWITCH },
	{ "argv", "the command", FIELD_VALUE },
	{ "cap_add", "--cap-add", FIELD_LIST },
	{ "cap_drop", "--cap-drop", FIELD_LIST },
	{ "chmod", "--chmod", FIELD_VALUE },
	{ "chown", "--chown", FIELD_VALUE },
	{ "content", "the files", FIELD_CONTENT },
	{ "dest", "the destination", FIELD_VALUE },
	{ "dest_is_dir", "the destination as a directory", FIELD_SWITCH },
	{ "dns", "--dns", FIELD_LIST },
	{ "dns_options", "--dns-option", FIELD_LIST },
	{ "dns_search", "--dns-search", FIELD_LIST },
	{ "env", NULL, FIELD_ENV },
	{ "epoch", "SOURCE_DATE_EPOCH", FIELD_VALUE },
	{ "excludes", "--exclude", FIELD_LIST },
	{ "hosts", "--add-host", FIELD_LIST },
	{ "link", "--link", FIELD_SWITCH },
	{ "mounted", "the mounted files", FIELD_CONTENT },
	{ "network", "--network", FIELD_VALUE },
	{ "no_new_privileges", "--security-opt no-new-privileges", FIELD_SWITCH },
	{ "parents", "--parents", FIELD_SWITCH },
	{ "path", "the path", FIELD_VALUE },
	{ "platform", "--platform", FIELD_VALUE },
	{ "script", "the script", FIELD_VALUE },
	{ "shm", "--shm-size", FIELD_VALUE },
	{ "sources", "source", FIELD_LIST },
	{ "ulimits", "--ulimit", FIELD_LIST },
	{ "unconfined", "--security-opt seccomp=unconfined", FIELD_SWITCH },
	{ "unpack", "--unpack", FIELD_TRISTATE },
	{ "user", "USER", FIELD_VALUE },
	{ "version", "the version of kiln's keys", FIELD_VALUE },
	{ "workdir", "WORKDIR", FIELD_VALUE },
};

static const struct field *find_field(const char *name)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static void change_value(const char *label, const json_t *before, const json_t *after,
		struct explained_step *ret)
{
	AUTO_FREE char *a = value_text(before), *b = value_text(after);

	(void)explain_add_change(ret, CHANGE_VALUE, label, a, b);
}

static void change_switch(const char *label, const json_t *before, const json_t *after,
		struct explained_step *ret)
{
	(void)explain_add_change(ret, CHANGE_VALUE, label,
			json_integer_value(before) ? "on" : "off",
			json_integer_value(after) ? "on" : "off");
}

/* enum tristate. */
static const char *tristate_text(const json_t *value)
{
	json_int_t number = json_integer_value(value);

	return number == TRISTATE_YES ? "true" : number == TRISTATE_NO ? "false" : NULL;
}

static bool array_has(const json_t *array, const json_t *wanted)
{
	json_t *item = NULL;
	size_t i = 0;

	json_array_foreach(array, i, item)
	{
		if (json_equal(item, wanted))
			return true;
	}
	return false;
}

static void change_list(const char *label, const json_t *before, const json_t *after,
		struct explained_step *ret)
{
	size_t had = ret->changes.n, i = 0;
	json_t *item = NULL;

	json_array_foreach(before, i, item)
	{
		AUTO_FREE char *text = value_text(item);

		if (!array_has(after, item))
			(void)explain_add_change(ret, CHANGE_REMOVED, label, text, NULL);
	}
	json_array_foreach(after, i, item)
	{
		AUTO_FREE char *text = value_text(item);

		if (!array_has(before, item))
			(void)explain_add_change(ret, CHANGE_ADDED, label, NULL, text);
	}
	/* The same in another order. */
	if (ret->changes.n == had)
		change_value(label, before, after, ret);
}

/* --- environment --- */

static void read_env(const json_t *array, struct list *ret)
{
	json_t *item = NULL;
	size_t i = 0;

	json_array_foreach(array, i, item)
	{
		if (json_is_string(item))
			list_add(ret, json_string_value(item));
	}
}

static bool names_arg(const json_t *step, const char *name)
{
	json_t *item = NULL;
	size_t i = 0;

	json_array_foreach(json_object_get(step, "args"), i, item)
	{
		if (text_equal(json_string_value(item), name))
			return true;
	}
	return false;
}

static void change_env(const json_t *before, const json_t *after, struct explained_step *ret)
{
	AUTO(list) struct list a = { 0 }, b = { 0 }, all = { 0 };

	read_env(json_object_get(json_object_get(before, "record"), "env"), &a);
	read_env(json_object_get(json_object_get(after, "record"), "env"), &b);
	list_add_all(&all, &b);
	list_add_all(&all, &a);
	for (size_t i = 0; i < all.n; i++) {
		AUTO_FREE char *name = xstrndup(all.p[i], strcspn(all.p[i], "="));
		const char *old = list_env_get(&a, name), *new = list_env_get(&b, name);

		/* Named by the second list again, or the same. */
		if (text_equal(old, new) || (i >= b.n && new))
			continue;
		bool is_arg = names_arg(before, name) || names_arg(after, name);
		AUTO_FREE char *what = xasprintf("%s %s", is_arg ? "ARG" : "ENV", name);
		(void)explain_add_change(ret, CHANGE_VALUE, what, old, new);
	}
}

/* --- files --- */

static int by_path(const void *a, const void *b)
{
	const struct history_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static FALLIBLE read_files(
		struct store *store, const char *name, struct history_files *ret, bool *ret_found)
{
	struct digest digest = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	*ret_found = false;
	struct error *error = digest_parse(str_of(name), &digest);
	if (!error)
		error = history_get_files(store, &digest, &text, &n);
	if (!error)
		error = history_files_read(text, n, ret);
	if (error) {
		error_ignore(error, "a list of files that is not there any more");
		return NULL;
	}
	if (ret->n)
		qsort(ret->p, ret->n, sizeof(*ret->p), by_path);
	*ret_found = true;
	return NULL;
}

static const char *type_of(uint32_t mode)
{
	return mode & HISTORY_HARD_LINK ? "hard link"
	       : S_ISDIR(mode)          ? "directory"
	       : S_ISLNK(mode)          ? "link"
	       : S_ISREG(mode)          ? "file"
					: "device";
}

static struct explained_change *add_file(struct explained_step *step,
		enum explained_change_kind kind, const char *path, const char *before,
		const char *after)
{
	if (step->changes.n >= FILES_KEPT) {
		step->more_files++;
		return NULL;
	}
	struct explained_change *change = explain_add_change(step, kind, path, before, after);
	change->is_file = true;
	return change;
}

static void one_sided(const struct history_file *file, enum explained_change_kind kind,
		struct explained_step *ret)
{
	const char *type = type_of(file->mode);
	struct explained_change *change = add_file(ret, kind, file->path,
			kind == CHANGE_REMOVED ? type : NULL, kind == CHANGE_ADDED ? type : NULL);

	if (!change)
		return;
	change->bytes_before = kind == CHANGE_REMOVED ? file->size : 0;
	change->bytes_after = kind == CHANGE_ADDED ? file->size : 0;
}

/* The first thing that differs, in the order in which people would look. */
static void two_sided(const struct history_file *a, const struct history_file *b,
		struct explained_step *ret)
{
	const uint32_t type = S_IFMT | HISTORY_HARD_LINK;
	char before[64] = "content", after[64] = "content";

	if ((a->mode & type) != (b->mode & type)) {
		(void)snprintf(before, sizeof(before), "%s", type_of(a->mode));
		(void)snprintf(after, sizeof(after), "%s", type_of(b->mode));
	} else if (a->size == b->size && a->digest == b->digest && a->mode != b->mode) {
		(void)snprintf(before, sizeof(before), "mode %04o", a->mode & 07777);
		(void)snprintf(after, sizeof(after), "mode %04o", b->mode & 07777);
	} else if (a->size == b->size && a->digest == b->digest &&
			(a->uid != b->uid || a->gid != b->gid)) {
		(void)snprintf(before, sizeof(before), "owner %u:%u", a->uid, a->gid);
		(void)snprintf(after, sizeof(after), "owner %u:%u", b->uid, b->gid);
	} else if (a->size == b->size && a->digest == b->digest) {
		(void)snprintf(before, sizeof(before), "extended attributes");
		(void)snprintf(after, sizeof(after), "extended attributes");
	} else if (S_ISLNK(a->mode) || (a->mode & HISTORY_HARD_LINK && a->size == b->size)) {
		(void)snprintf(before, sizeof(before), "link target");
		(void)snprintf(after, sizeof(after), "link target");
	}
	struct explained_change *change = add_file(ret, CHANGE_FILE, b->path, before, after);
	if (!change)
		return;
	change->bytes_before = a->size;
	change->bytes_after = b->size;
}

static bool same_file(const struct history_file *a, const struct history_file *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size &&
	       a->digest == b->digest && a->xattrs == b->xattrs;
}

static void compare_files(const struct history_files *a, const struct history_files *b,
		struct explained_step *ret)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->p[i].path, b->p[k].path);

		if (order < 0)
			one_sided(&a->p[i], CHANGE_REMOVED, ret);
		else if (order > 0)
			one_sided(&b->p[k], CHANGE_ADDED, ret);
		else if (!same_file(&a->p[i], &b->p[k]))
			two_sided(&a->p[i], &b->p[k], ret);
		i += order <= 0;
		k += order >= 0;
	}
}

/* before, after: the digests of two selections. */
static FALLIBLE change_content(struct store *store, const char *label, const json_t *before,
		const json_t *after, struct explained_step *ret)
{
	AUTO(history_files) struct history_files a = { 0 }, b = { 0 };
	bool has_a = false, has_b = false;
	size_t had = ret->changes.n;

	TRY(read_files(store, json_string_value(before), &a, &has_a));
	TRY(read_files(store, json_string_value(after), &b, &has_b));
	if (has_a && has_b)
		compare_files(&a, &b, ret);
	/* No lists. */
	if (ret->changes.n == had && !ret->more_files)
		change_value(label, before, after, ret);
	return NULL;
}

/* --- records --- */

static FALLIBLE change_field(struct store *store, const char *name, const json_t *before,
		const json_t *after, struct explained_step *ret)
{
	const json_t *old = json_object_get(before, "record"),
		     *new = json_object_get(after, "record");
	const json_t *a = json_object_get(old, name), *b = json_object_get(new, name);
	const struct field *field = find_field(name);

	if (!field) {
		change_value(name, a, b, ret);
		return NULL;
	}
	switch (field->form) {
	case FIELD_VALUE:
		change_value(field->label, a, b, ret);
		break;
	case FIELD_SWITCH:
		change_switch(field->label, a, b, ret);
		break;
	case FIELD_TRISTATE:
		(void)explain_add_change(ret, CHANGE_VALUE, field->label, tristate_text(a),
				tristate_text(b));
		break;
	case FIELD_LIST:
		change_list(field->label, a, b, ret);
		break;
	case FIELD_ENV:
		change_env(before, after, ret);
		break;
	case FIELD_CONTENT:
		return change_content(store, field->label, a, b, ret);
	}
	return NULL;
}

static bool same_value(const json_t *a, const json_t *b)
{
	bool no_a = !a || json_is_null(a), no_b = !b || json_is_null(b);

	return (no_a && no_b) || (!no_a && !no_b && json_equal(a, b));
}

size_t records_distance(const json_t *a, const json_t *b)
{
	const char *name = NULL;
	const json_t *value = NULL;
	size_t n = 0;

	/* jansson's loops want what they do not change as not const. */
	json_t *left = json_incref((json_t *)(uintptr_t)a);
	json_t *right = json_incref((json_t *)(uintptr_t)b);
	json_object_foreach(left, name, value)
	{
		n += !same_value(value, json_object_get(b, name));
	}
	json_object_foreach(right, name, value)
	{
		n += !json_object_get(a, name) && !same_value(NULL, value);
	}
	json_decref(left);
	json_decref(right);
	return n;
}

FALLIBLE explain_changes(struct store *store, const json_t *before, const json_t *after,
		struct explained_step *ret)
{
	json_t *old = json_object_get(before, "record"), *new = json_object_get(after, "record");
	AUTO(list) struct list names = { 0 };
	const char *name = NULL;
	const json_t *value = NULL;

	json_object_foreach(new, name, value)
	{
		if (!same_value(value, json_object_get(old, name)))
			list_add(&names, name);
	}
	json_object_foreach(old, name, value)
	{
		if (!json_object_get(new, name) && !same_value(NULL, value))
			list_add(&names, name);
	}
	for (size_t i = 0; i < names.n; i++)
		if (strcmp(names.p[i], "parent") != 0 && strcmp(names.p[i], "kind") != 0 &&
				!explain_is_of_mount(names.p[i]))
			TRY(change_field(store, names.p[i], before, after, ret));
	explain_mount_changes(old, new, ret);
	return NULL;
}
