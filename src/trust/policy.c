#include "trust/policy.h"

#include "base/limits.h"
#include "oci/json.h"
#include "sys/path.h"

#include <string.h>
#include <strings.h>

/* Requirements of one scope, and keys of one requirement: nobody has a tenth of that. */
enum { REQUIREMENTS_MAX = 64, KEYS_MAX = 64 };

static void requirements_done(struct requirements *requirements)
{
	for (size_t i = 0; i < requirements->n; i++) {
		struct requirement *requirement = &requirements->p[i];

		list_done(&requirement->key_paths);
		list_done(&requirement->key_texts);
		identity_rule_done(&requirement->identity);
		free(requirement->refused);
	}
	vec_done(requirements);
}

void policy_done(struct policy *policy)
{
	requirements_done(&policy->fallback);
	for (size_t i = 0; i < policy->scopes.n; i++) {
		free(policy->scopes.p[i].transport);
		free(policy->scopes.p[i].scope);
		requirements_done(&policy->scopes.p[i].requirements);
	}
	vec_done(&policy->scopes);
}

/* --- reading --- */

/* keys: "a b c". */
static FALLIBLE only_keys(const struct json_field *object, const char *keys)
{
	const char *key;
	json_t *value;

	json_object_foreach(object->value, key, value)
	{
		struct json_field member = { .value = value, .up = object, .key = key };
		struct str rest = str_of(keys), one;
		bool is_known = false;

		while (rest.n && !is_known) {
			str_cut(rest, ' ', &one, &rest);
			is_known = str_is(one, key);
		}
		if (!is_known)
			return json_complain(&member, "is no key that belongs there");
	}
	return NULL;
}

/* What an identity's type needs besides it. */
static const struct {
	const char *type, *keys;
	enum identity_kind kind;
} identities[] = {
	{ "matchExact", "type", IDENTITY_EXACT },
	{ "matchRepoDigestOrExact", "type", IDENTITY_REPO_DIGEST_OR_EXACT },
	{ "matchRepository", "type", IDENTITY_REPOSITORY },
	{ "exactReference", "type dockerReference", IDENTITY_EXACT_REFERENCE },
	{ "exactRepository", "type dockerRepository", IDENTITY_EXACT_REPOSITORY },
	{ "remapIdentity", "type prefix signedPrefix", IDENTITY_REMAP },
};

static FALLIBLE check_name(
		const struct json_field *object, const char *key, const char *text, bool needs_tag)
{
	AUTO(reference) struct reference reference = { 0 };
	struct json_field member = { .up = object, .key = key };
	const char *slash = strrchr(text, '/');
	bool has_tag = strchr(text, '@') || strchr(slash ? slash : text, ':');
	struct error *error = reference_parse(str_of(text), &reference);

	if (error) {
		error_free(error);
		return json_complain(&member, "is no name of an image");
	}
	if (has_tag != needs_tag)
		return json_complain(&member, needs_tag ? "needs a tag or digest"
							: "must have no tag and no digest");
	return NULL;
}

static FALLIBLE check_prefix(const struct json_field *object, const char *key, const char *text)
{
	struct json_field member = { .up = object, .key = key };

	if (!*text || text_ends(text, "/") || strstr(text, "://") || strchr(text, '*') ||
			strchr(text, '@'))
		return json_complain(&member, "is no HOST[:PORT][/PATH]");
	return NULL;
}

static FALLIBLE read_identity_names(const struct json_field *object, struct identity_rule *ret)
{
	switch (ret->kind) {
	case IDENTITY_EXACT:
	case IDENTITY_REPO_DIGEST_OR_EXACT:
	case IDENTITY_REPOSITORY:
		return NULL;
	case IDENTITY_EXACT_REFERENCE:
		TRY(json_get_text(object, "dockerReference", JSON_MUST, &ret->name));
		return check_name(object, "dockerReference", ret->name, true);
	case IDENTITY_EXACT_REPOSITORY:
		TRY(json_get_text(object, "dockerRepository", JSON_MUST, &ret->name));
		return check_name(object, "dockerRepository", ret->name, false);
	case IDENTITY_REMAP:
		TRY(json_get_text(object, "prefix", JSON_MUST, &ret->prefix));
		TRY(json_get_text(object, "signedPrefix", JSON_MUST, &ret->signed_prefix));
		TRY(check_prefix(object, "prefix", ret->prefix));
		return check_prefix(object, "signedPrefix", ret->signed_prefix);
	}
	return NULL;
}

