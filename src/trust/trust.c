#include "trust/inside.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "trust/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SYSTEM_DIR "/etc/containers"

struct trust *trust_new(const struct trust_settings *settings, struct registry_client *client,
		struct cancel *cancel)
{
	struct trust *trust = xcalloc(1, sizeof(*trust));

	trust->policy_named = xstrdup(settings->policy);
	trust->config_home = xstrdup(settings->config_home);
	trust->lookaside = xstrdup(settings->lookaside);
	trust->registries_dir = xstrdup(settings->registries_dir);
	trust->tmp_dir = xstrdup(settings->tmp_dir);
	trust->client = client;
	trust->gpg = (struct gpg){ settings->env, trust->tmp_dir, cancel };
	(void)pthread_mutex_init(&trust->lock, NULL);
	return trust;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	free(trust->policy_named);
	free(trust->config_home);
	free(trust->lookaside);
	free(trust->registries_dir);
	free(trust->tmp_dir);
	free(trust->policy_file);
	policy_done(&trust->policy);
	registries_d_done(&trust->registries);
	(void)pthread_mutex_destroy(&trust->lock);
	free(trust);
}

/* --- files --- */

/* *ret stays false when there is no such file. */
static FALLIBLE read_policy(struct trust *trust, const char *path, bool must, bool *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n);

	if (!must && (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR))) {
		error_free(error);
		return NULL;
	}
	TRY_WRAP(error, "signature policy '%s'", path);
	AUTO_FREE char *what = xasprintf("signature policy '%s'", path);
	TRY(policy_parse((struct str){ text, n }, what, &trust->policy));
	trust->policy_file = xstrdup(path);
	*ret = true;
	return NULL;
}

static FALLIBLE find_policy(struct trust *trust)
{
	bool found = false;

	if (trust->policy_named)
		return read_policy(trust, trust->policy_named, true, &found);
	if (trust->config_home) {
		AUTO_FREE char *user = xasprintf("%s/containers/policy.json", trust->config_home);
		TRY(read_policy(trust, user, false, &found));
	}
	return found ? NULL : read_policy(trust, SYSTEM_DIR "/policy.json", false, &found);
}

FALLIBLE trust_need_policy(struct trust *trust)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&trust->lock);
	if (!trust->has_policy)
		error = find_policy(trust);
	trust->has_policy = trust->has_policy || !error;
	(void)pthread_mutex_unlock(&trust->lock);
	return error;
}

static FALLIBLE find_registries(struct trust *trust)
{
	if (trust->registries_dir)
		return registries_d_read(trust->registries_dir, &trust->registries);
	if (trust->config_home) {
		AUTO_FREE char *user = xasprintf("%s/containers/registries.d", trust->config_home);
		if (access(user, F_OK) == 0)
			return registries_d_read(user, &trust->registries);
	}
	return registries_d_read(SYSTEM_DIR "/registries.d", &trust->registries);
}

FALLIBLE trust_need_registries(struct trust *trust)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&trust->lock);
	if (!trust->has_registries)
		error = find_registries(trust);
	trust->has_registries = trust->has_registries || !error;
	(void)pthread_mutex_unlock(&trust->lock);
	return error;
}

const char *trust_lookaside(const struct trust *trust, const struct list *scopes, bool for_writing)
{
	const char *found = registries_d_lookaside(&trust->registries, scopes, for_writing);

	return found ? found : trust->lookaside;
}

/* --- keys --- */

void key_texts_done(struct key_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++) {
		free(texts->p[i].what);
		free(texts->p[i].text);
	}
	vec_done(texts);
}

