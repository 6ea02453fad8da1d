/*
 * Each requirement asks for one good signature of the manifest or of its index. Signatures are
 * fetched once, at the first requirement that asks for their kind.
 */
#include "trust/inside.h"

#include "base/log.h"
#include "base/xalloc.h"
#include "trust/attached.h"
#include "trust/crypto_key.h"
#include "trust/lookaside.h"
#include "trust/payload.h"

#include <string.h>

struct verifying {
	struct trust *trust;
	const struct trust_origin *origin;
	const struct digest *digests;
	size_t n;
	struct reference used; /* the tag is left out beside a digest */
	bool has_used;
	struct list scopes;
	struct error *why; /* what is wrong with the first signature; of the requirement at hand */
	size_t seen;       /* signatures looked at, of the requirement at hand */
};

static void verifying_done(struct verifying *verifying)
{
	reference_done(&verifying->used);
	list_done(&verifying->scopes);
	error_free(verifying->why);
}

DEFINE_AUTO_VALUE(verifying)

/* A signature that does not count. Takes why. */
static void note(struct verifying *verifying, struct error *why)
{
	verifying->seen++;
	if (verifying->why)
		error_ignore(why, "one more signature that does not count");
	else
		verifying->why = why;
}

/* What a good signature says must be about this image. */
static FALLIBLE check_payload(const struct verifying *verifying, struct str json,
		enum payload_kind kind, const struct identity_rule *rule,
		const struct digest *manifest)
{
	AUTO(payload) struct payload payload = { 0 };
	char a[DIGEST_TEXT], b[DIGEST_TEXT];

	TRY(payload_parse(json, kind, &payload));
	if (!digest_equal(&payload.manifest, manifest))
		return error_new(ERR_DENIED, "it is of manifest %s, not of %s",
				digest_text(&payload.manifest, a), digest_text(manifest, b));
	return identity_check(
			rule, verifying->has_used ? &verifying->used : NULL, payload.reference);
}

/* --- sigstore --- */

struct keys {
	struct crypto_key **p;
	size_t n, capacity;
};

static void keys_done(struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		crypto_key_free(keys->p[i]);
	vec_done(keys);
}

DEFINE_AUTO_VALUE(keys)

static FALLIBLE read_keys(const struct requirement *requirement, struct keys *ret)
{
	AUTO(key_texts) struct key_texts texts = { 0 };

	TRY(key_texts_read(requirement, &texts));
	for (size_t i = 0; i < texts.n; i++)
		TRY(crypto_key_read_public((struct str){ texts.p[i].text, texts.p[i].n },
				texts.p[i].what, vec_add(ret)));
	return NULL;
}

static bool is_by_a_key(const struct keys *keys, const struct attached_signature *signature)
{
	struct str payload = { signature->payload, signature->n };

	for (size_t i = 0; i < keys->n; i++)
		if (crypto_key_verifies(keys->p[i], payload, signature->signature,
				    signature->signature_n))
			return true;
	return false;
}

static bool has_good_attached(struct verifying *verifying, const struct requirement *requirement,
		const struct keys *keys, const struct attached *attached,
		const struct digest *manifest)
{
	for (size_t i = 0; i < attached->n; i++) {
		const struct attached_signature *signature = &attached->p[i];
		struct error *error = NULL;

		if (!is_by_a_key(keys, signature))
			error = error_new(ERR_DENIED, "it is not by a key of the policy");
		else
			error = check_payload(verifying,
					(struct str){ signature->payload, signature->n },
					PAYLOAD_SIGSTORE, &requirement->identity, manifest);
		if (!error)
			return true;
		note(verifying, error);
	}
	return false;
}

static FALLIBLE may_look(struct verifying *verifying, bool *ret)
{
	struct trust *trust = verifying->trust;

	*ret = verifying->has_used && trust->client;
	TRY(trust_need_registries(trust));
	if (registries_d_attachments(&trust->registries, &verifying->scopes) == ATTACHMENTS_NO) {
		*ret = false;
		note(verifying, error_new(ERR_DENIED, "registries.d forbids to look for them: "
						      "use-sigstore-attachments is false"));
	}
	return NULL;
}

static FALLIBLE meets_sigstore(
		struct verifying *verifying, const struct requirement *requirement, bool *ret)
{
	AUTO(keys) struct keys keys = { 0 };
	bool looks = false;

	TRY(read_keys(requirement, &keys));
	TRY(may_look(verifying, &looks));
	for (int where = ATTACHED_BY_TAG; looks && !*ret && where <= ATTACHED_AS_REFERRER; where++)
		for (size_t i = 0; !*ret && i < verifying->n; i++) {
			const struct digest *manifest = &verifying->digests[i];
			AUTO(attached) struct attached attached = { 0 };

			TRY(attached_read(verifying->trust->client, &verifying->used, manifest,
					(enum attached_where)where, &attached));
			*ret = has_good_attached(
					verifying, requirement, &keys, &attached, manifest);
		}
	return NULL;
}

/* --- simple signing --- */

