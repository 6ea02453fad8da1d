#include "trust/lookaside.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "registry/download.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define FOLDER "file://"

void messages_done(struct messages *messages)
{
	for (size_t i = 0; i < messages->n; i++)
		strbuf_done(&messages->p[i]);
	vec_done(messages);
}

/* "BASE/library/busybox@sha256=0123…": a reference holds no ".." */
static char *place_of(
		const char *base, const struct reference *reference, const struct digest *manifest)
{
	char hex[DIGEST_HEX];

	return xasprintf("%s/%s@sha256=%s", base, reference->repository, digest_hex(manifest, hex));
}

static FALLIBLE read_file(const char *path, struct strbuf *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_SIGNATURE_BYTES, &text, &n));
	strbuf_add_bytes(ret, text, n);
	return NULL;
}

static FALLIBLE read_web(struct registry_client *client, const char *url, struct strbuf *ret)
{
	AUTO(download) struct download download = { 0 };
	AUTO_FREE char *text = NULL;
	AUTO_FD int fd = memfd_create("kiln-signature", MFD_CLOEXEC);
	const struct download_request request = { .url = url, .limit = LIMIT_SIGNATURE_BYTES };
	size_t n = 0;

	if (fd < 0)
		return error_sys("hold a signature");
	TRY(registry_download(client, &request, fd, &download));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys("hold a signature");
	TRY(fd_read_all(fd, LIMIT_SIGNATURE_BYTES, &text, &n));
	strbuf_add_bytes(ret, text, n);
	return NULL;
}

static bool is_missing(const struct error *error)
{
	return error_is(error, ERR_NOT_FOUND) || error_is_errno(error, ENOENT) ||
	       error_is_errno(error, ENOTDIR);
}

/* client NULL: place is a path. */
static FALLIBLE read_all(struct registry_client *client, const char *place, struct messages *ret)
{
	for (unsigned i = 1; i <= LIMIT_SIGNATURES; i++) {
		AUTO_FREE char *one = xasprintf("%s/signature-%u", place, i);
		AUTO(strbuf) struct strbuf message = { 0 };
		struct error *error =
				client ? read_web(client, one, &message) : read_file(one, &message);

		if (is_missing(error)) {
			error_free(error);
			return NULL;
		}
		TRY_WRAP(error, "signature '%s'", one);
		vec_push(ret, message);
		message = (struct strbuf){ 0 };
	}
	return error_new(ERR_LIMIT, "more than %d signatures in '%s'", LIMIT_SIGNATURES, place);
}

FALLIBLE lookaside_read(struct registry_client *client, const char *base,
		const struct reference *reference, const struct digest *manifest,
		struct messages *ret)
{
	AUTO_FREE char *place = place_of(base, reference, manifest);

	if (text_starts(place, FOLDER))
		return read_all(NULL, place + strlen(FOLDER), ret);
	if (!client)
		return error_new(ERR_NOT_FOUND, "signatures at '%s' need the network", base);
	return read_all(client, place, ret);
}

FALLIBLE lookaside_read_dir(const char *dir, struct messages *ret)
{
	return read_all(NULL, dir, ret);
}

FALLIBLE lookaside_write(const char *base, const struct reference *reference,
		const struct digest *manifest, struct str message)
{
	AUTO_FREE char *place = place_of(base, reference, manifest);

	if (!text_starts(place, FOLDER))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "simple signatures cannot be written to '%s'",
						  base),
				"name a folder, file:///DIR, as lookaside-staging in registries.d, "
				"and copy its files to the server");
	TRY(file_make_dirs(place + strlen(FOLDER), 0755));
	for (unsigned i = 1; i <= LIMIT_SIGNATURES; i++) {
		AUTO_FREE char *path = xasprintf("%s/signature-%u", place + strlen(FOLDER), i);
		AUTO_FREE char *draft = file_name_beside(path);

		if (access(path, F_OK) == 0)
			continue;
		TRY(file_write_atomic(AT_FDCWD, draft, message.p, message.n, 0644, false));
		/* Whoever signs at the same time has taken the number or takes the next one. */
		int failed = link(draft, path) != 0 ? errno : 0;
		(void)unlink(draft);
		if (!failed)
			return NULL;
		if (failed != EEXIST)
			return error_errno(failed, "write '%s'", path);
	}
	return error_new(ERR_LIMIT, "there are %d signatures in '%s' already", LIMIT_SIGNATURES,
			place);
}