static FALLIBLE read_identity(const struct json_field *requirement, struct identity_rule *ret)
{
	struct json_field object = { 0 };
	AUTO_FREE char *type = NULL;

	ret->kind = IDENTITY_REPO_DIGEST_OR_EXACT;
	TRY(json_get_object(requirement, "signedIdentity", JSON_MAY, &object));
	if (!object.value)
		return NULL;
	TRY(json_get_text(&object, "type", JSON_MUST, &type));
	for (size_t i = 0; i < COUNT(identities); i++)
		if (strcmp(identities[i].type, type) == 0) {
			ret->kind = identities[i].kind;
			TRY(only_keys(&object, identities[i].keys));
			return read_identity_names(&object, ret);
		}
	return json_complain(&(struct json_field){ .up = &object, .key = "type" },
			"is none of matchExact, matchRepoDigestOrExact, matchRepository, "
			"exactReference, exactRepository and remapIdentity");
}

/* One of keyPath, keyPaths, keyData, keyDatas. */
static FALLIBLE read_keys(const struct json_field *object, struct requirement *ret)
{
	AUTO_FREE char *path = NULL, *text = NULL;
	int ways = json_has(object, "keyPath") + json_has(object, "keyPaths") +
		   json_has(object, "keyData") + json_has(object, "keyDatas");

	if (ways != 1)
		return json_complain(object, "needs exactly one of keyPath, keyPaths and keyData");
	TRY(json_get_text(object, "keyPath", JSON_MAY, &path));
	TRY(json_get_text(object, "keyData", JSON_MAY, &text));
	TRY(json_get_list(object, "keyPaths", &ret->key_paths, NULL));
	TRY(json_get_list(object, "keyDatas", &ret->key_texts, NULL));
	if (path)
		list_add(&ret->key_paths, path);
	if (text)
		list_add(&ret->key_texts, text);
	size_t n = ret->key_paths.n + ret->key_texts.n;
	if (n == 0)
		return json_complain(object, "names no key");
	if (n > KEYS_MAX)
		return error_new(
				ERR_LIMIT, "a requirement with %zu keys (at most %d)", n, KEYS_MAX);
	return NULL;
}

static FALLIBLE read_signed_by(const struct json_field *object, struct requirement *ret)
{
	static const char *const others[] = { "signedByGPGKeys", "X509Certificates",
		"signedByX509CAs" };
	AUTO_FREE char *type = NULL;

	TRY(only_keys(object, "type keyType keyPath keyPaths keyData signedIdentity"));
	TRY(json_get_text(object, "keyType", JSON_MUST, &type));
	TRY(read_keys(object, ret));
	TRY(read_identity(object, &ret->identity));
	ret->kind = REQUIRE_SIGNED_BY;
	if (strcmp(type, "GPGKeys") == 0)
		return NULL;
	for (size_t i = 0; i < COUNT(others); i++)
		if (strcmp(type, others[i]) == 0) {
			ret->kind = REQUIRE_UNSUPPORTED;
			ret->refused = xasprintf("signedBy with keyType '%s'", type);
			return NULL;
		}
	return json_complain(
			&(struct json_field){ .up = object, .key = "keyType" }, "is not GPGKeys");
}

/* What proves a signature without a key that we were given, or besides it. */
static FALLIBLE read_sigstore(const struct json_field *object, struct requirement *ret)
{
	static const char *const foreign[] = { "fulcio", "pki", "rekorPublicKeyPath",
		"rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas" };

	TRY(only_keys(object, "type keyPath keyPaths keyData keyDatas signedIdentity fulcio pki "
			      "rekorPublicKeyPath rekorPublicKeyPaths rekorPublicKeyData "
			      "rekorPublicKeyDatas"));
	TRY(read_identity(object, &ret->identity));
	ret->kind = REQUIRE_SIGSTORE;
	for (size_t i = 0; i < COUNT(foreign); i++)
		if (json_has(object, foreign[i])) {
			ret->kind = REQUIRE_UNSUPPORTED;
			ret->refused = xasprintf("sigstoreSigned with '%s'", foreign[i]);
			return NULL;
		}
	return read_keys(object, ret);
}