static FALLIBLE read_gpg_keys(const struct requirement *requirement, struct strbuf *ret)
{
	AUTO(key_texts) struct key_texts texts = { 0 };

	TRY(key_texts_read(requirement, &texts));
	for (size_t i = 0; i < texts.n; i++)
		TRY(gpg_add_keys((struct str){ texts.p[i].text, texts.p[i].n }, texts.p[i].what,
				ret));
	return NULL;
}

static FALLIBLE read_messages(
		struct verifying *verifying, const struct digest *manifest, struct messages *ret)
{
	struct trust *trust = verifying->trust;

	if (!verifying->has_used)
		return text_equal(verifying->origin->transport, "dir")
				       ? lookaside_read_dir(verifying->origin->path, ret)
				       : NULL;
	TRY(trust_need_registries(trust));
	const char *base = trust_lookaside(trust, &verifying->scopes, false);
	return base ? lookaside_read(trust->client, base, &verifying->used, manifest, ret) : NULL;
}

/* gpgv that is not there, or that was stopped, says nothing of the signature. */
static FALLIBLE check_message(const struct verifying *verifying,
		const struct requirement *requirement, const struct strbuf *keys,
		const struct strbuf *message, const struct digest *manifest)
{
	AUTO(strbuf) struct strbuf payload = { 0 };

	TRY(gpg_verify(&verifying->trust->gpg, strbuf_str(keys), strbuf_str(message), &payload));
	return check_payload(verifying, strbuf_str(&payload), PAYLOAD_SIMPLE,
			&requirement->identity, manifest);
}

static FALLIBLE meets_simple(
		struct verifying *verifying, const struct requirement *requirement, bool *ret)
{
	AUTO(strbuf) struct strbuf keys = { 0 };

	TRY(read_gpg_keys(requirement, &keys));
	for (size_t i = 0; !*ret && i < verifying->n; i++) {
		const struct digest *manifest = &verifying->digests[i];
		AUTO(messages) struct messages messages = { 0 };

		TRY(read_messages(verifying, manifest, &messages));
		for (size_t k = 0; !*ret && k < messages.n; k++) {
			struct error *error = check_message(
					verifying, requirement, &keys, &messages.p[k], manifest);

			*ret = !error;
			if (error && !error_is(error, ERR_DENIED) &&
					!error_is(error, ERR_INVALID) &&
					!error_is(error, ERR_LIMIT))
				return error;
			if (error)
				note(verifying, error);
		}
	}
	return NULL;
}

/* --- all of it --- */

static FALLIBLE not_met(struct verifying *verifying, const struct requirement *requirement)
{
	const char *kind = requirement->kind == REQUIRE_SIGSTORE ? "sigstore" : "GPG";
	const char *file = verifying->trust->policy_file;
	AUTO_FREE char *name = verifying->has_used ? reference_text(&verifying->used)
						   : xstrdup(verifying->origin->path);
	struct error *error = verifying->why ? error_wrap(TAKE(verifying->why),
							       "no %s signature of it counts; the "
							       "first of %zu",
							       kind, verifying->seen)
					     : error_new(ERR_DENIED,
							       "it asks for a %s signature, and "
							       "there is none",
							       kind);

	/* Whatever was wrong with a signature: the image is what is denied. */
	if (!error_is(error, ERR_DENIED)) {
		AUTO(strbuf) struct strbuf text = { 0 };

		error_text(error, &text);
		error_free(error);
		error = error_new(ERR_DENIED, "%s", strbuf_text(&text));
	}
	return error_wrap(
			error, "signature policy '%s' does not allow '%s'", file, name ? name : "");
}

static FALLIBLE check_one(struct verifying *verifying, const struct requirement *requirement)
{
	bool met = false;

	error_free(TAKE(verifying->why));
	verifying->seen = 0;
	switch (requirement->kind) {
	case REQUIRE_NOTHING:
		return NULL;
	case REQUIRE_SIGNED_BY:
		TRY(meets_simple(verifying, requirement, &met));
		break;
	case REQUIRE_SIGSTORE:
		TRY(meets_sigstore(verifying, requirement, &met));
		break;
	case REQUIRE_REJECT:
	case REQUIRE_UNSUPPORTED:
		break;
	}
	return met ? NULL : not_met(verifying, requirement);
}

FALLIBLE trust_verify(struct trust *trust, const struct trust_origin *origin,
		const struct trust_rules *rules, const struct digest *digests, size_t n)
{
	AUTO(verifying)
	struct verifying verifying = {
		.trust = trust, .origin = origin, .digests = digests, .n = n
	};

	if (origin->reference) {
		reference_copy(origin->reference, &verifying.used);
		if (digest_known(&verifying.used.digest))
			free(TAKE(verifying.used.tag));
		policy_docker_scopes(&verifying.used, &verifying.scopes);
		verifying.has_used = true;
	}
	for (size_t i = 0; i < rules->requirements->n; i++)
		TRY(check_one(&verifying, &rules->requirements->p[i]));
	return NULL;
}
