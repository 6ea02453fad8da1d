#include "trust/gpg.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "trust/base64.h"

#include <fcntl.h>
#include <string.h>

enum { VERIFY_MS = 60000, SIGN_MS = 300000 };

#define ARMOR_BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define ARMOR_END   "-----END PGP PUBLIC KEY BLOCK-----"

/* The base64 lines of a block: headers end at an empty line, "=abcd" is a checksum. */
static bool add_block(struct str block, struct strbuf *ret)
{
	AUTO(strbuf) struct strbuf body = { 0 };
	AUTO_FREE unsigned char *bytes = NULL;
	bool in_headers = true;
	struct str line;
	size_t n = 0;

	/* What is left of the first line. */
	str_cut(block, '\n', &line, &block);
	while (block.n) {
		str_cut(block, '\n', &line, &block);
		line = str_trim(line);
		if (in_headers)
			in_headers = line.n != 0;
		else if (!str_starts(line, "="))
			strbuf_add_str(&body, line);
	}
	if (!base64_decode(strbuf_str(&body), &bytes, &n) || n == 0)
		return false;
	strbuf_add_bytes(ret, bytes, n);
	return true;
}

FALLIBLE gpg_add_keys(struct str text, const char *what, struct strbuf *ret)
{
	const char *at = text.p, *end = text.p + text.n;
	bool found = false;

	/* A packet of OpenPGP has its first bit set. */
	if (text.n && (text.p[0] & 0x80)) {
		strbuf_add_str(ret, text);
		return NULL;
	}
	while ((at = memmem(at, (size_t)(end - at), ARMOR_BEGIN, strlen(ARMOR_BEGIN)))) {
		at += strlen(ARMOR_BEGIN);
		const char *to = memmem(at, (size_t)(end - at), ARMOR_END, strlen(ARMOR_END));
		if (!to || !add_block((struct str){ at, (size_t)(to - at) }, ret))
			return error_new(ERR_INVALID, "%s: a damaged block of a GPG key", what);
		at = to;
		found = true;
	}
	if (!found)
		return error_hint(error_new(ERR_INVALID, "%s: holds no GPG key", what),
				"'gpg --export KEY' writes one");
	return NULL;
}

/* --- verifying --- */

/* What gpgv said of the message. */
struct verdict {
	unsigned begun, good, valid, texts;
	char *trouble; /* the first line that speaks against it */
};

static void verdict_done(struct verdict *verdict)
{
	free(verdict->trouble);
}

DEFINE_AUTO_VALUE(verdict)

static void read_status(struct str status, struct verdict *ret)
{
	static const char *const bad[] = { "BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG",
		"NO_PUBKEY", "NODATA", "UNEXPECTED", "FAILURE", "KEYREVOKED", "BADARMOR" };
	struct str line, word;

	while (status.n) {
		str_cut(status, '\n', &line, &status);
		if (!str_starts(line, "[GNUPG:] "))
			continue;
		line = str_slice(line, 9, line.n);
		word = str_slice(line, 0, str_find(line, ' '));
		ret->begun += str_is(word, "NEWSIG");
		ret->good += str_is(word, "GOODSIG");
		ret->valid += str_is(word, "VALIDSIG");
		ret->texts += str_is(word, "PLAINTEXT");
		for (size_t i = 0; i < COUNT(bad) && !ret->trouble; i++)
			if (str_is(word, bad[i]))
				ret->trouble = str_dup(str_slice(line, 0, 200));
	}
}

static FALLIBLE judge(const struct verdict *verdict, int status)
{
	if (verdict->trouble)
		return error_new(ERR_DENIED, "gpgv says %s", verdict->trouble);
	if (status != 0 || verdict->begun != 1 || verdict->good != 1 || verdict->valid != 1 ||
			verdict->texts != 1)
		return error_new(ERR_DENIED,
				"it is not one message with one good signature (gpgv ends with %d)",
				status);
	return NULL;
}

static FALLIBLE run_gpgv(const struct gpg *gpg, const char *keyring, struct str message,
		struct proc_result *ret)
{
	/* Status lines have a mark of their own among what it says to people. */
	const char *const argv[] = { "gpgv", "--keyring", keyring, "--status-fd", "2", "--output",
		"-", NULL };
	const struct proc_spec spec = { .argv = argv,
		.timeout_ms = VERIFY_MS,
		.input = message.p,
		.input_bytes = message.n,
		.output_limit = LIMIT_SIGNATURE_BYTES };
	struct error *error = proc_run(&spec, gpg->cancel, ret);

	if (error_is(error, ERR_NOT_FOUND))
		return error_hint(error, "the policy asks for a GPG signature; install it, for "
					 "example with apt-get install gpgv");
	return error;
}

FALLIBLE gpg_verify(const struct gpg *gpg, struct str keys, struct str message,
		struct strbuf *ret_payload)
{
	AUTO_FREE char *dir = xasprintf("%s/kiln-keys-XXXXXX", gpg->tmp_dir);
	AUTO(proc_result) struct proc_result result = { 0 };
	AUTO(verdict) struct verdict verdict = { 0 };

	if (!mkdtemp(dir))
		return error_sys("make a folder in '%s'", gpg->tmp_dir);
	AUTO_FREE char *keyring = xasprintf("%s/keys.gpg", dir);
	struct error *error = file_write_atomic(AT_FDCWD, keyring, keys.p, keys.n, 0600, false);
	if (!error)
		error = run_gpgv(gpg, keyring, message, &result);
	(void)unlink(keyring);
	(void)rmdir(dir);
	TRY(error);
	read_status(strbuf_str(&result.err), &verdict);
	TRY(judge(&verdict, result.status));
	strbuf_add_str(ret_payload, strbuf_str(&result.out));
	return NULL;
}

/* --- signing --- */

FALLIBLE gpg_sign(const struct gpg *gpg, const char *fingerprint, const char *passphrase_file,
		struct str payload, struct strbuf *ret)
{
	AUTO(proc_result) struct proc_result result = { 0 };
	const char *argv[16] = { "gpg", "--batch", "--no-tty", "--quiet", "--local-user",
		fingerprint, "--output", "-" };
	size_t n = 8;
	const struct proc_spec spec = { .argv = argv,
		.env = gpg->env,
		.timeout_ms = SIGN_MS,
		.input = payload.p,
		.input_bytes = payload.n,
		.output_limit = LIMIT_SIGNATURE_BYTES };

	if (fingerprint[0] == '-' || !fingerprint[0])
		return error_new(ERR_INVALID, "'%s' is no GPG key's fingerprint", fingerprint);
	if (passphrase_file) {
		argv[n++] = "--pinentry-mode";
		argv[n++] = "loopback";
		argv[n++] = "--passphrase-file";
		argv[n++] = passphrase_file;
	}
	argv[n++] = "--sign";
	struct error *error = proc_run(&spec, gpg->cancel, &result);
	if (error_is(error, ERR_NOT_FOUND))
		return error_hint(error, "--sign-by needs GnuPG: apt-get install gpg");
	TRY(error);
	if (result.status != 0 || !result.out.n) {
		struct str said = str_trim(strbuf_str(&result.err));

		return error_new(ERR_DENIED, "gpg cannot sign with the key '%s': %.*s", fingerprint,
				(int)(said.n < 300 ? said.n : 300), said.p ? said.p : "");
	}
	strbuf_add_str(ret, strbuf_str(&result.out));
	return NULL;
}
