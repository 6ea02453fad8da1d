#include "registry/aws_profile.h"

#include "base/limits.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>

/* "[profile x]", "[x]": is it ours? A name may have quotes around it. */
static bool is_section(struct str line, const char *profile, bool is_config)
{
	struct str name = str_trim(str_slice(line, 1, str_find(line, ']')));

	/* Asked for with its kind: no profile. */
	if (is_config && str_starts(name, "sso-session "))
		return str_is(name, profile);
	if (is_config && !str_is(name, "default")) {
		if (!str_starts(name, "profile ") && !str_starts(name, "profile\t"))
			return false;
		name = str_trim(str_slice(name, strlen("profile"), name.n));
	}
	if (name.n > 2 && (name.p[0] == '"' || name.p[0] == '\'') &&
			name.p[name.n - 1] == name.p[0])
		name = str_slice(name, 1, name.n - 1);
	return str_is(name, profile);
}

FALLIBLE aws_profile_parse(struct str text, const char *file, const char *profile, bool is_config,
		struct list *ret)
{
	bool is_ours = false;

	for (unsigned number = 1; text.n; number++) {
		struct str line, key, value;

		str_cut(text, '\n', &line, &text);
		struct str trimmed = str_trim(line);
		if (!trimmed.n || trimmed.p[0] == '#' || trimmed.p[0] == ';')
			continue;
		if (line.p[0] == ' ' || line.p[0] == '\t')
			continue;
		if (trimmed.p[0] == '[') {
			if (str_find(trimmed, ']') == trimmed.n)
				return error_new(ERR_INVALID, "'%s', line %u: a section without ]",
						file, number);
			is_ours = is_section(trimmed, profile, is_config);
			continue;
		}
		bool has_nul = str_find(trimmed, '\0') != trimmed.n;
		if (has_nul || !str_cut(trimmed, '=', &key, &value) || !str_trim(key).n)
			return error_new(ERR_INVALID,
					"'%s', line %u: neither [section] nor "
					"key = value",
					file, number);
		AUTO_FREE char *name = str_dup(str_trim(key)), *word = str_dup(str_trim(value));
		if (is_ours && *word && !list_env_get(ret, name))
			list_env_set(ret, name, word);
		OPENSSL_cleanse(word, strlen(word));
	}
	return NULL;
}

FALLIBLE aws_profile_read(const char *file, const char *profile, bool is_config, struct list *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, file, LIMIT_TOKEN_BYTES, &text, &n);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_ignore(error, "not everybody has one");
		return NULL;
	}
	TRY(error);
	error = aws_profile_parse((struct str){ text, n }, file, profile, is_config, ret);
	OPENSSL_cleanse(text, n);
	return error;
}
