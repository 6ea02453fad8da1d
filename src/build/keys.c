/*
 * What decides a step's result, written into a key record. docs/cache.md lists each ingredient; a
 * change here changes keys, so raise KEY_VERSION (graph/key.h) when a field's meaning changes.
 */
#include "build/fetched.h"
#include "build/state.h"
#include "sandbox/capability.h"
#include "sandbox/user.h"

#include <string.h>

static const char *network_name(const struct build_options *options, enum plan_network wanted)
{
	if (wanted == NETWORK_HOST)
		return "host";
	if (wanted == NETWORK_NONE || options->network == BUILD_NETWORK_NONE)
		return "none";
	/* Which one is among the namespaces. */
	if (options->network == BUILD_NETWORK_JOINED)
		return "joined";
	return options->network == BUILD_NETWORK_PRIVATE ? "private" : "host";
}

/*
 * Environment in the order of names: two Dockerfiles that set the same in another order agree.
 * Proxies that only the command line speaks of are not in it (op_run.c adds them); those of an ENV
 * or a declared ARG are the Dockerfile's own.
 */
static void key_environment(struct key *key, const struct texts *env)
{
	AUTO(list) struct list sorted = { 0 };

	for (size_t i = 0; i < env->n; i++)
		list_add(&sorted, env->p[i]);
	list_sort(&sorted);
	struct texts texts = { (const char *const *)sorted.p, sorted.n };
	key_texts(key, "env", &texts);
}

/* What the flag says; never what a secret, an agent or a cache holds. */
static void key_mount(struct key *key, const struct plan_mount *mount)
{
	const struct run_mount *as = &mount->as;

	key_text(key, "mount", mount_type_name(as->type));
	key_text(key, "target", mount->target);
	key_number(key, "read_only", as->is_read_only);
	key_text(key, "id", as->id);
	key_text(key, "as_env", as->env);
	if (as->type == MOUNT_CACHE)
		key_text(key, "source", mount->source);
	key_number(key, "mode", as->mode);
	key_number(key, "uid", as->uid);
	key_number(key, "gid", as->gid);
	key_number(key, "size", as->size);
	if (as->no_exec || as->has_set_id || as->takes_over || as->is_flat || as->propagation) {
		key_number(key, "no_exec", as->no_exec);
		key_number(key, "has_set_id", as->has_set_id);
		key_number(key, "takes_over", as->takes_over);
		key_number(key, "is_flat", as->is_flat);
		key_number(key, "propagation", as->propagation);
		key_number(key, "propagates_below", as->propagates_below);
	}
}

static void key_capabilities(struct key *key, const char *name, uint64_t bits)
{
	AUTO(list) struct list names = { 0 };

	if (!bits)
		return;
	capability_names(bits, &names);
	struct texts texts = { (const char *const *)names.p, names.n };
	key_texts(key, name, &texts);
}

static void key_strings(struct key *key, const char *name, const char *const *strings)
{
	struct texts texts = { strings, 0 };

	if (!strings)
		return;
	while (strings[texts.n])
		texts.n++;
	key_texts(key, name, &texts);
}

/* What is not told is not in the record: such a RUN has the key that every program gives it. */
static void key_run_options(struct key *key, const struct build_run_options *run)
{
	key_capabilities(key, "cap_add", run->add_capabilities);
	key_capabilities(key, "cap_drop", run->drop_capabilities);
	if (run->is_unconfined)
		key_number(key, "unconfined", 1);
	if (run->no_new_privileges)
		key_number(key, "no_new_privileges", 1);
	if (run->security_texts && run->security_texts->n) {
		struct texts texts = { (const char *const *)run->security_texts->p,
			run->security_texts->n };
		key_texts(key, "security_options", &texts);
	}
	key_strings(key, "dns", run->dns);
	key_strings(key, "dns_search", run->dns_search);
	key_strings(key, "dns_options", run->dns_options);
	if (run->no_hosts_file || run->no_hostname_file || run->no_resolv_file)
		key_number(key, "own_names",
				(uint64_t)run->no_hosts_file | run->no_hostname_file << 1 |
						run->no_resolv_file << 2);
	if (run->engine)
		key_number(key, "containerenv", 1);
	if (run->namespaces)
		key_text(key, "namespaces", run->namespaces);
	for (size_t i = 0; i < run->group_count; i++)
		key_number(key, "group", run->groups[i]);
	if (run->reads_stdin)
		key_number(key, "stdin", 1);
	for (size_t i = 0; i < run->volume_count; i++)
		volume_key(&run->volumes[i], key);
}

