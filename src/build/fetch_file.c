#include "build/fetch_file.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "build/judge.h"
#include "build/source_auth.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

void fetched_file_done(struct fetched_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	file->fd = -1;
	scratch_done(&file->scratch);
	download_done(&file->download);
}

/* What the source policy says it is. */
static FALLIBLE check_wanted(const struct download *download, const char *wanted)
{
	char got[DIGEST_TEXT];

	if (!wanted || strcmp(digest_text(&download->digest, got), wanted) == 0)
		return NULL;
	return error_new(ERR_DIGEST, "it is %s, and the source policy says %s", got, wanted);
}

static FALLIBLE fetch(const struct sources *sources, const char *url, const struct download *known,
		uint64_t limit, struct fetched_file *ret)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };
	AUTO_FREE char *judged = NULL, *wanted = NULL;

	TRY(judge_url(sources->policy, url, NULL, &judged, &wanted));
	file.is_converted = strcmp(judged, url) != 0;
	struct download_request request = {
		.url = judged,
		.etag = known && !file.is_converted ? known->etag : NULL,
		.last_modified = known && !file.is_converted ? known->last_modified : NULL,
		.limit = limit,
	};

	if (!sources->registry || !sources->store)
		return error_new(ERR_UNSUPPORTED, "there is no network to fetch '%s' with", url);
	TRY(scratch_make(sources->store, &file.scratch));
	TRY(file_open(file.scratch.fd, FETCHED_FILE, O_RDWR | O_CREAT | O_EXCL, 0600, &file.fd));
	AUTO(source_auth) char *authorization = source_auth_http(sources, judged);
	request.authorization = authorization;
	TRY(registry_download(sources->registry, &request, file.fd, &file.download));
	TRY(check_wanted(file.download.is_unchanged ? known : &file.download, wanted));
	if (lseek(file.fd, 0, SEEK_SET) != 0)
		return error_sys("go to the start of a download");
	*ret = file;
	file = (struct fetched_file){ .fd = -1 };
	return NULL;
}

FALLIBLE fetch_file_if_changed(const struct sources *sources, const char *url,
		const struct download *known, struct fetched_file *ret)
{
	return fetch(sources, url, known, LIMIT_CONTEXT_BYTES, ret);
}

FALLIBLE fetch_file(const struct sources *sources, const char *url, struct fetched_file *ret)
{
	return fetch(sources, url, NULL, LIMIT_CONTEXT_BYTES, ret);
}

FALLIBLE fetch_text(const struct sources *sources, const char *url, size_t limit, char **ret,
		size_t *ret_bytes)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };

	TRY(fetch(sources, url, NULL, limit, &file));
	return fd_read_all(file.fd, limit, ret, ret_bytes);
}

int64_t fetch_time(const struct download *download)
{
	const char *text = download->last_modified;
	struct tm date = { 0 };
	const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date) : NULL;

	return end ? timegm(&date) : 0;
}
