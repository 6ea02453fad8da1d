#include "container/edit.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "sys/fd.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* "NAME-", which is no "NAME=VALUE-". */
static bool takes_away(const char *text)
{
	return text_ends(text, "-") && !strchr(text, '=');
}

void edit_pair(struct list *pairs, const char *text)
{
	struct str name, value;

	if (text_equal(text, "-")) {
		list_done(pairs);
		return;
	}
	(void)str_cut(str_of(text), '=', &name, &value);
	if (takes_away(text))
		name = str_slice(name, 0, name.n - 1);
	AUTO_FREE char *key = str_dup(name);
	AUTO_FREE char *word = str_dup(value);
	/* What is set anew is the last. */
	list_env_unset(pairs, key);
	if (!takes_away(text))
		list_env_set(pairs, key, word);
}

void edit_name(struct list *names, const char *text)
{
	AUTO_FREE char *name = xstrndup(text, strlen(text) - takes_away(text));

	if (text_equal(text, "-")) {
		list_done(names);
		return;
	}
	for (size_t i = names->n; takes_away(text) && i-- > 0;)
		if (text_equal(names->p[i], name))
			list_remove(names, i);
	if (!takes_away(text) && !list_has(names, name))
		list_add(names, name);
}

void edit_text(char **field, const char *text)
{
	bool clears = !*text || text_equal(text, "-");

	free(*field);
	*field = clears ? NULL : xstrdup(text);
}

/* One word from *at on; false at the end. */
static bool next_word(const char **at, struct strbuf *word, bool *ret_open)
{
	const char *p = *at;
	char quote = 0;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return false;
	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		bool escapes = *p == '\\' && p[1] && quote != '\'' &&
			       (!quote || strchr("\"\\$`\n", p[1]));

		if (escapes)
			strbuf_add_char(word, *++p);
		else if (quote ? *p == quote : (*p == '"' || *p == '\''))
			quote = quote ? 0 : *p;
		else
			strbuf_add_char(word, *p);
	}
	*ret_open = quote != 0;
	*at = p;
	return true;
}

FALLIBLE edit_words(const char *text, struct list *ret)
{
	AUTO(strbuf) struct strbuf word = { 0 };
	bool is_open = false;

	while (next_word(&text, &word, &is_open)) {
		if (is_open)
			return error_new(ERR_INVALID,
					"invalid command line string: a quote is not closed");
		list_add(ret, strbuf_text(&word));
		strbuf_clear(&word);
	}
	return NULL;
}

/* False when it is no JSON array of texts. */
static bool parse_array(const char *text, struct list *ret)
{
	json_auto_t *value = json_loads(text, 0, NULL);
	const json_t *item;
	size_t i;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, item) if (!json_is_string(item)) return false;
	json_array_foreach(value, i, item) list_add(ret, json_string_value(item));
	return true;
}

static bool is_blank(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return !*text;
}

FALLIBLE edit_command(struct list *list, const char *text)
{
	AUTO(list) struct list words = { 0 };

	if (!parse_array(text, &words))
		TRY(edit_words(text, &words));
	list_done(list);
	*list = TAKE_VALUE(words);
	return NULL;
}

FALLIBLE edit_entrypoint(struct image_config *config, const char *text)
{
	list_done(&config->entrypoint);
	if (is_blank(text) || parse_array(text, &config->entrypoint))
		return NULL;
	list_add(&config->entrypoint, "/bin/sh");
	list_add(&config->entrypoint, "-c");
	list_add(&config->entrypoint, text);
	return NULL;
}