/* A step sees its map, and may do no more than that allows. */
static void key_maps(struct key *key, const struct owner_policy *owner)
{
	AUTO(strbuf) struct strbuf uids = { 0 };
	AUTO(strbuf) struct strbuf gids = { 0 };

	if (owner->kind != OWNER_MAPPED)
		return;
	idmap_triples(&owner->maps.uids, &uids);
	idmap_triples(&owner->maps.gids, &gids);
	key_text(key, "uid_map", strbuf_text(&uids));
	key_text(key, "gid_map", strbuf_text(&gids));
}

static void key_run(struct build *build, struct key *key, const struct plan_step *step)
{
	const struct build_options *options = build->options;
	AUTO(list) struct list hosts = { 0 };

	key_texts(key, "argv", &step->run.argv);
	key_text(key, "script", step->run.script);
	key_environment(key, &step->run.env);
	key_text(key, "user", step->user);
	key_text(key, "workdir", step->workdir);
	key_text(key, "network", network_name(options, step->run.network));
	if (build_hostname(options))
		key_text(key, "hostname", build_hostname(options));
	for (size_t i = 0; i < options->host_count; i++)
		list_addf(&hosts, "%s=%s", options->hosts[i].name, options->hosts[i].address);
	struct texts host_texts = { (const char *const *)hosts.p, hosts.n };
	key_texts(key, "hosts", &host_texts);
	struct texts limits = { 0 };
	if (options->ulimits)
		limits = (struct texts){ (const char *const *)options->ulimits->p,
			options->ulimits->n };
	key_texts(key, "ulimits", &limits);
	key_number(key, "shm", options->shm_bytes);
	if (step->run.is_insecure)
		key_text(key, "security", "insecure");
	key_run_options(key, &options->run);
	key_maps(key, &options->userns->owner);
	if (step->run.kept.n)
		key_texts(key, "kept", &step->run.kept);
	for (size_t i = 0; i < step->run.mount_count; i++)
		key_mount(key, &step->run.mounts[i]);
}

static void key_platform(struct key *key, const struct platform *platform)
{
	char text[PLATFORM_TEXT];

	key_text(key, "platform", platform_text(platform, text));
}

/* What kiln makes itself has the epoch's times: another epoch is another result. */
static void key_epoch(const struct build *build, struct key *key)
{
	const struct build_options *options = build->options;
	AUTO_FREE char *text =
			options->has_epoch ? xasprintf("%lld", (long long)options->epoch) : NULL;

	key_text(key, "epoch", text);
}

/* A layer that lacks them is another layer. */
static void key_ignored(const struct build *build, struct key *key)
{
	const struct list *ignore = build->options->ignore;

	if (!build_ignores(build))
		return;

	struct texts texts = { (const char *const *)ignore->p, ignore->n };

	key_texts(key, "ignore", &texts);
}

void step_key(struct build *build, const struct plan_step *step, const struct digest *parent,
		const struct digest *content, struct digest *ret, char **ret_record)
{
	AUTO(key) struct key *key = key_new(step->kind == STEP_RUN ? "run" : "workdir");

	key_digest(key, "parent", parent);
	key_platform(key, &step->stage->platform);
	key_ignored(build, key);
	if (step->kind == STEP_RUN) {
		key_run(build, key, step);
		if (content)
			key_digest(key, "mounted", content);
	} else {
		for (size_t i = 0; i < step->workdir_step.count; i++)
			key_text(key, "path", step->workdir_step.paths[i]);
		if (step->workdir_step.is_volume)
			key_text(key, "of", "volume");
		key_text(key, "user", step->user);
		key_epoch(build, key);
	}
	*ret = key_finish(key, ret_record);
}

bool copy_has_names(const struct plan_copy *copy)
{
	return copy->chown && !user_is_numbers(copy->chown);
}

/* --link makes the same layer on whatever it lies; but names of owners are looked up there. */
static bool copy_stands_alone(const struct plan_copy *copy)
{
	return copy->link && !copy_has_names(copy);
}

