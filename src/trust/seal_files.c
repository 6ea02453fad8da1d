/* Keys as the command line names them. */
#include "trust/seal_key.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/private.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

static FALLIBLE read_secret(const char *path, struct secret *ret)
{
	return file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, (char **)&ret->p, &ret->n);
}

static FALLIBLE read_recipient(const char *text, struct seal_keys *ret)
{
	static const struct {
		const char *protocol, *why;
	} refused[] = {
		{ "pgp", "kiln encrypts by JWE only" },
		{ "pkcs7", "kiln encrypts by JWE only, which takes the certificate as jwe:FILE" },
		{ "pkcs11", "keys in hardware are not there" },
		{ "provider", "programs that keep keys are not there" },
	};
	struct str protocol, path;

	if (!str_cut(str_of(text), ':', &protocol, &path))
		return error_hint(error_new(ERR_INVALID,
						  "invalid encryption keys: '%s' is no recipient",
						  text),
				"say jwe:FILE, with a public key or certificate in it");
	for (size_t i = 0; i < COUNT(refused); i++)
		if (str_is(protocol, refused[i].protocol))
			return error_hint(error_new(ERR_UNSUPPORTED, "encryption key '%s': %s",
							  text, refused[i].why),
					"jwe:FILE takes a public key or certificate");
	if (!str_is(protocol, "jwe"))
		return error_hint(error_new(ERR_INVALID,
						  "encryption key '%s': unknown protocol '%.*s'",
						  text, STR_ARG(protocol)),
				"jwe:FILE takes a public key or certificate");
	AUTO(secret) struct secret key = { 0 };
	AUTO_FREE char *what = xasprintf("encryption key '%s'", path.p);
	TRY_WRAP(read_secret(path.p, &key), "encryption key");
	return seal_key_read_public((struct str){ (const char *)key.p, key.n }, what, ret);
}

FALLIBLE seal_keys_read_recipients(const struct list *texts, struct seal_keys *ret)
{
	if (texts->n > LIMIT_SEAL_KEYS)
		return error_new(ERR_LIMIT, "%zu keys to encrypt for (at most %d)", texts->n,
				LIMIT_SEAL_KEYS);
	for (size_t i = 0; i < texts->n; i++)
		TRY(read_recipient(texts->p[i], ret));
	return NULL;
}

/* The line end that an editor or 'echo' leaves is not meant. */
static void drop_line_end(struct secret *text)
{
	if (text->n && text->p[text->n - 1] == '\n')
		text->n--;
	if (text->n && text->p[text->n - 1] == '\r')
		text->n--;
}

static FALLIBLE read_passphrase(struct str spec, struct secret *ret)
{
	uint64_t fd = 0;

	if (str_starts(spec, "file=")) {
		TRY_WRAP(read_secret(spec.p + strlen("file="), ret), "password");
		drop_line_end(ret);
		return NULL;
	}
	if (str_starts(spec, "fd=")) {
		TRY_WRAP(parse_u64(str_slice(spec, strlen("fd="), spec.n), INT_MAX, &fd),
				"password: number of the descriptor");
		TRY_WRAP(fd_read_all((int)fd, LIMIT_SETTINGS_BYTES, (char **)&ret->p, &ret->n),
				"password from descriptor %d", (int)fd);
		drop_line_end(ret);
		return NULL;
	}
	if (str_starts(spec, "pass="))
		spec = str_slice(spec, strlen("pass="), spec.n);
	*ret = (struct secret){ (unsigned char *)str_dup(spec), spec.n };
	return NULL;
}

static FALLIBLE read_private(const char *text, struct seal_keys *ret)
{
	AUTO(secret) struct secret key = { 0 }, passphrase = { 0 };
	struct str path, spec;
	bool has_passphrase = str_cut(str_of(text), ':', &path, &spec);
	AUTO_FREE char *file = str_dup(path);
	AUTO_FREE char *what = xasprintf("decryption key '%s'", file);

	if (has_passphrase)
		TRY_WRAP(read_passphrase(spec, &passphrase), "%s", what);
	TRY_WRAP(read_secret(file, &key), "decryption key");
	return seal_key_read_private((struct str){ (const char *)key.p, key.n }, what,
			has_passphrase ? &passphrase : NULL, ret);
}

FALLIBLE seal_keys_read_private(const struct list *texts, struct seal_keys *ret)
{
	if (texts->n > LIMIT_SEAL_KEYS)
		return error_new(ERR_LIMIT, "%zu keys to decrypt with (at most %d)", texts->n,
				LIMIT_SEAL_KEYS);
	if (texts->n)
		private_begin();
	for (size_t i = 0; i < texts->n; i++)
		TRY(read_private(texts->p[i], ret));
	return NULL;
}
