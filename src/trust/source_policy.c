/* A wildcard is a regular expression in other words: "*" is "(.*)", and updates may say ${1}. */
#include "trust/source_policy.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "oci/json.h"

#include <ctype.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST_CONVERSIONS = 20,
	GROUPS = 10,
	SOURCE_BYTES = 16 * 1024,
};

enum action { ACTION_ALLOW = 0, ACTION_DENY, ACTION_CONVERT };
enum match { MATCH_WILDCARD = 0, MATCH_EXACT, MATCH_REGEX };
enum condition { CONDITION_EQUAL = 0, CONDITION_NOT_EQUAL, CONDITION_MATCHES };

struct constraint {
	enum condition condition;
	char *key, *value;
	regex_t regex;
	bool has_regex;
};

struct rule {
	enum action action;
	enum match match;
	char *identifier;
	regex_t regex;
	bool has_regex;
	VEC(struct constraint) constraints;
	char *update;           /* identifier, or NULL */
	struct list attributes; /* "key=value" that it sets */
};

struct source_policy {
	bool first_wins;
	VEC(struct rule) rules;
};

static void rule_done(struct rule *rule)
{
	for (size_t i = 0; i < rule->constraints.n; i++) {
		struct constraint *one = &rule->constraints.p[i];

		free(one->key);
		free(one->value);
		if (one->has_regex)
			regfree(&one->regex);
	}
	vec_done(&rule->constraints);
	if (rule->has_regex)
		regfree(&rule->regex);
	free(rule->identifier);
	free(rule->update);
	list_done(&rule->attributes);
}

void source_policy_free(struct source_policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->rules.n; i++)
		rule_done(&policy->rules.p[i]);
	vec_done(&policy->rules);
	free(policy);
}

/* --- reading --- */

/*
 * Over a bracket expression, to its end. NULL: it has a backslash, which escapes in Go's and is one
 * of the characters here, or a collating symbol, which only we have.
 */
static const char *pass_brackets(const char *text)
{
	text += text[1] == '^' ? 2 : 1;
	text += *text == ']';
	for (; *text && *text != ']'; text++) {
		const char *end = text_starts(text, "[:") ? strstr(text, ":]") : NULL;

		if (*text == '\\' || text_starts(text, "[.") || text_starts(text, "[="))
			return NULL;
		if (end)
			text = end + 1;
	}
	return text;
}

/*
 * What a policy denies must not get through because Go's words mean something else, or nothing,
 * here: its escapes, its groups, repetition that takes as little as it can; "{,2}" is text there.
 */
static bool is_posix(const char *text)
{
	char before = ' ';

	for (; *text; text++) {
		if ((*text == '?' && strchr("(*+?}", before)) || text_starts(text, "{,"))
			return false;
		before = *text;
		if (*text == '[') {
			text = pass_brackets(text);
			if (!text || !*text)
				return text != NULL;
		} else if (*text == '\\' && text[1]) {
			text++;
			if (strchr("<>`'", *text) ||
					(isalnum((unsigned char)*text) && !strchr("wWsSbB", *text)))
				return false;
		}
	}
	return true;
}

/* How often glibc writes down what this repeats, which is at least twice for what has no end. */
static uint64_t copies_of(const char *repeat)
{
	char *end = NULL;

	if (*repeat == '+')
		return 2;
	unsigned long least = strtoul(repeat + 1, &end, 10);
	if (*end != ',')
		return least;
	if (end[1] == '}')
		return least < ULONG_MAX ? least + 1 : least;
	return strtoul(end + 1, NULL, 10);
}

/*
 * As if all groups that are repeated were inside each other; what is repeated and no group is one
 * character, or a class, and counts where it stands.
 */
static bool is_small(const char *text)
{
	uint64_t size = strlen(text);
	uint64_t times = 1;

	if (size > LIMIT_REGEX_BYTES)
		return false;
	for (const char *at = strpbrk(text, "+{"); at; at = strpbrk(at + 1, "+{")) {
		bool is_nested = at > text && strchr(")}+*?", at[-1]);
		uint64_t copies = copies_of(at);

		if (copies > LIMIT_REGEX_COPIED_BYTES)
			return false;
		if (is_nested)
			times *= copies ? copies : 1;
		else
			size += copies;
		if (times > LIMIT_REGEX_COPIED_BYTES || size * times > LIMIT_REGEX_COPIED_BYTES)
			return false;
	}
	return true;
}

static FALLIBLE compile(const struct json_field *field, const char *text, regex_t *ret)
{
	char why[200];

	if (!is_posix(text))
		return error_hint(json_complain(field, "'%s' is no POSIX regular expression", text),
				"write [0-9] for \\d, [[:alnum:]_.] for [\\w.], and no (?...) or "
				"*?");
	if (!is_small(text))
		return error_new(ERR_LIMIT,
				"a regular expression larger than %d bytes, or than %d with "
				"its repetitions: '%.60s...'",
				LIMIT_REGEX_BYTES, LIMIT_REGEX_COPIED_BYTES, text);
	int code = regcomp(ret, text, REG_EXTENDED);
	if (!code)
		return NULL;
	(void)regerror(code, ret, why, sizeof(why));
	return json_complain(field, "'%s' is no regular expression: %s", text, why);
}