/* What the instruction says, but for the files themselves. */
static void key_copy(const struct build *build, struct key *key, const struct plan_step *step,
		const struct digest *parent)
{
	const struct plan_copy *copy = &step->copy;
	static const struct digest none = { 0 };
	AUTO(list) struct list sources = { 0 };

	key_digest(key, "parent", copy_stands_alone(copy) ? &none : parent);
	key_platform(key, &step->stage->platform);
	key_ignored(build, key);
	for (size_t i = 0; i < copy->source_count; i++)
		list_add(&sources, copy->sources[i].path);
	struct texts texts = { (const char *const *)sources.p, sources.n };
	key_texts(key, "sources", &texts);
	key_text(key, "dest", copy->dest);
	key_number(key, "dest_is_dir", copy->dest_is_dir);
	key_text(key, "chown", copy->chown);
	key_text(key, "chmod", copy->chmod);
	key_number(key, "add", copy->is_add);
	key_number(key, "unpack", copy->unpack);
	key_number(key, "link", copy->link);
	key_number(key, "parents", copy->parents);
	key_texts(key, "excludes", &copy->excludes);
	/* What is an error elsewhere is none as Buildah. */
	if (build->options->as_buildah)
		key_number(key, "replaces", true);
	key_epoch(build, key);
}

struct digest copy_definition(const struct build *build, const struct plan_step *step,
		const struct digest *parent, const struct digest *origin)
{
	AUTO(key) struct key *key = key_new("copy definition");

	key_copy(build, key, step, parent);
	key_number(key, "origin kind", step->copy.origin.kind);
	key_digest(key, "origin", origin);
	for (size_t i = 0; i < step->copy.source_count; i++)
		key_text(key, "content", step->copy.sources[i].content);
	return key_finish(key, NULL);
}

void copy_key(const struct build *build, const struct plan_step *step, const struct digest *parent,
		const struct digest *content, struct digest *ret, char **ret_record)
{
	AUTO(key) struct key *key = key_new("copy");

	key_copy(build, key, step, parent);
	key_digest(key, "content", content);
	*ret = key_finish(key, ret_record);
}

struct digest step_after(const struct plan_step *step, const struct digest *parent,
		const struct digest *key_of_step)
{
	AUTO(key) struct key *key = NULL;

	if (step->kind != STEP_COPY || !copy_stands_alone(&step->copy))
		return *key_of_step;
	key = key_new("on top");
	key_digest(key, "parent", parent);
	key_digest(key, "step", key_of_step);
	return key_finish(key, NULL);
}

FALLIBLE step_copy_origin(struct build *build, struct step_run *run, bool make_view,
		struct select_origin *ret)
{
	TRY(step_origin(build, &run->step->copy, make_view, ret));
	ret->needs_match = build->options->as_buildah;
	ret->globs_deep = build->options->as_buildah;
	if (!make_view || !copy_is_fetched(&run->step->copy))
		return NULL;
	TRY(fetched_need(build, run));
	ret->fetched = run->fetched;
	return NULL;
}

FALLIBLE step_origin(struct build *build, const struct plan_copy *copy, bool make_view,
		struct select_origin *ret)
{
	*ret = (struct select_origin){ .fd = -1, .name = "the Dockerfile" };
	switch (copy->origin.kind) {
	case ORIGIN_NONE:
		return NULL;
	case ORIGIN_CONTEXT:
		ret->fd = origin_context(build, &copy->origin)->fd;
		ret->name = origin_context(build, &copy->origin)->name;
		ret->ignore = origin_context(build, &copy->origin)->ignore;
		ret->digests = origin_digests(build, &copy->origin);
		ret->ignore_name = origin_context(build, &copy->origin)->ignore_name;
		ret->ignore_path = origin_context(build, &copy->origin)->ignore_path;
		return NULL;
	case ORIGIN_STAGE: {
		struct stage_run *from = build_stage(build, copy->origin.stage);

		ret->name = stage_run_name(from);
		ret->policy = &build->options->userns->owner;
		return make_view ? stage_view(build, from, &ret->fd) : NULL;
	}
	case ORIGIN_IMAGE: {
		struct image_run *from = &build->images[copy->origin.image->index];

		ret->name = from->image->name;
		ret->policy = &build->options->userns->owner;
		return make_view ? image_view(build, from, &ret->fd) : NULL;
	}
	}
	return NULL;
}
