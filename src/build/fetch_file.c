#include "build/fetch_file.h"
#include "base/limits.h"
#include "build/source_auth.h"
#include "sys/fd.h"

#include <fcntl.h>

void fetched_file_done(struct fetched_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	file->fd = -1;
	scratch_done(&file->scratch);
	download_done(&file->download);
}

FALLIBLE fetch_file_if_changed(const struct sources *sources, const char *url,
		const struct download *known, struct fetched_file *ret)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };
	struct download_request request = {
		.url = url,
		.etag = known ? known->etag : NULL,
		.last_modified = known ? known->last_modified : NULL,
		.limit = LIMIT_CONTEXT_BYTES,
	};

	if (!sources->registry || !sources->store)
		return error_new(ERR_UNSUPPORTED, "there is no network to fetch '%s' with", url);
	TRY(scratch_make(sources->store, &file.scratch));
	TRY(file_open(file.scratch.fd, FETCHED_FILE, O_RDWR | O_CREAT | O_EXCL, 0600, &file.fd));
	AUTO(source_auth) char *authorization = source_auth_http(sources, url);
	request.authorization = authorization;
	TRY(registry_download(sources->registry, &request, file.fd, &file.download));
	if (lseek(file.fd, 0, SEEK_SET) != 0)
		return error_sys("go to the start of a download");
	*ret = file;
	file = (struct fetched_file){ .fd = -1 };
	return NULL;
}

FALLIBLE fetch_file(const struct sources *sources, const char *url, struct fetched_file *ret)
{
	return fetch_file_if_changed(sources, url, NULL, ret);
}