static char *regex_of_wildcard(const char *text, bool has_question_mark)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	strbuf_add_char(&out, '^');
	for (; *text; text++) {
		if (*text == '*')
			strbuf_add(&out, "(.*)");
		else if (*text == '?' && has_question_mark)
			strbuf_add(&out, "(.)");
		else if (strchr(".[]\\()+?{}|^$", *text))
			strbuf_addf(&out, "\\%c", *text);
		else
			strbuf_add_char(&out, *text);
	}
	strbuf_add_char(&out, '$');
	return strbuf_take(&out);
}

/* A word, or its number as protobuf has it; missing is the first one. */
static FALLIBLE read_word(const struct json_field *object, const char *key, const char *other,
		const char *const *words, size_t n, unsigned *ret)
{
	const char *name = other && json_has(object, other) ? other : key;
	const json_t *value = json_object_get(object->value, name);
	const struct json_field field = { .up = object, .key = name };

	*ret = 0;
	if (!value || json_is_null(value))
		return NULL;
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
			json_integer_value(value) < (json_int_t)n) {
		*ret = (unsigned)json_integer_value(value);
		return NULL;
	}
	for (size_t i = 0; json_is_string(value) && i < n; i++) {
		*ret = (unsigned)i;
		if (strcmp(json_string_value(value), words[i]) == 0)
			return NULL;
	}
	return json_complain(&field, "is '%s'; the first of what it can be is %s",
			json_is_string(value) ? json_string_value(value) : "no word", words[0]);
}

static FALLIBLE read_constraint(const struct json_field *item, struct constraint *ret)
{
	static const char *const words[] = { "EQUAL", "NOTEQUAL", "MATCHES" };
	const struct json_field field = { .up = item, .key = "value" };
	unsigned condition = 0;

	TRY(read_word(item, "condition", NULL, words, COUNT(words), &condition));
	TRY(json_get_text(item, "key", JSON_MUST, &ret->key));
	TRY(json_get_text(item, "value", JSON_MAY, &ret->value));
	if (!ret->value)
		ret->value = xstrdup("");
	ret->condition = (enum condition)condition;
	if (ret->condition != CONDITION_MATCHES)
		return NULL;
	TRY(compile(&field, ret->value, &ret->regex));
	ret->has_regex = true;
	return NULL;
}

static FALLIBLE read_selector(const struct source_policy *policy, const struct json_field *object,
		struct rule *ret)
{
	static const char *const words[] = { "WILDCARD", "EXACT", "REGEX" };
	struct json_field selector, constraints;
	unsigned match = 0;

	TRY(json_get_object(object, "selector", JSON_MUST, &selector));
	const struct json_field field = { .up = &selector, .key = "identifier" };
	if (!json_has(&selector, "identifier"))
		return json_complain(object, "fits nothing: selector.identifier is required");
	TRY(json_get_text(&selector, "identifier", JSON_MUST, &ret->identifier));
	TRY(read_word(&selector, "matchType", "match_type", words, COUNT(words), &match));
	ret->match = (enum match)match;
	TRY(json_get_array(&selector, "constraints", JSON_MAY, &constraints));
	for (size_t i = 0; i < json_count(&constraints); i++) {
		struct json_field item;

		TRY(json_item_object(&constraints, i, &item));
		TRY(read_constraint(&item, vec_add(&ret->constraints)));
	}
	if (ret->match == MATCH_EXACT)
		return NULL;
	AUTO_FREE char *regex = ret->match == MATCH_REGEX ? xstrdup(ret->identifier)
							  : regex_of_wildcard(ret->identifier,
									    policy->first_wins);
	TRY(compile(&field, regex, &ret->regex));
	ret->has_regex = true;
	return NULL;
}

static FALLIBLE read_rule(const struct source_policy *policy, const struct json_field *object,
		struct rule *ret)
{
	static const char *const words[] = { "ALLOW", "DENY", "CONVERT" };
	struct json_field updates;
	unsigned action = 0;

	/* Of a message in BuildKit what is missing is 0, and that is ALLOW. Where the first rule
	 * that matches decides, that would silence those below it: Buildah wants it said. */
	if (policy->first_wins && !json_has(object, "action"))
		return json_complain(object, "has no action: action is required");
	TRY(read_word(object, "action", NULL, words, COUNT(words), &action));
	ret->action = (enum action)action;
	TRY(read_selector(policy, object, ret));
	TRY(json_get_object(object, "updates", JSON_MAY, &updates));
	if (updates.value) {
		TRY(json_get_text(&updates, "identifier", JSON_MAY, &ret->update));
		TRY(json_get_pairs(&updates, "attrs", &ret->attributes));
	}
	if (ret->action == ACTION_CONVERT && !ret->update && !ret->attributes.n)
		return json_complain(object, "converts into nothing: updates.identifier is "
					     "required for CONVERT");
	return NULL;
}

