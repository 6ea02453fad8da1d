/*
 * Fields first, each by its row in the table of keys; then the rules between them, once the type is
 * known. Without an environment a value that holds variables, quotes or escapes is skipped, and
 * with it the rules between fields.
 */
#include "dockerfile/run_mount.h"

#include "base/nearest.h"
#include "base/xalloc.h"
#include "dockerfile/run_mount_options.h"
#include "sys/path.h"

#include <ctype.h>
#include <strings.h>

enum { MODE_SECRET = 0400, MODE_SSH = 0600, MODE_CACHE = 0755 };

static const char *const type_names[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
static const char *const sharing_names[] = { "shared", "private", "locked" };

struct parse {
	struct arena *arena;
	const struct flag *flag;
	const struct words_env *env;
	struct run_mount *mount;
	bool is_partial; /* a value could not be read yet */
	bool has_access; /* ro or rw was said */
	bool has_sharing;
	bool has_required;
};

struct key {
	const char *name;
	FALLIBLE (*set)(struct parse *parse, const char *value);
	const char *bare; /* the value when there is no "="; NULL: a value is needed */
};

static FALLIBLE wrong_value(const struct parse *parse, const char *key, const char *value)
{
	if (text_equal(key, "type") && text_equal(parse->flag->name, "mount"))
		return error_at(error_new(ERR_INVALID, "--mount: unsupported mount type \"%s\"",
						value),
				parse->flag->at);
	if (text_equal(key, "sharing"))
		return error_at(error_new(ERR_INVALID, "--mount: unsupported sharing value \"%s\"",
						value),
				parse->flag->at);
	bool is_number =
			text_equal(key, "mode") || text_equal(key, "uid") || text_equal(key, "gid");
	AUTO_FREE char *what = is_number ? xasprintf("%s for %s", value, key)
					 : xasprintf("for %s: %s", key, value);

	return error_at(error_new(ERR_INVALID, "--%s: invalid mount option: invalid value %s",
					parse->flag->name, what),
			parse->flag->at);
}

static FALLIBLE rule(const struct parse *parse, const char *what)
{
	return error_at(error_new(ERR_INVALID, "--mount of type %s: %s",
					mount_type_name(parse->mount->type), what),
			parse->flag->at);
}

static FALLIBLE parse_bool(const struct parse *parse, const char *key, const char *value, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < COUNT(yes); i++) {
		if (text_equal(value, yes[i]) || text_equal(value, no[i])) {
			*ret = text_equal(value, yes[i]);
			return NULL;
		}
	}
	return wrong_value(parse, key, value);
}

/* The index of value among names, letter case aside. */
static FALLIBLE parse_choice(const struct parse *parse, const char *key, const char *value,
		const char *const *names, size_t count, size_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(value, names[i]) == 0) {
			*ret = i;
			return NULL;
		}
	}
	const char *nearest = text_nearest(value, names, count);
	struct error *error = wrong_value(parse, key, value);
	return nearest ? error_hint(error, "did you mean %s?", nearest) : error;
}

static FALLIBLE parse_id(const struct parse *parse, const char *key, const char *value,
		uint32_t *ret, bool *ret_has)
{
	uint64_t id = 0;
	struct error *error = parse_u64(str_of(value), UINT32_MAX - 1, &id);

	if (error) {
		error_free(error);
		return wrong_value(parse, key, value);
	}
	*ret = (uint32_t)id;
	*ret_has = true;
	return NULL;
}

static FALLIBLE set_type(struct parse *parse, const char *value)
{
	size_t i = 0;

	TRY(parse_choice(parse, "type", value, type_names, COUNT(type_names), &i));
	parse->mount->type = (enum mount_type)(MOUNT_BIND + i);
	return NULL;
}

static FALLIBLE set_from(struct parse *parse, const char *value)
{
	parse->mount->from = value;
	return NULL;
}

static FALLIBLE set_source(struct parse *parse, const char *value)
{
	parse->mount->source = value;
	return NULL;
}

static FALLIBLE set_target(struct parse *parse, const char *value)
{
	parse->mount->target = value;
	return NULL;
}

static FALLIBLE set_id(struct parse *parse, const char *value)
{
	parse->mount->id = value;
	return NULL;
}

static FALLIBLE set_read_only(struct parse *parse, const char *value)
{
	parse->has_access = true;
	return parse_bool(parse, "ro", value, &parse->mount->is_read_only);
}

static FALLIBLE set_read_write(struct parse *parse, const char *value)
{
	bool is_writable = false;

	TRY(parse_bool(parse, "rw", value, &is_writable));
	parse->has_access = true;
	parse->mount->is_read_only = !is_writable;
	return NULL;
}

