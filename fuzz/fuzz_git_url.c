/* What is taken for a git repository gives nothing that git could take for an option. */
#include "dockerfile/git_url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct git_url *url)
{
	assert(url->remote[0] && url->remote[0] != '-');
	assert(!strpbrk(url->remote, " \t\n\r#?"));
	if (url->ref)
		assert(url->ref[0] && url->ref[0] != '-' && !strpbrk(url->ref, " :*?[\\\n\t"));
	if (url->subdir)
		assert(url->subdir[0] && url->subdir[0] != '/' &&
				strncmp(url->subdir, "../", 3) != 0 &&
				strcmp(url->subdir, "..") != 0);
	if (url->checksum)
		assert(git_is_commit(url->checksum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(git_url) struct git_url url = { 0 };
	AUTO_FREE char *text = str_dup((struct str){ (const char *)data, size });
	AUTO_FREE char *shown = git_url_shown(text);

	assert(strlen(shown) <= strlen(text));
	if (!git_url_matches(text, true))
		return 0;
	struct error *error = git_url_parse(text, &url);
	if (error) {
		assert(error->message && *error->message);
		error_free(error);
		return 0;
	}
	check(&url);
	return 0;
}
