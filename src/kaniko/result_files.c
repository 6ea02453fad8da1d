/*
 * Files about the result, for the pipelines that read them. Local ones are written whole or not at
 * all; a digest file has no line end, since Kaniko's has none.
 */
#include "kaniko/executor.h"

#include "kaniko/send.h"
#include "registry/url.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static FALLIBLE check_path(const char *path, const char *option)
{
	AUTO(url) struct url url = { 0 };
	struct stat st;

	if (!path)
		return NULL;
	if (text_starts(path, "http://"))
		return error_hint(error_usage("option '%s': '%s' is not safe", option, path),
				"only https:// addresses are written to");
	if (url_is_http(path))
		return usage_of_option(url_parse(str_of(path), &url), option);
	if (text_ends(path, "/") || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return error_usage("option '%s': '%s' is a directory", option, path);
	return usage_of_option(file_can_make(path, false, true), option);
}

FALLIBLE result_files_check(const struct result_files *files, const struct list *names)
{
	AUTO_FREE char *outputs =
			files->output_dir ? xasprintf("%s/images", files->output_dir) : NULL;

	TRY(check_path(files->digest, "--digest-file"));
	TRY(check_path(files->name_digest, "--image-name-with-digest-file"));
	TRY(check_path(files->name_tag_digest, "--image-name-tag-with-digest-file"));
	if (outputs)
		TRY(usage_of_option(file_can_make(outputs, false, true), "BUILDER_OUTPUT"));
	if (files->name_digest && !names->n)
		return error_usage("option '--image-name-with-digest-file' needs '--destination'");
	if (files->name_tag_digest && !names->n)
		return error_usage("option '--image-name-tag-with-digest-file' needs "
				   "'--destination'");
	return NULL;
}

static FALLIBLE put(const char *address, struct str text, const char *option,
		struct http_client *client)
{
	AUTO(url) struct url url = { 0 };
	const struct sending what = { .method = "PUT", .content_type = "text/plain", .body = text };

	TRY(usage_of_option(url_parse(str_of(address), &url), option));
	TRY_WRAP(send_bytes(&url, &what, client), "option '%s'", option);
	return NULL;
}

static FALLIBLE write_file(
		const char *path, struct str text, const char *option, struct http_client *client)
{
	const char *slash = strrchr(path, '/');

	if (url_is_http(path))
		return put(path, text, option, client);
	/* Opened by name, a file that it was sent to would lose what is in it. */
	if (text_equal(path, "/dev/stdout"))
		return fd_write_all(STDOUT_FILENO, text.p, text.n);
	if (slash && slash != path) {
		AUTO_FREE char *dir = xstrndup(path, (size_t)(slash - path));

		TRY_WRAP(file_make_dirs(dir, 0700), "option '%s'", option);
	}
	TRY_WRAP(file_write_named(path, text.p, text.n, 0644), "option '%s'", option);
	return NULL;
}

/* Docker Hub under the name that Kaniko has for it. */
static FALLIBLE add_line(
		const char *name, const struct digest *digest, bool with_tag, struct strbuf *out)
{
	AUTO(reference) struct reference reference = { 0 };
	char text[DIGEST_TEXT];

	TRY(reference_parse(str_of(name), &reference));
	strbuf_addf(out, "%s/%s",
			text_equal(reference.host, "docker.io") ? "index.docker.io"
								: reference.host,
			reference.repository);
	if (with_tag && reference.tag)
		strbuf_addf(out, ":%s", reference.tag);
	strbuf_addf(out, "@%s\n", digest_text(digest, text));
	return NULL;
}

static FALLIBLE write_names(const char *path, const char *option, const struct list *names,
		const struct digest *digest, bool with_tag, struct http_client *client)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!path)
		return NULL;
	for (size_t i = 0; i < names->n; i++)
		TRY(add_line(names->p[i], digest, with_tag, &text));
	return write_file(path, strbuf_str(&text), option, client);
}

static FALLIBLE write_outputs(
		const char *dir, const struct list *names, const struct digest *digest)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	char digest_of_it[DIGEST_TEXT];
	AUTO_FREE char *path = xasprintf("%s/images", dir);

	for (size_t i = 0; i < names->n; i++) {
		json_auto_t *line = json_pack("{s:s, s:s}", "name", names->p[i], "digest",
				digest_text(digest, digest_of_it));
		AUTO_FREE char *one = line ? json_dumps(line, JSON_COMPACT) : NULL;

		strbuf_addf(&text, "%s\n", one ? one : "{}");
	}
	TRY_WRAP(file_make_dirs(dir, 0755), "BUILDER_OUTPUT");
	TRY_WRAP(file_write_named(path, text.p, text.n, 0644), "BUILDER_OUTPUT");
	return NULL;
}

FALLIBLE result_files_write(const struct result_files *files, const struct list *names,
		const struct digest *digest, struct http_client *client)
{
	char text[DIGEST_TEXT];

	if (files->digest)
		TRY(write_file(files->digest, str_of(digest_text(digest, text)), "--digest-file",
				client));
	TRY(write_names(files->name_digest, "--image-name-with-digest-file", names, digest, false,
			client));
	TRY(write_names(files->name_tag_digest, "--image-name-tag-with-digest-file", names, digest,
			true, client));
	return files->output_dir ? write_outputs(files->output_dir, files->destinations, digest)
				 : NULL;
}
