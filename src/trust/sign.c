#include "trust/sign.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/private.h"
#include "trust/attached.h"
#include "trust/cosign_key.h"
#include "trust/crypto_key.h"
#include "trust/inside.h"
#include "trust/lookaside.h"
#include "trust/payload.h"

#include <fcntl.h>
#include <string.h>

struct signer {
	struct trust *trust;
	struct crypto_key *key; /* or NULL */
	char *fingerprint, *passphrase_file;
	pthread_mutex_t lock; /* a key belongs to one thread at a time */
};

void signer_free(struct signer *signer)
{
	if (!signer)
		return;
	crypto_key_free(signer->key);
	free(signer->fingerprint);
	free(signer->passphrase_file);
	(void)pthread_mutex_destroy(&signer->lock);
	free(signer);
}

static FALLIBLE read_secret(const char *path, struct secret *ret)
{
	return file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, (char **)&ret->p, &ret->n);
}

static FALLIBLE read_key(const struct sign_settings *settings, struct crypto_key **ret)
{
	AUTO(secret) struct secret pem = { 0 }, passphrase = { 0 };
	AUTO_FREE char *what = xasprintf("private key '%s'", settings->key_file);

	private_begin();
	TRY_WRAP(read_secret(settings->key_file, &pem), "private key to sign with");
	if (settings->passphrase_file) {
		TRY_WRAP(read_secret(settings->passphrase_file, &passphrase), "passphrase");
		passphrase.p[strcspn((const char *)passphrase.p, "\r\n")] = '\0';
	}
	return crypto_key_read_private((struct str){ (const char *)pem.p, pem.n }, what,
			(const char *)passphrase.p, ret);
}

FALLIBLE signer_new(struct trust *trust, const struct sign_settings *settings, struct signer **ret)
{
	AUTO(signer) struct signer *signer = NULL;

	*ret = NULL;
	if (!settings->key_file && !settings->fingerprint)
		return settings->passphrase_file
				       ? error_new(ERR_INVALID, "a passphrase, and nothing to sign "
								"with")
				       : NULL;
	signer = xcalloc(1, sizeof(*signer));
	(void)pthread_mutex_init(&signer->lock, NULL);
	signer->trust = trust;
	signer->fingerprint = xstrdup(settings->fingerprint);
	signer->passphrase_file = xstrdup(settings->passphrase_file);
	if (settings->key_file)
		TRY(read_key(settings, &signer->key));
	TRY(trust_need_registries(trust));
	*ret = TAKE(signer);
	return NULL;
}

/* The payload names the tag, as containers/image has it. */
static char *name_for(const struct reference *to)
{
	AUTO(reference) struct reference name = { 0 };

	reference_copy(to, &name);
	if (name.tag)
		name.digest = (struct digest){ 0 };
	return reference_text(&name);
}

static char *payload_for(
		const char *name, const struct descriptor *manifest, enum payload_kind kind)
{
	const struct payload payload = { manifest->digest, (char *)(uintptr_t)name };

	return payload_print(&payload, kind, "kiln " KILN_VERSION, clock_now_seconds());
}

/* Ours is there already: the same image was pushed under the same name. */
static FALLIBLE is_signed(struct signer *signer, const struct reference *to,
		const struct digest *manifest, const char *name, bool *ret)
{
	AUTO(attached) struct attached attached = { 0 };

	TRY(attached_read(signer->trust->client, to, manifest, ATTACHED_BY_TAG, &attached));
	for (size_t i = 0; i < attached.n && !*ret; i++) {
		const struct attached_signature *one = &attached.p[i];
		struct str text = { one->payload, one->n };
		AUTO(payload) struct payload payload = { 0 };
		struct error *error = payload_parse(text, PAYLOAD_SIGSTORE, &payload);

		error_ignore(error, "somebody else's");
		*ret = !error && text_equal(payload.reference, name) &&
		       digest_equal(&payload.manifest, manifest) &&
		       crypto_key_verifies(signer->key, text, one->signature, one->signature_n);
	}
	return NULL;
}

static FALLIBLE sign_attached(struct signer *signer, const struct reference *to,
		const struct descriptor *manifest, const struct list *scopes)
{
	AUTO_FREE char *name = name_for(to),
		       *payload = payload_for(name, manifest, PAYLOAD_SIGSTORE);
	AUTO_FREE unsigned char *bytes = NULL;
	struct attached_signature signature = { .payload = payload, .n = strlen(payload) };
	bool is_there = false;

	if (registries_d_attachments(&signer->trust->registries, scopes) == ATTACHMENTS_NO)
		return error_hint(
				error_new(ERR_UNSUPPORTED,
						"registries.d has use-sigstore-attachments: false "
						"for '%s/%s'",
						to->host, to->repository),
				"set it to true, or push without --sign-by-sigstore-private-key");
	(void)pthread_mutex_lock(&signer->lock);
	struct error *error = is_signed(signer, to, &manifest->digest, name, &is_there);
	if (!error && !is_there)
		error = crypto_key_sign(signer->key, (struct str){ payload, signature.n }, &bytes,
				&signature.signature_n);
	(void)pthread_mutex_unlock(&signer->lock);
	if (error || is_there)
		return error;
	signature.signature = bytes;
	return attached_add(signer->trust->client, to, manifest, &signature);
}

static FALLIBLE sign_simple(struct signer *signer, const struct reference *to,
		const struct descriptor *manifest, const struct list *scopes)
{
	AUTO_FREE char *name = name_for(to), *payload = payload_for(name, manifest, PAYLOAD_SIMPLE);
	AUTO(strbuf) struct strbuf message = { 0 };
	const char *base = trust_lookaside(signer->trust, scopes, true);

	if (!base)
		return error_hint(error_new(ERR_INVALID,
						  "there is no place for simple signatures of "
						  "'%s/%s'",
						  to->host, to->repository),
				"name one in registries.d: lookaside-staging: file:///DIR");
	TRY(gpg_sign(&signer->trust->gpg, signer->fingerprint, signer->passphrase_file,
			str_of(payload), &message));
	return lookaside_write(base, to, &manifest->digest, strbuf_str(&message));
}

FALLIBLE sign(struct signer *signer, const struct reference *to, const struct descriptor *manifest)
{
	AUTO(list) struct list scopes = { 0 };

	policy_docker_scopes(to, &scopes);
	if (signer->key)
		TRY_WRAP(sign_attached(signer, to, manifest, &scopes), "sign '%s/%s'", to->host,
				to->repository);
	if (signer->fingerprint)
		TRY_WRAP(sign_simple(signer, to, manifest, &scopes), "sign '%s/%s'", to->host,
				to->repository);
	return NULL;
}