static FALLIBLE set_required(struct parse *parse, const char *value)
{
	parse->has_required = true;
	return parse_bool(parse, "required", value, &parse->mount->is_required);
}

static FALLIBLE set_sharing(struct parse *parse, const char *value)
{
	size_t i = 0;

	TRY(parse_choice(parse, "sharing", value, sharing_names, COUNT(sharing_names), &i));
	parse->mount->sharing = (enum mount_sharing)(MOUNT_SHARED + i);
	parse->has_sharing = true;
	return NULL;
}

static FALLIBLE set_mode(struct parse *parse, const char *value)
{
	uint64_t mode = 0;
	struct error *error = parse_octal(str_of(value), 07777, &mode);

	if (error) {
		error_free(error);
		return wrong_value(parse, "mode", value);
	}
	parse->mount->mode = (uint32_t)mode;
	parse->mount->has_mode = true;
	return NULL;
}

static FALLIBLE set_uid(struct parse *parse, const char *value)
{
	return parse_id(parse, "uid", value, &parse->mount->uid, &parse->mount->has_uid);
}

static FALLIBLE set_gid(struct parse *parse, const char *value)
{
	return parse_id(parse, "gid", value, &parse->mount->gid, &parse->mount->has_gid);
}

static FALLIBLE set_size(struct parse *parse, const char *value)
{
	struct error *error = parse_size(str_of(value), &parse->mount->size);

	if (error) {
		error_free(error);
		return wrong_value(parse, "size", value);
	}
	parse->mount->has_size = true;
	return NULL;
}

static FALLIBLE set_env(struct parse *parse, const char *value)
{
	parse->mount->has_env = true;
	parse->mount->env = *value ? value : NULL;
	return NULL;
}

static const struct key keys[] = {
	{ "type", set_type, NULL },
	{ "from", set_from, NULL },
	{ "source", set_source, NULL },
	{ "src", set_source, NULL },
	{ "target", set_target, NULL },
	{ "dst", set_target, NULL },
	{ "destination", set_target, NULL },
	{ "id", set_id, NULL },
	{ "sharing", set_sharing, NULL },
	{ "readonly", set_read_only, "true" },
	{ "ro", set_read_only, "true" },
	{ "readwrite", set_read_write, "true" },
	{ "rw", set_read_write, "true" },
	{ "required", set_required, "true" },
	{ "mode", set_mode, NULL },
	{ "uid", set_uid, NULL },
	{ "gid", set_gid, NULL },
	{ "size", set_size, NULL },
	{ "env", set_env, "" },
};

/* Take one CSV field from the front of *text. False when its quotes are wrong. */
static bool take_field(struct str *text, struct strbuf *out)
{
	strbuf_clear(out);
	if (!str_starts(*text, "\"")) {
		struct str field = { 0 };

		(void)str_cut(*text, ',', &field, text);
		strbuf_add_str(out, field);
		return str_find(field, '"') == field.n;
	}
	size_t at = 1;
	for (;; at++) {
		if (at >= text->n)
			return false;
		if (text->p[at] == '"' && (at + 1 == text->n || text->p[++at] != '"'))
			break;
		strbuf_add_char(out, text->p[at]);
	}
	if (at + 1 < text->n && text->p[at] != ',')
		return false;
	*text = str_slice(*text, at + 1, text->n);
	return true;
}

static char *no_pair(const char *name)
{
	return xasprintf("invalid field '%s' must be a key=value pair", name);
}

static FALLIBLE unknown_key(const struct parse *parse, const char *name, const struct str *value)
{
	AUTO_FREE const char **names = xcalloc(COUNT(keys) + mount_option_count(), sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < COUNT(keys); i++)
		names[n++] = keys[i].name;
	for (size_t i = 0; i < mount_option_count(); i++)
		names[n++] = mount_option_name(i);
	AUTO_FREE char *what = value ? xasprintf("unexpected key '%s' in '%s=%.*s'", name, name,
						       STR_ARG(*value))
				     : no_pair(name);
	struct error *error =
			error_at(error_new(ERR_INVALID, "--mount: %s", what), parse->flag->at);
	const char *nearest = text_nearest(name, names, n);
	return nearest ? error_hint(error, "did you mean %s?", nearest) : error;
}

/* Quotes and escapes wait as well: which character escapes is the environment's to say. */
static bool needs_expansion(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (strchr("$'\"\\`", value.p[i]))
			return true;
	return false;
}

