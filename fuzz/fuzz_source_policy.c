/*
 * Source policies: the first line is a source, the rest is the policy that it is asked of. Whatever
 * that says, asking ends, and what came out of BuildKit's rules comes out of them again.
 */
#include "trust/source_policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A copy of the source as the policy would have it; NULL: denied. */
static char *judge(const struct source_policy *policy, const char *source, struct list *attributes)
{
	char *now = xstrdup(source);
	struct error *error = source_policy_judge(policy, &now, attributes);

	if (!error)
		return now;
	if (error->kind != ERR_DENIED && error->kind != ERR_LIMIT)
		abort();
	error_free(error);
	free(now);
	return NULL;
}

static void ask(struct str json, const char *source, bool first_wins)
{
	AUTO(source_policy) struct source_policy *policy = NULL;
	AUTO(list) struct list attributes = { 0 };
	struct error *error = source_policy_parse(json, "P", first_wins, &policy);

	if (error) {
		error_free(error);
		return;
	}
	list_add(&attributes, "http.checksum=sha256:00");
	AUTO_FREE char *once = judge(policy, source, &attributes);
	if (!once || first_wins)
		return;
	AUTO_FREE char *again = judge(policy, once, &attributes);
	if (!again || strcmp(once, again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str line, json;

	(void)str_cut((struct str){ (const char *)bytes, size }, '\n', &line, &json);
	AUTO_FREE char *source = str_dup(line);

	ask(json, source, false);
	ask(json, source, true);
	return 0;
}
