#include "ui/secret_flag.h"

#include "base/limits.h"
#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

void secret_flags_done(struct secret_flags *flags)
{
	for (size_t i = 0; i < flags->flags.n; i++) {
		free(flags->flags.p[i].id);
		free(flags->flags.p[i].path);
		free(flags->flags.p[i].env);
	}
	vec_done(&flags->flags);
	for (size_t i = 0; i < flags->loaded.n; i++) {
		struct build_secret *secret = &flags->loaded.p[i];

		if (secret->content)
			explicit_bzero(secret->content, secret->bytes);
		free(secret->content);
		free(secret->missing);
	}
	vec_done(&flags->loaded);
}

/* Scripts of Buildah's look for these words. */
#define INCORRECT "option '--secret': incorrect secret flag format: "

static FALLIBLE unknown_key(const char *key)
{
	static const char *const keys[] = { "id", "src", "source", "env", "type" };
	const char *nearest = text_nearest(key, keys, COUNT(keys));
	struct error *error = error_usage(INCORRECT "unknown key '%s'", key);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static FALLIBLE add_field(struct secret_flag *flag, const char *field, char **type)
{
	struct str key = { 0 }, value = { 0 };

	if (!str_cut(str_of(field), '=', &key, &value))
		return error_usage(INCORRECT "'%s' is not KEY=VALUE", field);
	AUTO_FREE char *name = str_dup(key);
	char **slot = NULL;

	if (str_is_nocase(key, "id"))
		slot = &flag->id;
	else if (str_is_nocase(key, "src") || str_is_nocase(key, "source"))
		slot = &flag->path;
	else if (str_is_nocase(key, "env"))
		slot = &flag->env;
	else if (str_is_nocase(key, "type"))
		slot = type;
	else
		return unknown_key(name);
	free(*slot);
	*slot = str_dup(value);
	return NULL;
}

/* What is not said: a variable named as the id, if there is one, else a file named so. */
static FALLIBLE fill_in(struct secret_flag *flag, const char *type,
		const char *(*getenv_of)(const char *name))
{
	bool is_env = text_equal(type, "env");

	if (type && !is_env && !text_equal(type, "file"))
		return error_usage("option '--secret': type '%s' is neither file nor env", type);
	if (!flag->id || !flag->id[0])
		return error_hint(error_usage(INCORRECT "it needs an id"),
				"--secret id=token,src=FILE");
	if (flag->path && flag->env)
		return error_usage("option '--secret': both src and env for '%s'", flag->id);
	if (is_env && flag->path)
		flag->env = TAKE(flag->path);
	if (flag->path || flag->env)
		return text_equal(type, "file") && flag->env
				       ? error_usage("option '--secret': type=file with env for "
						     "'%s'",
							 flag->id)
				       : NULL;
	if (is_env || (!type && getenv_of(flag->id)))
		flag->env = xstrdup(flag->id);
	else
		flag->path = xstrdup(flag->id);
	return NULL;
}

FALLIBLE secret_flags_add(struct secret_flags *flags, const char *text,
		const char *(*getenv_of)(const char *name))
{
	struct secret_flag *flag = NULL;
	AUTO_FREE char *type = NULL;
	struct str rest = str_of(text);

	if (flags->flags.n >= LIMIT_SECRETS)
		return error_usage("option '--secret': more than %d of them", LIMIT_SECRETS);
	flag = vec_add(&flags->flags);
	do {
		AUTO_FREE char *field = NULL;

		TRY(csv_next_field(&rest, "--secret", &field));
		TRY(add_field(flag, field, &type));
	} while (rest.n);
	TRY(fill_in(flag, type, getenv_of));
	for (size_t i = 0; i + 1 < flags->flags.n; i++)
		if (text_equal(flags->flags.p[i].id, flag->id))
			return error_usage("option '--secret': id '%s' twice", flag->id);
	return NULL;
}

static FALLIBLE load_file(const struct secret_flag *flag, struct build_secret *secret)
{
	char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, flag->path, LIMIT_SECRET_BYTES, &text, &n);

	if (error)
		return error_wrap(error, "secret '%s'", flag->id);
	secret->content = text;
	secret->bytes = n;
	return NULL;
}

FALLIBLE secret_flags_load(struct secret_flags *flags, const char *(*getenv_of)(const char *name))
{
	for (size_t i = 0; i < flags->flags.n; i++) {
		const struct secret_flag *flag = &flags->flags.p[i];
		struct build_secret *secret = vec_add(&flags->loaded);
		const char *value = flag->env ? getenv_of(flag->env) : NULL;

		secret->id = flag->id;
		if (flag->path) {
			TRY(load_file(flag, secret));
		} else if (value) {
			secret->content = xstrdup(value);
			secret->bytes = strlen(value);
		} else {
			secret->missing = xasprintf(
					"the environment variable '%s' is not set", flag->env);
		}
	}
	return NULL;
}