FALLIBLE source_policy_parse(
		struct str json, const char *name, bool first_wins, struct source_policy **ret)
{
	AUTO(source_policy) struct source_policy *policy = xcalloc(1, sizeof(*policy));
	json_auto_t *document = NULL;
	struct json_field root, rules;

	policy->first_wins = first_wins;
	TRY(json_parse(json, LIMIT_RULES_BYTES, name, &document));
	TRY(json_root(document, name, &root));
	TRY(json_get_array(&root, "rules", JSON_MAY, &rules));
	for (size_t i = 0; i < json_count(&rules); i++) {
		struct json_field object;

		TRY(json_item_object(&rules, i, &object));
		TRY(read_rule(policy, &object, vec_add(&policy->rules)));
	}
	*ret = TAKE(policy);
	return NULL;
}

/* --- judging --- */

static bool meets(const struct constraint *constraint, const struct list *attributes)
{
	const char *value = list_env_get(attributes, constraint->key);

	switch (constraint->condition) {
	case CONDITION_EQUAL:
		return text_equal(value ? value : "", constraint->value);
	case CONDITION_NOT_EQUAL:
		return !text_equal(value ? value : "", constraint->value);
	case CONDITION_MATCHES:
		return regexec(&constraint->regex, value ? value : "", 0, NULL, 0) == 0;
	}
	return false;
}

static bool matches(const struct rule *rule, const char *source, const struct list *attributes)
{
	for (size_t i = 0; i < rule->constraints.n; i++)
		if (!meets(&rule->constraints.p[i], attributes))
			return false;
	if (strcmp(rule->identifier, source) == 0)
		return true;
	return rule->has_regex && regexec(&rule->regex, source, 0, NULL, 0) == 0;
}

/* "${1}" and "$1" are what a group matched. */
static void expand(const char *text, const char *source, const regmatch_t groups[GROUPS],
		struct strbuf *out)
{
	for (; *text; text++) {
		const char *digit = text[0] == '$' ? text + 1 + (text[1] == '{') : NULL;

		if (!digit || !isdigit((unsigned char)*digit) ||
				(digit == text + 2 && digit[1] != '}')) {
			strbuf_add_char(out, *text);
			continue;
		}
		const regmatch_t *group = &groups[*digit - '0'];
		if (group->rm_so >= 0)
			strbuf_add_bytes(out, source + group->rm_so,
					(size_t)(group->rm_eo - group->rm_so));
		text = digit + (digit == text + 2);
	}
}

static char *converted(const struct rule *rule, const char *source)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	regmatch_t groups[GROUPS];

	if (!rule->has_regex || regexec(&rule->regex, source, GROUPS, groups, 0) != 0)
		return xstrdup(rule->update);
	strbuf_add_bytes(&out, source, (size_t)groups[0].rm_so);
	expand(rule->update, source, groups, &out);
	strbuf_add(&out, source + groups[0].rm_eo);
	return strbuf_take(&out);
}

/* False: nothing is other than it was. */
static bool convert(const struct rule *rule, char **source, struct list *attributes)
{
	bool changed = false;

	if (rule->update && *rule->update) {
		AUTO_FREE char *now = converted(rule, *source);

		if (strcmp(now, *source) != 0) {
			free(*source);
			*source = TAKE(now);
			changed = true;
		}
	}
	for (size_t i = 0; i < rule->attributes.n; i++) {
		struct str name, value;

		(void)str_cut(str_of(rule->attributes.p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		if (text_equal(list_env_get(attributes, key), value.p))
			continue;
		list_env_set(attributes, key, value.p);
		changed = true;
	}
	return changed;
}

/* Once through the rules. */
static FALLIBLE pass(const struct source_policy *policy, char **source, struct list *attributes,
		bool *ret_changed)
{
	bool denies = false;

	*ret_changed = false;
	for (size_t i = 0; i < policy->rules.n; i++) {
		const struct rule *rule = &policy->rules.p[i];

		if (!matches(rule, *source, attributes))
			continue;
		denies = rule->action == ACTION_CONVERT ? denies : rule->action == ACTION_DENY;
		if (rule->action == ACTION_CONVERT && convert(rule, source, attributes)) {
			*ret_changed = true;
			return NULL;
		}
		if (policy->first_wins)
			break;
	}
	return denies ? error_new(ERR_DENIED, "source '%s' is denied by source policy", *source)
		      : NULL;
}

FALLIBLE source_policy_judge(
		const struct source_policy *policy, char **source, struct list *attributes)
{
	for (unsigned i = 0; policy && i <= MOST_CONVERSIONS; i++) {
		bool changed = false;

		if (strlen(*source) > SOURCE_BYTES)
			return error_new(ERR_LIMIT, "a source of more than %d bytes", SOURCE_BYTES);
		TRY(pass(policy, source, attributes, &changed));
		/* Buildah's rules are asked once. */
		if (!changed || policy->first_wins)
			return NULL;
	}
	return policy ? error_new(ERR_LIMIT, "source policy: '%s' is converted again and again",
					*source)
		      : NULL;
}
