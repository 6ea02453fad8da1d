#include "trust/identity.h"

#include "base/str.h"
#include "base/xalloc.h"

#include <string.h>

void identity_rule_done(struct identity_rule *rule)
{
	free(rule->name);
	free(rule->prefix);
	free(rule->signed_prefix);
	*rule = (struct identity_rule){ 0 };
}

/* A tag stands behind the last slash; reference_parse() adds one where neither is written. */
static bool has_tag_or_digest(const char *text)
{
	const char *slash = strrchr(text, '/');

	return strchr(text, '@') || strchr(slash ? slash : text, ':');
}

static struct error *differs(const char *signed_name, const char *wanted)
{
	return error_new(ERR_DENIED, "it is signed as '%.300s', not as '%s'", signed_name, wanted);
}

static FALLIBLE same_repository(
		const struct reference *used, const struct reference *is, const char *signed_name)
{
	if (text_equal(used->host, is->host) && text_equal(used->repository, is->repository))
		return NULL;
	AUTO_FREE char *wanted = reference_name(used);
	return differs(signed_name, wanted);
}

/* Name, tag and digest as written. */
static FALLIBLE same_name(
		const struct reference *used, const struct reference *is, const char *signed_name)
{
	AUTO_FREE char *wanted = reference_text(used), *got = reference_text(is);

	if (has_tag_or_digest(signed_name) && strcmp(wanted, got) == 0)
		return NULL;
	return differs(signed_name, wanted);
}

/* A tag must be the one that was signed; a digest says by itself which image is meant. */
static FALLIBLE repo_digest_or_exact(
		const struct reference *used, const struct reference *is, const char *signed_name)
{
	AUTO_FREE char *wanted = reference_text(used);

	if (!has_tag_or_digest(signed_name))
		return error_hint(differs(signed_name, wanted),
				"a signature without a tag, as cosign makes it, needs "
				"\"signedIdentity\": {\"type\": \"matchRepository\"}");
	return digest_known(&used->digest) ? same_repository(used, is, signed_name)
					   : same_name(used, is, signed_name);
}

/* The image's name with the rule's prefix exchanged; one that does not begin so stays. */
static FALLIBLE remap(const struct identity_rule *rule, const struct reference *used,
		struct reference *ret)
{
	AUTO_FREE char *text = reference_text(used), *name = reference_name(used);
	size_t n = strlen(rule->prefix);

	/* Of the name alone: behind a host a colon is its port, which makes it another host. */
	if (strncmp(name, rule->prefix, n) != 0 || (name[n] && name[n] != '/')) {
		reference_copy(used, ret);
		return NULL;
	}
	AUTO_FREE char *other = xasprintf("%s%s", rule->signed_prefix, text + n);
	return reference_parse(str_of(other), ret);
}

static FALLIBLE check_remapped(const struct identity_rule *rule, const struct reference *used,
		const struct reference *is, const char *signed_name)
{
	AUTO(reference) struct reference other = { 0 };

	TRY(remap(rule, used, &other));
	return repo_digest_or_exact(&other, is, signed_name);
}

FALLIBLE identity_check(const struct identity_rule *rule, const struct reference *used,
		const char *signed_name)
{
	AUTO(reference) struct reference is = { 0 }, fixed = { 0 };

	TRY_WRAP(reference_parse(str_of(signed_name), &is), "the name in the signature");
	if (rule->kind == IDENTITY_EXACT_REFERENCE || rule->kind == IDENTITY_EXACT_REPOSITORY) {
		TRY(reference_parse(str_of(rule->name), &fixed));
		used = &fixed;
	}
	if (!used)
		return error_hint(error_new(ERR_DENIED, "the image comes from a file and has no "
							"name that a signature could speak of"),
				"name it in the policy with exactReference or exactRepository");
	switch (rule->kind) {
	case IDENTITY_REPO_DIGEST_OR_EXACT:
		return repo_digest_or_exact(used, &is, signed_name);
	case IDENTITY_EXACT:
	case IDENTITY_EXACT_REFERENCE:
		return same_name(used, &is, signed_name);
	case IDENTITY_REPOSITORY:
	case IDENTITY_EXACT_REPOSITORY:
		return same_repository(used, &is, signed_name);
	case IDENTITY_REMAP:
		return check_remapped(rule, used, &is, signed_name);
	}
	return error_new(ERR_DENIED, "no rule for the name in the signature");
}
