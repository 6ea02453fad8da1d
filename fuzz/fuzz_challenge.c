/* What registries say in headers, and registries.conf: the small grammars of the client. */
#include "base/strbuf.h"
#include "registry/challenge.h"
#include "registry/registries_conf.h"
#include "registry/retry.h"
#include "registry/url.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address(struct str text)
{
	AUTO(url) struct url base = url_make(true, "r.example", "/v2/a/blobs/uploads/1?x=/y");
	AUTO(url) struct url url = { 0 }, again = { 0 };
	struct error *error = url_resolve(&base, text, &url);

	if (error) {
		error_free(error);
		return;
	}
	assert(url.is_https); /* never a step down */
	AUTO_FREE char *written = url_text(&url), *twice = NULL;
	assert(url_parse(str_of(written), &again) == NULL);
	twice = url_text(&again);
	assert(strcmp(written, twice) == 0);
	assert(url_same_origin(&url, &again));
}

static void conf(struct str text)
{
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	error_free(registries_conf_add(&conf, &(struct conf_file){ text, "fuzz", false }));
	const struct conf_registry *found =
			registries_conf_find(&conf, "r.example:5000/team/image");
	if (found)
		free(conf_rewrite("r.example:5000/team/image", found->prefix,
				found->itself.location));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	AUTO(challenges) struct challenges challenges = { 0 };
	AUTO_FREE char *copy = xstrndup((const char *)data, size);

	challenges_parse(text, &challenges);
	assert(challenges.n <= CHALLENGES_MAX);
	(void)challenges_best(&challenges);
	(void)retry_after_ms(copy, 0);
	(void)host_is_loopback(copy);
	address(text);
	conf(text);
	return 0;
}
