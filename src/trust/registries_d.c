#include "trust/registries_d.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "trust/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

void registries_d_done(struct registries_d *rules)
{
	for (size_t i = 0; i < rules->rules.n; i++) {
		struct lookaside_rule *rule = &rules->rules.p[i];

		free(rule->scope);
		free(rule->file);
		free(rule->read);
		free(rule->write);
	}
	vec_done(&rules->rules);
}

struct adding {
	struct registries_d *rules;
	const char *file;
};

static FALLIBLE rule_for(struct adding *adding, const char *scope, struct lookaside_rule **ret)
{
	struct registries_d *rules = adding->rules;

	for (size_t i = 0; i < rules->rules.n; i++) {
		struct lookaside_rule *rule = &rules->rules.p[i];

		if (strcmp(rule->scope, scope) != 0)
			continue;
		*ret = rule;
		if (strcmp(rule->file, adding->file) == 0)
			return NULL;
		return error_new(ERR_INVALID, "'%s' is in '%s' and in '%s'",
				*scope ? scope : "default-docker", rule->file, adding->file);
	}
	if (rules->rules.n >= LIMIT_LIST_ENTRIES)
		return error_new(ERR_LIMIT, "more than %d registries", LIMIT_LIST_ENTRIES);
	*ret = vec_add(&rules->rules);
	(*ret)->scope = xstrdup(scope);
	(*ret)->file = xstrdup(adding->file);
	return NULL;
}

static FALLIBLE set_address(const char *value, char **ret)
{
	if (!text_starts(value, "file:///") && !text_starts(value, "https://") &&
			!text_starts(value, "http://"))
		return error_new(ERR_INVALID,
				"'%.200s' is no file:///, https:// or http:// address", value);
	free(*ret);
	*ret = xstrdup(value);
	/* "DIR/" and "DIR" are the same place. */
	for (size_t n = strlen(*ret); n > strlen("file:///") && (*ret)[n - 1] == '/'; n--)
		(*ret)[n - 1] = '\0';
	return NULL;
}

/* The newer word for it wins, whichever comes first: "lookaside" is what "sigstore" was. */
static FALLIBLE set_field(struct lookaside_rule *rule, const char *key, const char *value)
{
	if (strcmp(key, "lookaside") == 0)
		return set_address(value, &rule->read);
	if (strcmp(key, "lookaside-staging") == 0)
		return set_address(value, &rule->write);
	if (strcmp(key, "sigstore") == 0)
		return rule->read ? NULL : set_address(value, &rule->read);
	if (strcmp(key, "sigstore-staging") == 0)
		return rule->write ? NULL : set_address(value, &rule->write);
	if (strcmp(key, "use-sigstore-attachments") != 0) {
		log_debug("%s: key '%.80s' is not for kiln", rule->file, key);
		return NULL;
	}
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return error_new(ERR_INVALID, "'%.80s' is neither true nor false", value);
	rule->attachments = strcmp(value, "true") == 0 ? ATTACHMENTS_YES : ATTACHMENTS_NO;
	return NULL;
}

static struct error *on_value(
		void *user, const char *const *keys, size_t n, const char *value, unsigned line)
{
	struct adding *adding = user;
	struct lookaside_rule *rule = NULL;
	bool is_default = strcmp(keys[0], "default-docker") == 0 && n == 2;
	bool is_scope = strcmp(keys[0], "docker") == 0 && n == 3;

	if (!is_default && !is_scope) {
		if (strcmp(keys[0], "default-docker") != 0 && strcmp(keys[0], "docker") != 0)
			return NULL;
		/* "docker:" with nothing below it. */
		if (!*value)
			return NULL;
		return error_new(ERR_INVALID, "%s:%u: '%.80s' does not belong there", adding->file,
				line, value);
	}
	TRY_WRAP(rule_for(adding, is_scope ? keys[1] : "", &rule), "registries.d");
	TRY_WRAP(set_field(rule, keys[n - 1], value), "%s:%u: '%s'", adding->file, line,
			keys[n - 1]);
	return NULL;
}

static FALLIBLE read_one(const char *path, struct registries_d *ret)
{
	struct adding adding = { ret, path };
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n));
	return yaml_read((struct str){ text, n }, path, on_value, &adding);
}

FALLIBLE registries_d_read(const char *dir, struct registries_d *ret)
{
	AUTO(registries_d) struct registries_d rules = { 0 };
	AUTO(list) struct list files = { 0 };

	TRY(dir_files(dir, ".yaml", &files));
	for (size_t i = 0; i < files.n; i++)
		TRY(read_one(files.p[i], &rules));
	*ret = TAKE_VALUE(rules);
	return NULL;
}

static const struct lookaside_rule *find(const struct registries_d *rules, const char *scope)
{
	for (size_t i = 0; i < rules->rules.n; i++)
		if (strcmp(rules->rules.p[i].scope, scope) == 0)
			return &rules->rules.p[i];
	return NULL;
}

static const char *address_of(const struct lookaside_rule *rule, bool for_writing)
{
	if (!rule)
		return NULL;
	return for_writing && rule->write ? rule->write : rule->read;
}

const char *registries_d_lookaside(
		const struct registries_d *rules, const struct list *scopes, bool for_writing)
{
	const char *found = NULL;

	for (size_t i = 0; i < scopes->n && !found; i++)
		found = address_of(find(rules, scopes->p[i]), for_writing);
	return found ? found : address_of(find(rules, ""), for_writing);
}

enum attachments registries_d_attachments(
		const struct registries_d *rules, const struct list *scopes)
{
	for (size_t i = 0; i <= scopes->n; i++) {
		const struct lookaside_rule *rule = find(rules, i < scopes->n ? scopes->p[i] : "");

		if (rule && rule->attachments)
			return rule->attachments;
	}
	return ATTACHMENTS_UNSAID;
}