static FALLIBLE read_requirement(const struct json_field *object, struct requirement *ret)
{
	AUTO_FREE char *type = NULL;

	TRY(json_get_text(object, "type", JSON_MUST, &type));
	if (strcmp(type, "signedBy") == 0)
		return read_signed_by(object, ret);
	if (strcmp(type, "sigstoreSigned") == 0)
		return read_sigstore(object, ret);
	if (strcmp(type, "signedBaseLayer") == 0) {
		ret->kind = REQUIRE_UNSUPPORTED;
		ret->refused = xstrdup(type);
		return only_keys(object, "type baseLayerIdentity");
	}
	if (strcmp(type, "insecureAcceptAnything") == 0)
		ret->kind = REQUIRE_NOTHING;
	else if (strcmp(type, "reject") == 0)
		ret->kind = REQUIRE_REJECT;
	else
		return json_complain(&(struct json_field){ .up = object, .key = "type" },
				"is none of insecureAcceptAnything, reject, signedBy and "
				"sigstoreSigned");
	return only_keys(object, "type");
}

static FALLIBLE read_requirements(
		const struct json_field *object, const char *key, struct requirements *ret)
{
	struct json_field array;

	TRY(json_get_array(object, key, JSON_MUST, &array));
	if (json_count(&array) == 0)
		return json_complain(&array, "is an empty list; write insecureAcceptAnything or "
					     "reject");
	if (json_count(&array) > REQUIREMENTS_MAX)
		return json_complain(&array, "has more than %d requirements", REQUIREMENTS_MAX);
	for (size_t i = 0; i < json_count(&array); i++) {
		struct json_field item;

		TRY(json_item_object(&array, i, &item));
		TRY(read_requirement(&item, vec_add(ret)));
	}
	return NULL;
}

/* "[overlay@/graph/root]name", "[/graph/root]" */
static FALLIBLE check_storage_scope(const struct json_field *member, const char *scope)
{
	struct str store = str_of(scope), driver, root, name;

	if (!str_starts(store, "[") || !str_cut(store, ']', &store, &name))
		return json_complain(
				member, "does not begin with [GRAPHROOT] or [DRIVER@GRAPHROOT]");
	store = str_slice(store, 1, store.n);
	if (!str_cut(store, '@', &driver, &root))
		root = store;
	if (!str_starts(root, "/"))
		return json_complain(member, "names no absolute path of a store");
	return NULL;
}

/* Transports of files name absolute, clean paths; archives of Docker and root file systems none. */
static FALLIBLE check_scope(
		const struct json_field *scopes, const char *transport, const char *scope)
{
	struct json_field member = { .up = scopes, .key = scope };
	bool has_none = strcmp(transport, "docker-archive") == 0 ||
			strcmp(transport, "tarball") == 0;
	bool has_paths = strcmp(transport, "oci") == 0 || strcmp(transport, "dir") == 0 ||
			 strcmp(transport, "oci-archive") == 0;

	if (!*scope)
		return NULL;
	if (strcmp(transport, "containers-storage") == 0)
		return check_storage_scope(&member, scope);
	if (has_none)
		return json_complain(
				&member, "is a scope; '%s' has the scope \"\" alone", transport);
	if (!has_paths)
		return NULL;
	if (scope[0] != '/')
		return json_complain(&member, "is no absolute path");
	AUTO_FREE char *clean = path_clean(str_of(scope));
	if (strcmp(scope, "/") == 0 || strcmp(clean, scope + 1) != 0)
		return json_complain(&member, "is not the shortest form of a path below '/'");
	return NULL;
}

static FALLIBLE read_transport(
		const struct json_field *transports, const char *name, struct policy *ret)
{
	struct json_field scopes;
	const char *key;
	json_t *value;

	TRY(json_get_object(transports, name, JSON_MUST, &scopes));
	json_object_foreach(scopes.value, key, value)
	{
		if (ret->scopes.n >= LIMIT_LIST_ENTRIES)
			return error_new(ERR_LIMIT, "more than %d scopes", LIMIT_LIST_ENTRIES);
		TRY(check_scope(&scopes, name, key));
		struct policy_scope *scope = vec_add(&ret->scopes);
		scope->transport = xstrdup(name);
		scope->scope = xstrdup(key);
		TRY(read_requirements(&scopes, key, &scope->requirements));
	}
	return NULL;
}