FALLIBLE edit_healthcheck(struct image_healthcheck *check, const char *text)
{
	AUTO(list) struct list words = { 0 };

	list_done(&check->test);
	check->set = !is_blank(text) && !text_equal(text, "-");
	if (!check->set) {
		*check = (struct image_healthcheck){ 0 };
		return NULL;
	}
	if (str_is_nocase(str_of(text), "none")) {
		list_add(&check->test, "NONE");
		return NULL;
	}
	if (text_starts(text, "CMD-SHELL ")) {
		list_add(&check->test, "CMD-SHELL");
		list_add(&check->test, text + strlen("CMD-SHELL "));
		return NULL;
	}
	TRY(edit_words(text, &words));
	assert(words.n); /* it is not blank */
	if (text_equal(words.p[0], "CMD")) {
		list_add_all(&check->test, &words);
		return NULL;
	}
	list_add(&check->test, "CMD-SHELL");
	list_add(&check->test, text);
	return NULL;
}

FALLIBLE edit_duration(const char *text, int64_t *ret)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
		{ "m", 60000000000 }, { "h", 3600000000000 } };
	const char *p = text;
	int64_t sum = 0;

	while (*p) {
		size_t digits = strspn(p, "0123456789"), length;
		uint64_t number = 0;
		int64_t unit = 0;
		struct error *error = parse_u64((struct str){ p, digits }, INT32_MAX, &number);

		p += digits;
		length = strspn(p, "nsumh");
		for (size_t i = 0; i < COUNT(units); i++)
			if (str_is((struct str){ p, length }, units[i].unit))
				unit = units[i].ns;
		p += length;
		if (text_equal(text, "0") && !error) {
			*ret = 0;
			return NULL;
		}
		if (error || !unit || (int64_t)number > (INT64_MAX - sum) / unit) {
			error_free(error);
			return error_hint(error_new(ERR_INVALID, "time: invalid duration \"%s\"",
							  text),
					"30s, 1m30s, 2h");
		}
		sum += (int64_t)number * unit;
	}
	*ret = sum;
	return NULL;
}

static void replace_list(struct list *to, struct list *from)
{
	if (!from->n)
		return;
	list_done(to);
	*to = TAKE_VALUE(*from);
}

static void replace_text(char **to, char **from)
{
	if (!*from || !**from)
		return;
	free(*to);
	*to = TAKE(*from);
}

static void add_pairs(struct list *to, const struct list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(from->p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name), *text = str_dup(value);
		list_env_set(to, key, text);
	}
}

static void add_names(struct list *to, const struct list *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!list_has(to, from->p[i]))
			list_add(to, from->p[i]);
}

static void merge(struct image_config *to, struct image_config *from)
{
	replace_text(&to->user, &from->user);
	replace_text(&to->working_dir, &from->working_dir);
	replace_text(&to->stop_signal, &from->stop_signal);
	replace_text(&to->domainname, &from->domainname);
	replace_text(&to->hostname, &from->hostname);
	add_pairs(&to->env, &from->env);
	add_pairs(&to->labels, &from->labels);
	add_names(&to->exposed_ports, &from->exposed_ports);
	add_names(&to->volumes, &from->volumes);
	replace_list(&to->shell, &from->shell);
	replace_list(&to->on_build, &from->on_build);
	/* What runs is said by both together. */
	bool says_what_runs = from->entrypoint.n || from->cmd.n;
	if (from->has_entrypoint || says_what_runs) {
		list_done(&to->entrypoint);
		to->entrypoint = TAKE_VALUE(from->entrypoint);
	}
	if (from->has_cmd || says_what_runs) {
		list_done(&to->cmd);
		to->cmd = TAKE_VALUE(from->cmd);
	}
	if (from->healthcheck.set) {
		list_done(&to->healthcheck.test);
		to->healthcheck = TAKE_VALUE(from->healthcheck);
	}
}

FALLIBLE edit_merge_file(struct image_config *config, const char *path)
{
	AUTO(image_config) struct image_config given = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY_WRAP(file_read(AT_FDCWD, path, LIMIT_CONFIG_BYTES - 64, &text, &n), "read '%s'", path);
	AUTO_FREE char *whole = xasprintf(
			"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":%s}", text);
	TRY_WRAP(image_config_parse(str_of(whole), &given), "config of '%s'", path);
	merge(config, &given);
	return NULL;
}
