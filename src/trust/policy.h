/*
 * policy: what policy.json says must hold of an image before it is used, by where it comes from.
 *
 * Read strictly, as containers/image does: an unknown key, a key twice, a missing default, an empty
 * list of requirements and a requirement that cannot be made sense of are ERR_INVALID with the way
 * to the field. A requirement that is understood and not offered here (keyless sigstore) is kept
 * with its reason, and refuses every image that it is asked about.
 *
 * Floor: trust (pure). Constant once read.
 * Spec: containers-policy.json(5).
 */
#pragma once
#include "base/auto.h"
#include "base/str.h"
#include "base/vec.h"
#include "trust/identity.h"

enum requirement_kind {
	REQUIRE_NOTHING = 1, /* insecureAcceptAnything */
	REQUIRE_REJECT,
	REQUIRE_SIGNED_BY, /* a simple signature by a GPG key */
	REQUIRE_SIGSTORE,  /* a sigstore signature by a key */
	REQUIRE_UNSUPPORTED,
};

struct requirement {
	enum requirement_kind kind;
	struct list key_paths; /* any of them */
	struct list key_texts; /* keys in base64, as keyData has them; any of them */
	struct identity_rule identity;
	char *refused; /* REQUIRE_UNSUPPORTED: what is not offered */
};

/* All of them must hold. */
struct requirements {
	struct requirement *p;
	size_t n, capacity;
};

struct policy_scope {
	char *transport; /* "docker"; "" in the default */
	char *scope;     /* "r.example/team"; "" is the whole transport */
	struct requirements requirements;
};

struct policy {
	struct requirements fallback;
	VEC(struct policy_scope) scopes;
};

/* what names the file in messages. */
FALLIBLE policy_parse(struct str text, const char *what, struct policy *ret);
void policy_done(struct policy *policy);

/*
 * The requirements of the first scope that the policy speaks of, else those of the whole transport,
 * else the default.
 */
const struct requirements *policy_find(
		const struct policy *policy, const char *transport, const struct list *scopes);

/*
 * Scopes that an image belongs to, the narrowest first, added to *ret. A docker name: the name with
 * its tag or digest, each folder of it, the host, *.domain. A path: PATH:NAME, PATH, its folders.
 */
void policy_docker_scopes(const struct reference *reference, struct list *ret);
void policy_path_scopes(const char *path, const char *name, struct list *ret);
/*
 * Of Podman's store: "[overlay@/root]" in front of the name and its folders (NULL: of "@ID"), of
 * nothing, and "[/root]".
 */
void policy_storage_scopes(const char *root, const struct reference *reference, const char *id,
		struct list *ret);

DEFINE_AUTO_VALUE(policy)
