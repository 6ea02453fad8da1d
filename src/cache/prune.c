#include "cache/prune.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cache/mount_record.h"
#include "oci/json.h"
#include "oci/reference.h"
#include "stream/group.h"

#include <pthread.h>

/* One request a tag: side by side, as a browser would. */
enum { WORKERS = 8 };

struct pruning_cache {
	struct registry_client *registry;
	const char *repository;
	const struct cache_prune_options *options;
	struct cancel *cancel;
	struct list tags;
	int64_t created_before;
	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as all below */
	struct cache_prune_report report;
};

/* When the newest record of a document was made; a damaged one is as old as can be. */
static int64_t newest_step(const char *text, const char *what)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 };
	int64_t created = 0;

	error_ignore(cached_steps_parse(str_of(text), what, &steps), "as old as can be");
	for (size_t i = 0; i < steps.n; i++)
		if (steps.p[i].created > created)
			created = steps.p[i].created;
	return created;
}

static int64_t age_of_mount(const char *text, const char *what)
{
	AUTO(mount_record) struct mount_record record = { 0 };

	error_ignore(mount_record_parse(str_of(text), what, &record), "as old as can be");
	return record.created;
}

/* What of ours a manifest may be. */
static const struct document {
	const char *type, *annotation;
	int64_t (*created)(const char *text, const char *what);
} documents[] = {
	{ CACHE_ARTIFACT_TYPE, CACHE_ANNOTATION, newest_step },
	{ MOUNT_ARTIFACT_TYPE, MOUNT_ANNOTATION, age_of_mount },
};

/* When what a manifest says was made; *ret_ours false: it is another thing. */
static FALLIBLE look(struct pruning_cache *pruning, const struct reference *reference,
		struct digest *ret_digest, int64_t *ret_created, bool *ret_ours)
{
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	AUTO_FREE char *type = NULL;
	json_auto_t *value = NULL;
	struct json_field root, annotations;

	*ret_ours = false;
	TRY(registry_get_manifest(pruning->registry, reference, NULL, &manifest));
	TRY(json_parse((struct str){ manifest.json, manifest.n }, LIMIT_MANIFEST_BYTES,
			reference->tag, &value));
	TRY(json_root(value, reference->tag, &root));
	TRY(json_get_text(&root, "artifactType", JSON_MAY, &type));
	TRY(json_get_object(&root, "annotations", JSON_MAY, &annotations));
	*ret_digest = manifest.digest;
	for (size_t i = 0; i < COUNT(documents) && annotations.value; i++) {
		AUTO_FREE char *text = NULL;

		TRY(json_get_text(&annotations, documents[i].annotation, JSON_MAY, &text));
		/* An image may carry a document, too (type=inline): it is somebody's image. */
		if (!text || !text_equal(type, documents[i].type))
			continue;
		*ret_ours = true;
		*ret_created = documents[i].created(text, reference->tag);
	}
	return NULL;
}

static void note(struct pruning_cache *pruning, const char *tag, int64_t created, bool goes)
{
	pthread_mutex_lock(&pruning->lock);
	pruning->report.ours++;
	pruning->report.deleted += goes;
	if (goes && pruning->options->told)
		pruning->options->told(pruning->options->user, tag, created);
	pthread_mutex_unlock(&pruning->lock);
}

static FALLIBLE prune_tag(struct pruning_cache *pruning, const char *tag)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO_FREE char *name = xasprintf("%s:%s", pruning->repository, tag);
	struct digest digest = { 0 };
	int64_t created = 0;
	bool ours = false;

	TRY(reference_parse(str_of(name), &reference));
	struct error *error = look(pruning, &reference, &digest, &created, &ours);
	/* Another tag of the same manifest took it along; or what we cannot read is not ours. */
	if (error_is(error, ERR_NOT_FOUND) || error_is(error, ERR_INVALID)) {
		error_free(error);
		return NULL;
	}
	if (error || !ours)
		return error;
	bool goes = created < pruning->created_before;
	if (goes && !pruning->options->dry_run) {
		AUTO(reference) struct reference by_digest = { 0 };

		reference_copy(&reference, &by_digest);
		free(TAKE(by_digest.tag));
		by_digest.digest = digest;
		error = registry_delete_manifest(pruning->registry, &by_digest);
		if (error_is(error, ERR_NOT_FOUND))
			error_free(TAKE(error));
	}
	if (error)
		return error_wrap(error, "delete '%s'", name);
	note(pruning, tag, created, goes);
	return NULL;
}

static struct error *work(void *argument)
{
	struct pruning_cache *pruning = argument;

	for (;;) {
		TRY(cancel_check(pruning->cancel));
		pthread_mutex_lock(&pruning->lock);
		size_t i = pruning->next++;
		pthread_mutex_unlock(&pruning->lock);
		if (i >= pruning->tags.n)
			return NULL;
		struct error *error = prune_tag(pruning, pruning->tags.p[i]);
		if (!error)
			continue;
		pthread_mutex_lock(&pruning->lock);
		pruning->next = pruning->tags.n;
		pthread_mutex_unlock(&pruning->lock);
		return error;
	}
}

static FALLIBLE prune_all(struct pruning_cache *pruning)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(group) struct group *group = group_new();

	TRY(reference_parse(str_of(pruning->repository), &reference));
	TRY(registry_list_tags(pruning->registry, &reference, &pruning->tags));
	pruning->report.tags = pruning->tags.n;
	for (size_t i = 0; i < WORKERS && i < pruning->tags.n; i++)
		group_start(group, "prune", work, pruning);
	return group_join(group);
}

FALLIBLE cache_prune_repository(struct registry_client *registry, const char *repository,
		const struct cache_prune_options *options, struct cancel *cancel,
		struct cache_prune_report *ret)
{
	struct pruning_cache pruning = { .registry = registry,
		.repository = repository,
		.options = options,
		.cancel = cancel,
		.created_before = clock_now_seconds() - (int64_t)options->older_than_seconds,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	struct error *error = prune_all(&pruning);

	list_done(&pruning.tags);
	*ret = pruning.report;
	if (error_is(error, ERR_UNSUPPORTED))
		return error_hint(error, "the registry's own retention rules can do it: tags that "
					 "begin with 'kiln-'");
	return error;
}
