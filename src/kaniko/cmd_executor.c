/*
 * executor: flags become a build, a result becomes files. What can go wrong outside is looked for
 * first: may we push there? A build that nobody can receive is not begun.
 */
#include "kaniko/executor.h"

#include "kaniko/features.h"
#include "registry/registry.h"
#include "store/prune.h"
#include "store/scratch.h"
#include "store/store.h"
#include "ui/build_after.h"
#include "ui/cache_clients.h"
#include "ui/lower_stores.h"
#include "ui/renderer.h"
#include "ui/session.h"
#include "ui/show.h"

#include <stdio.h>

FALLIBLE check_destinations(struct registry_client *registry, const struct list *names)
{
	AUTO(list) struct list asked = { 0 };

	for (size_t i = 0; i < names->n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(reference_parse(str_of(names->p[i]), &reference));

		AUTO_FREE char *repository = reference_name(&reference);

		if (list_has(&asked, repository))
			continue;
		list_add(&asked, repository);

		struct error *error = registry_check_push(registry, &reference);

		if (error)
			return error_hint(error_wrap(error, "may '%s' be pushed to?", repository),
					"check the name and the credentials; "
					"'--skip-push-permission-check' builds without asking");
	}
	return NULL;
}

/*
 * kiln's own files; a store that somebody else named is somebody else's. What this run holds is in
 * use until its store is closed.
 */
static FALLIBLE clean(const struct kaniko_globals *globals, struct session *session)
{
	AUTO_FREE char *own = xasprintf("%s/store", kaniko_dir(globals));
	const struct prune_options all = { .all = true, .kinds = (1u << PRUNE_KINDS) - 1 };
	struct prune_report report = { 0 };

	if (!text_equal(session->config->root, own))
		return NULL;
	store_close(TAKE(session->store));
	TRY(store_open(&(struct store_settings){ .root = own, .owner = session->userns.owner },
			&session->store));
	return store_prune(session->store, &all, &report);
}

static FALLIBLE print_plan(const struct build_options *options)
{
	struct build_options dry = *options;
	AUTO(build_result) struct build_result result = { 0 };

	dry.dry_run = true;
	dry.progress = NULL;
	TRY(build_run(&dry, &result));
	/* Files about the result may be standard output, too, and come behind. */
	(void)fputs(result.plan, stdout);
	(void)fflush(stdout);
	return NULL;
}

static FALLIBLE build_shown(const struct kaniko_log *log, const struct session *session,
		struct request *request, struct build_result *ret)
{
	struct build_options *options = &request->build;
	AUTO(lower_stores) struct lower_stores lowers = { 0 };
	AUTO(cache_clients) struct cache_clients clients = { 0 };
	AUTO(show) struct show show = { 0 };

	lower_stores_open(session, &lowers, options);
	TRY(cache_clients_open(session, CACHE_PATIENCE_MS, &clients, options));
	options->store = session->store;
	options->podman = &session->podman;
	options->registry = session->registry;
	options->trust = session->trust;
	options->decryption = session->decryption;
	options->signer = session->signer;
	options->sandbox = session->sandbox;
	options->userns = &session->userns;
	options->cancel = session->cancel;
	options->jobs = (unsigned)session->config->jobs;
	if (request->prints_plan && !options->dry_run)
		TRY(print_plan(options));
	TRY(show_open_with(kaniko_renderer(log, &request->names, request->trace), &show));
	options->progress = show.progress;
	return build_run(options, ret);
}

static void tell_result(const struct kaniko_log *log, const struct request *request,
		const struct build_result *result)
{
	char text[DIGEST_TEXT];

	if (!request->pushes)
		kaniko_log_say(log, SEVERITY_INFO,
				"Skipping push to container registry due to --no-push flag");
	for (size_t i = 0; request->pushes && i < request->names.n; i++) {
		AUTO(reference) struct reference reference = { 0 };
		struct error *error = reference_parse(str_of(request->names.p[i]), &reference);
		AUTO_FREE char *name = error ? NULL : reference_name(&reference);

		error_ignore(error, "parsed before");
		kaniko_log_say(log, SEVERITY_INFO, "Pushed %s@%s", name ? name : "",
				digest_text(&result->manifest, text));
	}
}

/* Of what is pushed: the image's names, else the cache's. */
static FALLIBLE check_push(struct registry_client *registry, const struct request *request)
{
	AUTO(list) struct list names = { 0 };

	if (request->build.dry_run)
		return NULL;
	if (request->pushes)
		return check_destinations(registry, &request->names);
	if (request->cache_repo && request->build.cache_to)
		list_add(&names, request->cache_repo);
	return check_destinations(registry, &names);
}