/* The value as set functions want it; NULL when it has to wait for variables. */
static FALLIBLE read_value(struct parse *parse, struct str value, const char **ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	*ret = NULL;
	if (!parse->env && needs_expansion(value)) {
		parse->is_partial = true;
		return NULL;
	}
	if (parse->env) {
		struct error *error = word_expand(value, parse->env, &text);

		if (error)
			return error_at(error, parse->flag->at);
		value = strbuf_str(&text);
	}
	*ret = arena_str(parse->arena, value);
	return NULL;
}

static FALLIBLE no_value(const struct parse *parse, const char *name)
{
	AUTO_FREE char *what = no_pair(name);

	return error_hint(error_at(error_new(ERR_INVALID, "--mount: %s", what), parse->flag->at),
			"write %s=VALUE", name);
}

/* text: what is behind "=", or NULL. */
static FALLIBLE parse_option(struct parse *parse, const char *name, const struct str *text)
{
	size_t i = mount_option_find(name);
	const char *value = NULL;
	bool is_good = false;

	if (i == mount_option_count())
		return unknown_key(parse, name, text);
	if (text)
		TRY(read_value(parse, *text, &value));
	else if (!(value = mount_option_bare(i)))
		return no_value(parse, name);
	if (!value)
		return NULL;
	struct error *error = mount_option_set(parse->mount, i, value, &is_good);
	if (error)
		return error_at(error, parse->flag->at);
	if (is_good)
		return NULL;
	const char *nearest = mount_option_nearest(i, value);
	error = wrong_value(parse, name, value);
	return nearest ? error_hint(error, "did you mean %s?", nearest) : error;
}

