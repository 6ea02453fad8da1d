/* executor push: an archive or a layout that an earlier build wrote, to registries. */
#include "kaniko/executor.h"

#include "base/limits.h"
#include "image/image.h"
#include "oci/manifest.h"
#include "registry/registry.h"
#include "sys/fd.h"
#include "ui/renderer.h"
#include "ui/session.h"
#include "ui/show.h"

#include <fcntl.h>
#include <sys/stat.h>

struct push_opts {
	struct list destinations;
	char *digest_file, *name_digest_file, *name_tag_digest_file;
};

#define OPTS push_opts
static const struct option rows[] = {
	OPT_LIST('d', "destination", destinations, "NAME[:TAG]", "push there; may be repeated"),
	OPT_TEXT(0, "digest-file", digest_file, "PATH|URL", "write the digest, or PUT it",
			.is_path = true, .empty_is_none = true),
	OPT_TEXT(0, "image-name-with-digest-file", name_digest_file, "PATH",
			"write NAME@DIGEST, a line a destination", .is_path = true,
			.empty_is_none = true),
	OPT_TEXT(0, "image-name-tag-with-digest-file", name_tag_digest_file, "PATH",
			"write NAME:TAG@DIGEST, a line a destination", .is_path = true,
			.empty_is_none = true),
	OPT_END,
};
#undef OPTS

static FALLIBLE read_names(const struct list *destinations, struct list *ret)
{
	if (!destinations->n)
		return error_hint(error_usage("nothing says where to push"),
				"'--destination REGISTRY/NAME:TAG'");
	for (size_t i = 0; i < destinations->n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(usage_of_option(reference_parse(str_of(destinations->p[i]), &reference),
				"--destination"));
		if (digest_known(&reference.digest))
			return error_usage("option '--destination': '%s' has a digest",
					destinations->p[i]);

		AUTO_FREE char *full = reference_text(&reference);

		list_add(ret, full);
	}
	return NULL;
}

/* Which of two would be pushed must not be a guess. */
static FALLIBLE check_layout(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/index.json", dir), *json = NULL;
	AUTO(image_index) struct image_index index = { 0 };
	size_t n = 0;

	TRY_WRAP(file_read(AT_FDCWD, path, LIMIT_MANIFEST_BYTES, &json, &n), "OCI layout '%s'",
			dir);
	TRY_WRAP(image_index_parse((struct str){ json, n }, NULL, &index), "OCI layout '%s'", dir);
	if (index.manifests.n != 1)
		return error_new(ERR_INVALID, "the layout '%s' has %zu images; one can be pushed",
				dir, index.manifests.n);
	return NULL;
}

static FALLIBLE open_artifact(const char *path, struct session *session, struct image **ret)
{
	const struct image_homes homes = {
		.store = session->store, .cancel = session->cancel, .trust = session->trust
	};
	struct stat st;

	if (stat(path, &st) != 0)
		return error_sys("open '%s'", path);
	if (S_ISDIR(st.st_mode))
		TRY(check_layout(path));

	AUTO_FREE char *name =
			xasprintf("%s:%s", S_ISDIR(st.st_mode) ? "oci" : "docker-archive", path);

	return image_open(&homes, name, PULL_NEVER, ret);
}

static FALLIBLE push_all(const struct kaniko_globals *globals, struct session *session,
		const struct kaniko_log *log, const struct image *image, const struct list *names)
{
	AUTO(show) struct show show = { 0 };

	TRY(show_open_with(kaniko_renderer(log, names, NULL), &show));
	for (size_t i = 0; i < names->n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(reference_parse(str_of(names->p[i]), &reference));
		kaniko_log_say(log, SEVERITY_INFO, "Pushing image to %s", names->p[i]);

		struct error *error = image_push(image, session->registry, &reference,
				session->signer, session->cancel, &show.copies);

		if (error && globals->ignore_immutable && error_is_immutable_tag(error)) {
			kaniko_log_say(log, SEVERITY_WARN,
					"'%s' was not pushed: its tag is immutable", names->p[i]);
			error_free(TAKE(error));
		}
		TRY_WRAP(error, "error pushing image '%s'", names->p[i]);
	}
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct kaniko_globals *globals = call->global_opts;
	const struct push_opts *opts = call->opts;
	const struct result_files files = { opts->digest_file, opts->name_digest_file,
		opts->name_tag_digest_file, config_getenv("BUILDER_OUTPUT"), &opts->destinations };
	AUTO(session) struct session session = { 0 };
	AUTO(image) struct image *image = NULL;
	AUTO(list) struct list names = { 0 };
	struct kaniko_log log;
	char text[DIGEST_TEXT];

	kaniko_log_init(globals, &log);
	TRY(read_names(&opts->destinations, &names));
	TRY(result_files_check(&files, &names));
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	TRY(open_artifact(call->args->p[0], &session, &image));
	if (!globals->skip_push_check)
		TRY_WRAP(check_destinations(session.registry, &names),
				"error checking push permissions");
	TRY(push_all(globals, &session, &log, image, &names));
	for (size_t i = 0; i < names.n; i++)
		kaniko_log_say(&log, SEVERITY_INFO, "Pushed %s@%s", names.p[i],
				digest_text(&image->digest, text));
	return result_files_write(
			&files, &names, &image->digest, registry_client_http(session.registry));
}

const struct command cmd_executor_push = {
	.name = "push",
	.args = "PATH",
	.summary = "Push an archive or OCI layout that was built before",
	.options = rows,
	.opts_size = sizeof(struct push_opts),
	.min_args = 1,
	.max_args = 1,
	.examples = "executor push app.tar --destination registry.example/app:1\n",
	.run = run,
};