static FALLIBLE build(const struct invocation *call, const struct kaniko_log *log,
		struct request *request, struct session *session)
{
	const struct kaniko_globals *globals = call->global_opts;
	const struct executor_opts *opts = call->opts;
	const struct result_files files = { opts->digest_file, opts->name_digest_file,
		opts->name_tag_digest_file,
		request->pushes ? config_getenv("BUILDER_OUTPUT") : NULL, &opts->destinations };
	AUTO(build_result) struct build_result result = { 0 };
	AUTO(scratch) struct scratch fetched = { 0 };

	if (!globals->skip_push_check)
		TRY_WRAP(check_push(session->registry, request), "error checking push permissions");
	if (request->pre_cleanup)
		TRY(clean(globals, session));
	if (request->object)
		TRY(request_fetch_context(request, session->store, session->registry, &fetched));
	struct error *error = build_shown(log, session, request, &result);
	struct build_after after = { 0 };
	build_after(session, &result, &after);
	TRY_WRAP(error, "error building image");
	if (result.plan) {
		(void)fputs(result.plan, stdout);
		return NULL;
	}
	tell_result(log, request, &result);
	return result_files_write(&files, &request->names, &result.manifest,
			registry_client_http(session->registry));
}

/* Who watches builds must not break them; a build that was ended is told all the same. */
static void tell_trace(const struct kaniko_log *log, const struct session *session,
		const struct request *request, const struct error *failed)
{
	/* An own client is less patient, and tells of a build that was interrupted, too. */
	struct http_client *client = session->userns.mode == USERNS_INPLACE
						     ? registry_client_http(session->registry)
						     : NULL;
	AUTO(strbuf) struct strbuf why = { 0 };
	struct error *error = request->trace ? trace_send(request->trace, failed, client) : NULL;

	if (!error)
		return;
	error_text(error, &why);
	error_free(error);
	kaniko_log_say(log, SEVERITY_WARN, "the trace of this build was not taken: %s",
			strbuf_text(&why));
}

/* Elsewhere the image never is where the executor runs. */
static FALLIBLE check_materialize(const struct executor_opts *opts, const struct config *config)
{
	if (!opts->materialize || text_equal(config->isolation, userns_mode_name(USERNS_INPLACE)))
		return NULL;
	return error_hint(
			error_new(ERR_UNSUPPORTED,
					"option '--materialize': with isolation '%s' kiln unpacks "
					"nothing over the container that it runs in",
					config->isolation),
			"KILN_ISOLATION=inplace; 'kiln build -o type=local,dest=DIR' unpacks into "
			"a folder");
}

static struct error *run(const struct invocation *call)
{
	const struct kaniko_globals *globals = call->global_opts;
	AUTO(request) struct request request = { .stdin_fd = -1 };
	AUTO(session) struct session session = { 0 };
	struct kaniko_log log;

	kaniko_log_init(globals, &log);
	features_check((const char *const *)environ, &log);
	TRY(request_make(globals, call->opts, &log, &request));
	TRY(check_materialize(call->opts, call->config));
	request_keep(call->config, globals, call->opts, &request);
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY | SESSION_TREES | SESSION_SANDBOX |
					(request.forced ? SESSION_FORCE : 0),
			&session));
	TRY(request_load_secrets(&request));

	struct error *error = build(call, &log, &request, &session);

	tell_trace(&log, &session, &request, error);
	if (request.cleanup)
		error = error_first(error, clean(globals, &session));
	return error;
}

const struct command cmd_executor = {
	.name = "build",
	.summary = "Build an image and push it, with Kaniko's options",
	.description = "What runs when no command is named. docs/kaniko.md says of each option "
		       "what "
		       "it does here.",
	.examples = "executor --context dir:///workspace --destination registry.example/app:1\n"
		    "executor --context . --no-push --tar-path app.tar\n",
	.options = executor_options,
	.defaults = &executor_defaults,
	.opts_size = sizeof(struct executor_opts),
	.is_hidden = true,
	.run = run,
};

static struct error *run_version(const struct invocation *call)
{
	(void)call;
	(void)printf("Kaniko version :  kiln " KILN_VERSION "\n");
	return NULL;
}

const struct command cmd_executor_version = {
	.name = "version",
	.summary = "Print the version",
	.run = run_version,
};

static const struct command *const commands[] = {
	&cmd_executor,
	&cmd_executor_bake,
	&cmd_executor_login,
	&cmd_executor_push,
	&cmd_executor_version,
	NULL,
};

const struct program executor_program = {
	.name = "executor",
	.summary = "Build container images in a container, as Kaniko does.",
	.options = kaniko_global_options,
	.opts_size = sizeof(struct kaniko_globals),
	.commands = commands,
	.fallback = &cmd_executor,
	.error_prefix = "Error",
	.exit_status = kaniko_exit_status,
	.settings = kaniko_settings,
};