static FALLIBLE parse_field(struct parse *parse, struct str field)
{
	struct str name = { 0 }, text = { 0 };
	bool has_value = str_cut(field, '=', &name, &text);
	AUTO_FREE char *lower = str_dup(name);
	const char *value = NULL;
	size_t i = 0;

	while (i < COUNT(keys) && strcasecmp(keys[i].name, lower) != 0)
		i++;
	if (i == COUNT(keys)) {
		for (char *c = lower; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		return parse_option(parse, lower, has_value ? &text : NULL);
	}
	if (!has_value && !keys[i].bare)
		return no_value(parse, keys[i].name);
	if (!has_value)
		return keys[i].set(parse, keys[i].bare);
	/* As it stands: run_mount_from() has told already which stage this is, whose name may have
	 * variables for those who take them there. */
	if (keys[i].set == set_from)
		return set_from(parse, arena_str(parse->arena, text));
	TRY(read_value(parse, text, &value));
	return value ? keys[i].set(parse, value) : NULL;
}

static bool takes_owner(enum mount_type type)
{
	return type == MOUNT_SECRET || type == MOUNT_SSH || type == MOUNT_CACHE;
}

/* What may not stand together. */
static FALLIBLE check_rules(const struct parse *parse)
{
	const struct run_mount *mount = parse->mount;
	enum mount_type type = mount->type;

	if (!takes_owner(type) && (mount->has_mode || mount->has_uid || mount->has_gid))
		return rule(parse, "mode, uid and gid are for cache, secret and ssh only");
	if (mount->has_size && type != MOUNT_TMPFS)
		return rule(parse, "size is for tmpfs only");
	if (parse->has_required && type != MOUNT_SECRET && type != MOUNT_SSH)
		return rule(parse, "required is for secret and ssh only");
	if (mount->has_env && type != MOUNT_SECRET)
		return rule(parse, "env is for secret only");
	if (parse->has_sharing && type != MOUNT_CACHE)
		return rule(parse, "sharing is for cache only");
	const char *misplaced = mount_option_misplaced(mount);
	if (misplaced)
		return rule(parse, misplaced);
	if (type == MOUNT_BIND)
		return NULL;
	if (type != MOUNT_SECRET && type != MOUNT_SSH)
		return mount->target ? NULL : rule(parse, "a target is needed");
	if (mount->from)
		return rule(parse, "from is for bind and cache only");
	if (type == MOUNT_SSH)
		return NULL;
	if (mount->source && mount->id)
		return rule(parse, "both source and id can't be set");
	if (!mount->source && !mount->id && !mount->target)
		return rule(parse, "one of source, target required");
	return NULL;
}

/* An empty value is none: that of a variable which is not set, say. */
static void drop_empty(struct run_mount *mount)
{
	const char **texts[] = { &mount->from, &mount->source, &mount->target, &mount->id };

	for (size_t i = 0; i < COUNT(texts); i++)
		if (*texts[i] && !**texts[i])
			*texts[i] = NULL;
}

/* The last name in it. */
static const char *last_name(struct arena *arena, const char *path)
{
	AUTO_FREE char *clean = path_clean(str_of(path));

	return arena_str(arena, str_of(path_name(clean)));
}

static void fill_defaults(struct arena *arena, struct run_mount *mount, bool has_access)
{
	static const uint32_t modes[] = {
		[MOUNT_SECRET] = MODE_SECRET, [MOUNT_SSH] = MODE_SSH, [MOUNT_CACHE] = MODE_CACHE
	};

	/* On the working directory, as BuildKit's own Dockerfile uses it. */
	if (mount->type == MOUNT_BIND && !mount->target)
		mount->target = ".";
	if (!has_access)
		mount->is_read_only = mount->type != MOUNT_CACHE && mount->type != MOUNT_TMPFS;
	if (!mount->has_mode && takes_owner(mount->type))
		mount->mode = modes[mount->type];
	if (mount->type == MOUNT_CACHE && !mount->sharing)
		mount->sharing = MOUNT_SHARED;
	if (mount->type == MOUNT_CACHE && !mount->id)
		mount->id = mount->target;
	if (mount->type == MOUNT_SSH && !mount->id)
		mount->id = mount->source ? mount->source : "default";
	if (mount->type != MOUNT_SECRET)
		return;
	if (!mount->id)
		mount->id = mount->source;
	if (!mount->id)
		mount->id = last_name(arena, mount->target);
	if (mount->has_env && !mount->env)
		mount->env = mount->id;
	if (!mount->target && !mount->has_env)
		mount->target = arena_printf(arena, "/run/secrets/%s", last_name(arena, mount->id));
}

static FALLIBLE bad_csv(const struct flag *flag)
{
	return error_hint(error_at(error_new(ERR_INVALID, "--%s: quotes are wrong in '%s'",
						   flag->name, flag->value),
					  flag->at),
			"a double quote stands around a whole field");
}

FALLIBLE run_mount_parse(struct arena *arena, const struct flag *flag, const struct words_env *env,
		struct run_mount *ret)
{
	AUTO(strbuf) struct strbuf field = { 0 };
	struct run_mount mount = { .type = MOUNT_BIND, .at = flag->at };
	struct parse parse = { .arena = arena, .flag = flag, .env = env, .mount = &mount };
	struct str rest = str_of(flag->value);

	if (!rest.n)
		return wrong_value(&parse, "mount", "");
	while (rest.n) {
		if (!take_field(&rest, &field))
			return bad_csv(flag);
		TRY(parse_field(&parse, strbuf_str(&field)));
	}
	if (!parse.is_partial) {
		drop_empty(&mount);
		TRY(check_rules(&parse));
		fill_defaults(arena, &mount, parse.has_access);
	}
	*ret = mount;
	return NULL;
}

const char *run_mount_from(struct arena *arena, const struct flag *flag)
{
	AUTO(strbuf) struct strbuf field = { 0 };
	struct str rest = str_of(flag->value);
	const char *from = NULL;

	while (rest.n && take_field(&rest, &field)) {
		struct str name = { 0 }, value = { 0 };

		if (str_cut(strbuf_str(&field), '=', &name, &value) && str_is_nocase(name, "from"))
			from = value.n ? arena_str(arena, value) : NULL;
	}
	return from;
}

const char *mount_type_name(enum mount_type type)
{
	return type_names[type - MOUNT_BIND];
}

FALLIBLE run_device_parse(struct arena *arena, const struct flag *flag, struct run_device *ret)
{
	AUTO(strbuf) struct strbuf field = { 0 };
	const struct parse parse = { .flag = flag };
	struct run_device device = { 0 };
	struct str rest = str_of(flag->value);

	while (rest.n) {
		struct str name = { 0 }, value = { 0 };

		if (!take_field(&rest, &field))
			return bad_csv(flag);
		bool has_value = str_cut(strbuf_str(&field), '=', &name, &value);
		AUTO_FREE char *text = str_dup(value);
		if (str_is_nocase(name, "required") && has_value)
			TRY(parse_bool(&parse, "required", text, &device.is_required));
		else if (str_is_nocase(name, "required"))
			device.is_required = true;
		else if (device.name)
			return error_at(error_new(ERR_INVALID, "--device: unknown key '%s'",
							strbuf_text(&field)),
					flag->at);
		else if (str_is_nocase(name, "name") && has_value)
			device.name = arena_text(arena, text);
		else
			device.name = arena_str(arena, strbuf_str(&field));
	}
	if (!device.name)
		return error_at(error_new(ERR_INVALID, "--device: a name is needed"), flag->at);
	*ret = device;
	return NULL;
}
