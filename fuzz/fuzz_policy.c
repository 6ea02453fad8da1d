/*
 * policy.json: what is read can be asked, whatever it says; an image that no scope speaks of gets
 * the default.
 */
#include "trust/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void ask(const struct policy *policy, const char *name)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(list) struct list scopes = { 0 };
	struct error *error = reference_parse(str_of(name), &reference);

	if (error) {
		error_free(error);
		return;
	}
	policy_docker_scopes(&reference, &scopes);
	const struct requirements *found = policy_find(policy, "docker", &scopes);
	if (!found->n)
		abort();
	for (size_t i = 0; i < found->n; i++) {
		const struct requirement *one = &found->p[i];

		if (one->kind < REQUIRE_NOTHING || one->kind > REQUIRE_UNSUPPORTED)
			abort();
		if (one->kind == REQUIRE_SIGNED_BY || one->kind == REQUIRE_SIGSTORE) {
			if (!one->key_paths.n && !one->key_texts.n)
				abort();
			error_free(identity_check(&one->identity, &reference, name));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO(policy) struct policy policy = { 0 };
	struct error *error = policy_parse((struct str){ (const char *)bytes, size }, "P", &policy);

	if (error) {
		error_free(error);
		return 0;
	}
	ask(&policy, "busybox");
	ask(&policy, "r.example:5000/team/app:1");
	for (size_t i = 0; i < policy.scopes.n && i < 16; i++)
		ask(&policy, policy.scopes.p[i].scope);
	if (policy_find(&policy, "nowhere", &(struct list){ 0 }) != &policy.fallback &&
			!policy.scopes.n)
		abort();
	return 0;
}
