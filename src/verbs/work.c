#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "container/maps.h"
#include "ui/source_environment.h"
#include "verbs/names.h"
#include "verbs/namespace_flag.h"

#include <fcntl.h>
#include <stdio.h>

FALLIBLE work_open(const struct invocation *call, enum work_needs needs, struct work *ret)
{
	unsigned parts = SESSION_STORE | SESSION_REGISTRY;

	ret->call = call;
	source_environment_add(call->config, &ret->source_environment);
	if (needs >= WORK_FILES)
		parts |= SESSION_TREES;
	if (needs >= WORK_RUN)
		parts |= SESSION_SANDBOX | SESSION_WORKING |
			 (needs == WORK_RUN ? SESSION_ONE_STEP | SESSION_MAY_MOVE : 0);
	ret->host_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	TRY(session_open(call->config, parts, &ret->session));
	return NULL;
}

/* A mount that only its user may take away is there still; what is done beside it shows late. */
static FALLIBLE take_off(struct work *work)
{
	const char *path = work->container->mount_point;

	if (!path || work->host_fd < 0 || !working_is_mounted(work->host_fd, path))
		return NULL;
	TRY(working_unmount(work->host_fd, path, false));
	work->is_off = true;
	return NULL;
}

static void merge_flags(const struct container *container, const struct run_flags *typed,
		struct run_flags *ret)
{
	AUTO(list) struct list lines = { 0 };

	ret->http_proxy = typed->http_proxy;
	run_flags_save(typed, &lines);
	run_flags_load(&container->settings, ret);
	run_flags_load(&lines, ret);
}

/* Where its commands run: which ids they have, and what they share. Of several containers, one
 * after the other, each has its own ids. */
static FALLIBLE move(struct work *work)
{
	struct session *session = &work->session;
	const struct session_ids *ids = work->ids.maps.uids.n ? &work->ids : NULL;
	struct sandbox_namespaces namespaces = { 0 };

	if (work->typed) {
		merge_flags(work->container, work->typed, &work->flags);
		TRY(namespace_flags_make(&work->flags, &namespaces));
	}
	if (!ids && session->userns.owner.kind != OWNER_MAPPED && !namespaces_any(&namespaces))
		return NULL;
	return session_use_ids(session, ids, &namespaces);
}

FALLIBLE work_take(struct work *work, const char *name, bool changes)
{
	struct session *session = &work->session;
	const struct working_with with = {
		.store = session->store,
		.registry = session->registry,
		.trust = session->trust,
		.short_names = text_equal(work->call->program, "buildah"),
		.sandbox = session->sandbox,
		.userns = &session->userns,
		.usual = &session->usual,
		.cancel = session->cancel,
		.source_environment = &work->source_environment,
		.podman = &session->podman,
		.decryption = session->decryption,
	};

	TRY_WRAP(container_open(session->store, name, session->cancel, &work->container),
			"reading build container \"%s\"", name);
	TRY(container_maps(work->container, &work->ids.maps));
	work->ids.join = list_env_get(&work->container->settings, CONTAINER_USERNS);
	TRY_WRAP(move(work), "container \"%s\"", work->container->name);
	TRY(working_open(&with, work->container, &work->working));
	return changes ? take_off(work) : NULL;
}

FALLIBLE work_find_from(struct work *work, const char *text, bool quiet,
		struct container **ret_container, char **ret_image)
{
	AUTO(named_image) struct named_image named = { 0 };
	struct error *error = container_look(work->session.store, text, ret_container);
	char digest[DIGEST_TEXT];

	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	const struct names_request request = { .program = work->call->program,
		.text = text,
		.pull = PULL_MISSING,
		.platform = &work->container->config.platform,
		.quiet = quiet };
	TRY(names_open(&work->session, &request, &named));
	*ret_image = xasprintf("store:%s", digest_text(&named.record, digest));
	return NULL;
}

FALLIBLE work_release(struct work *work)
{
	struct error *error = NULL;

	if (work->is_off)
		error = working_mount(work->working, work->host_fd, work->container->mount_point);
	work->is_off = false;
	working_free(TAKE(work->working));
	container_free(TAKE(work->container));
	return error;
}

void work_done(struct work *work)
{
	error_ignore(work_release(work), "an error was told already");
	run_flags_done(&work->flags);
	show_done(&work->show);
	session_done(&work->session);
	list_done(&work->source_environment);
	if (work->host_fd >= 0)
		(void)close(work->host_fd);
}

void work_go_on(struct error **kept, struct error *error)
{
	if (!error)
		return;
	if (*kept) {
		AUTO(strbuf) struct strbuf text = { 0 };

		error_text(*kept, &text);
		(void)fprintf(stderr, "%s\n", strbuf_text(&text));
		error_free(*kept);
	}
	*kept = error;
}

void layers_note(const struct invocation *call, const struct working_layers *layers)
{
	if (layers && layers->uncached)
		(void)fprintf(stderr, "%s: not cached: %s\n", call->program, layers->uncached);
}