FALLIBLE key_texts_read(const struct requirement *requirement, struct key_texts *ret)
{
	for (size_t i = 0; i < requirement->key_paths.n; i++) {
		const char *path = requirement->key_paths.p[i];
		struct key_text *key = vec_add(ret);

		key->what = xasprintf("key '%s'", path);
		TRY_WRAP(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &key->text, &key->n),
				"key of the signature policy");
	}
	for (size_t i = 0; i < requirement->key_texts.n; i++) {
		struct key_text *key = vec_add(ret);
		unsigned char *bytes = NULL;

		key->what = xstrdup("keyData");
		if (!base64_decode(str_of(requirement->key_texts.p[i]), &bytes, &key->n))
			return error_new(ERR_INVALID,
					"keyData of the signature policy is not base64");
		key->text = (char *)bytes;
	}
	return NULL;
}

/* --- which rules --- */

static void add_part(struct strbuf *out, const void *bytes, size_t n)
{
	strbuf_addf(out, "%zu:", n);
	strbuf_add_bytes(out, bytes, n);
}

static void add_text(struct strbuf *out, const char *text)
{
	add_part(out, text ? text : "", text ? strlen(text) : 0);
}

static FALLIBLE add_requirement(const struct requirement *requirement, struct strbuf *out)
{
	AUTO(key_texts) struct key_texts keys = { 0 };

	strbuf_addf(out, "%d %d ", (int)requirement->kind, (int)requirement->identity.kind);
	add_text(out, requirement->identity.name);
	add_text(out, requirement->identity.prefix);
	add_text(out, requirement->identity.signed_prefix);
	TRY(key_texts_read(requirement, &keys));
	for (size_t i = 0; i < keys.n; i++)
		add_part(out, keys.p[i].text, keys.p[i].n);
	strbuf_add_char(out, '\n');
	return NULL;
}

static void add_scopes(const struct trust_origin *origin, struct list *ret)
{
	if (origin->scopes)
		list_add_all(ret, origin->scopes);
	else if (origin->reference)
		policy_docker_scopes(origin->reference, ret);
	else if (origin->path)
		policy_path_scopes(origin->path, origin->name, ret);
}

/* How the user would name it. New; free(). */
static char *origin_text(const struct trust_origin *origin)
{
	if (origin->reference)
		return reference_text(origin->reference);
	return xasprintf("%s:%s%s%s", origin->transport, origin->path ? origin->path : "",
			origin->name ? ":" : "", origin->name ? origin->name : "");
}

static struct error *refused(
		const struct trust *trust, const struct trust_origin *origin, struct error *why)
{
	AUTO_FREE char *name = origin_text(origin);

	return error_wrap(
			why, "signature policy '%s' does not allow '%s'", trust->policy_file, name);
}

FALLIBLE trust_rules(
		struct trust *trust, const struct trust_origin *origin, struct trust_rules *ret)
{
	AUTO(list) struct list scopes = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };
	bool asks = false;

	TRY(trust_need_policy(trust));
	*ret = (struct trust_rules){ .answer = TRUST_ACCEPT };
	if (!trust->policy_file)
		return NULL;
	add_scopes(origin, &scopes);
	ret->requirements = policy_find(&trust->policy, origin->transport, &scopes);
	add_text(&text, origin->transport);
	add_text(&text, scopes.n ? scopes.p[0] : NULL);
	for (size_t i = 0; i < ret->requirements->n; i++) {
		const struct requirement *requirement = &ret->requirements->p[i];

		if (requirement->kind == REQUIRE_REJECT)
			return refused(trust, origin,
					error_new(ERR_DENIED, "it rejects it: Source image "
							      "rejected: Running image is rejected "
							      "by policy."));
		if (requirement->kind == REQUIRE_UNSUPPORTED)
			return refused(trust, origin,
					error_hint(error_new(ERR_DENIED,
								   "it asks for %s, which kiln "
								   "does not "
								   "verify",
								   requirement->refused),
							"kiln verifies signatures by keys: "
							"sigstoreSigned and signedBy with "
							"keyPath or keyData"));
		asks = asks || requirement->kind != REQUIRE_NOTHING;
		TRY(add_requirement(requirement, &text));
	}
	ret->answer = asks ? TRUST_ASK : TRUST_ACCEPT;
	ret->key = digest_of(text.p, text.n);
	return NULL;
}