static FALLIBLE read_policy(const struct json_field *root, struct policy *ret)
{
	struct json_field transports = { 0 };
	const char *key;
	json_t *value;

	TRY(only_keys(root, "default transports"));
	TRY(read_requirements(root, "default", &ret->fallback));
	TRY(json_get_object(root, "transports", JSON_MAY, &transports));
	if (!transports.value)
		return NULL;
	json_object_foreach(transports.value, key, value)
			TRY(read_transport(&transports, key, ret));
	return NULL;
}

FALLIBLE policy_parse(struct str text, const char *what, struct policy *ret)
{
	AUTO(policy) struct policy policy = { 0 };
	json_auto_t *value = NULL;
	struct json_field root;

	TRY(json_parse(text, LIMIT_SETTINGS_BYTES, what, &value));
	TRY(json_root(value, what, &root));
	TRY(read_policy(&root, &policy));
	*ret = TAKE_VALUE(policy);
	return NULL;
}

/* --- looking up --- */

/* Names of hosts are the same in any case; what stands behind one is not, and neither is a path. */
static bool is_same_scope(const char *transport, const char *a, const char *b)
{
	size_t n = strcmp(transport, "docker") == 0 ? strcspn(a, "/") : 0;

	return strncasecmp(a, b, n) == 0 && strcmp(a + n, b + n) == 0;
}

static const struct requirements *find_scope(
		const struct policy *policy, const char *transport, const char *scope)
{
	for (size_t i = 0; i < policy->scopes.n; i++)
		if (strcmp(policy->scopes.p[i].transport, transport) == 0 &&
				is_same_scope(transport, policy->scopes.p[i].scope, scope))
			return &policy->scopes.p[i].requirements;
	return NULL;
}

const struct requirements *policy_find(
		const struct policy *policy, const char *transport, const struct list *scopes)
{
	const struct requirements *found = NULL;

	for (size_t i = 0; i < scopes->n && !found; i++)
		found = find_scope(policy, transport, scopes->p[i]);
	if (!found)
		found = find_scope(policy, transport, "");
	return found ? found : &policy->fallback;
}

/* "a.b.example:5000" is in *.b.example and *.example. */
static void add_domains(const char *host, struct list *ret)
{
	AUTO_FREE char *name = xstrndup(host, strcspn(host, ":"));

	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		list_addf(ret, "*%s", dot);
}

static void add_docker_scopes(const struct reference *reference, const char *host, struct list *ret)
{
	AUTO_FREE char *name = xasprintf("%s/%s", host, reference->repository);
	char digest[DIGEST_TEXT];

	if (digest_known(&reference->digest))
		list_addf(ret, "%s@%s", name, digest_text(&reference->digest, digest));
	else
		list_addf(ret, "%s:%s", name, reference->tag ? reference->tag : "latest");
	for (char *slash = name + strlen(name); slash; slash = strrchr(name, '/')) {
		*slash = '\0';
		list_add(ret, name);
	}
}

void policy_docker_scopes(const struct reference *reference, struct list *ret)
{
	static const char https_port[] = ":443";
	const char *host = reference->host;
	size_t n = strlen(host) > strlen(https_port) ? strlen(host) - strlen(https_port) : 0;

	add_docker_scopes(reference, host, ret);
	/* The same registry as without: its rules are not passed by for writing the port. */
	if (n > 0 && strcmp(host + n, https_port) == 0) {
		AUTO_FREE char *plain = xstrndup(host, n);

		add_docker_scopes(reference, plain, ret);
	}
	add_domains(host, ret);
}

void policy_storage_scopes(const char *root, const struct reference *reference, const char *id,
		struct list *ret)
{
	AUTO_FREE char *store = xasprintf("[overlay@%s]", root);
	AUTO(list) struct list names = { 0 };

	if (reference)
		add_docker_scopes(reference, reference->host, &names);
	else if (id)
		list_addf(&names, "@%s", id);
	for (size_t i = 0; i < names.n; i++)
		list_addf(ret, "%s%s", store, names.p[i]);
	list_add(ret, store);
	list_addf(ret, "[%s]", root);
}

void policy_path_scopes(const char *path, const char *name, struct list *ret)
{
	AUTO_FREE char *folder = xstrdup(path);

	if (name)
		list_addf(ret, "%s:%s", path, name);
	for (char *slash = folder + strlen(folder); slash && slash != folder;
			slash = strrchr(folder, '/')) {
		*slash = '\0';
		list_add(ret, folder);
	}
}
