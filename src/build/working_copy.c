/*
 * Files into a working container: what a COPY selects, placed through an overlay that is mounted
 * for the while, by a sink that writes into it as it is.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "build/fetched.h"
#include "build/working.h"
#include "build/working_inner.h"
#include "container/maps.h"
#include "layer/apply.h"
#include "registry/url.h"
#include "store/cache.h"
#include "store/file_digests.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Where it comes from, opened. */
struct origin {
	struct select_origin select;
	struct ignore *ignore, *includes;
	struct working *working; /* of another container */
	struct userns *userns;   /* the ids of that one, where they are others; or NULL */
	struct image *image;
	struct stack stack;
	int fd; /* a view of either */
	char *name;
};

static void origin_done(struct origin *origin)
{
	if (origin->fd >= 0)
		(void)close(origin->fd);
	working_free(origin->working);
	free(origin->userns);
	stack_done(&origin->stack);
	image_free(origin->image);
	ignore_free(origin->ignore);
	ignore_free(origin->includes);
	free(origin->name);
}

static FALLIBLE open_image_origin(
		struct working *working, const struct working_copy *copy, struct origin *ret)
{
	const struct image_homes homes = { working->with.store, working->with.registry,
		&working->container->config.platform, working->with.cancel, NULL,
		working->with.trust, working->with.short_names, .podman = working->with.podman,
		.decryption = working->with.decryption };
	struct layer_set *layers = &working->build.layers;

	TRY_WRAP(image_open(&homes, copy->from_image, copy->pull, &ret->image), "image '%s'",
			copy->from_image);
	stack_of_image(layers, ret->image, &ret->stack);
	TRY(stack_need_dirs(layers, &ret->stack, 0));
	return stack_view(layers, &ret->stack, &ret->fd);
}

/* Links do not lead out of the context. */
static FALLIBLE read_own_ignore(int origin_fd, struct origin *ret)
{
	static const char *const names[] = { ".containerignore", ".dockerignore" };

	for (size_t i = 0; i < COUNT(names); i++) {
		AUTO_FREE char *text = NULL;
		size_t n = 0;
		struct error *error = rootfs_read_file(
				origin_fd, names[i], LIMIT_IGNORE_BYTES, &text, &n);

		if (error_is_errno(error, ENOENT)) {
			error_free(error);
			continue;
		}
		if (error)
			return error_wrap(error, "read '%s'", names[i]);
		ret->select.ignore_name = names[i];
		TRY(ignore_parse((struct str){ text, n }, names[i], &ret->ignore));
		ret->select.ignore = ret->ignore;
		return NULL;
	}
	return NULL;
}

static FALLIBLE read_ignore(const struct working_copy *copy, struct origin *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	if (!copy->ignore_file)
		return copy->has_context && !ret->name ? read_own_ignore(copy->origin_fd, ret)
						       : NULL;
	TRY_WRAP(file_read(AT_FDCWD, copy->ignore_file, LIMIT_IGNORE_BYTES, &text, &n), "read '%s'",
			copy->ignore_file);
	TRY(ignore_parse((struct str){ text, n }, copy->ignore_file, &ret->ignore));
	ret->select.ignore = ret->ignore;
	ret->select.ignore_name = copy->ignore_file;
	return NULL;
}

/* NULL where the other container has the ids of the one that is copied to. */
static FALLIBLE other_ids(
		const struct working *working, const struct container *other, struct userns **ret)
{
	const struct working_with *with = &working->with;
	bool is_mapped = with->userns->owner.kind == OWNER_MAPPED;
	struct id_maps maps;

	TRY(container_maps(other, &maps));
	if (!with->usual || (!maps.uids.n && !is_mapped))
		return NULL;
	AUTO_FREE struct userns *ids = xcalloc(1, sizeof(*ids));
	*ids = *with->usual;
	if (maps.uids.n)
		TRY_WRAP(userns_map(ids, &maps), "container \"%s\"", other->name);
	*ret = TAKE(ids);
	return NULL;
}

/*
 * A view of another container, whose files may have other ids on disk: what it stands on is sought,
 * and unpacked, as for a command of that one.
 */
static FALLIBLE open_other(
		struct working *working, const struct working_copy *copy, struct origin *ret)
{
	struct working_with with = working->with;

	TRY(other_ids(working, copy->from, &ret->userns));
	if (ret->userns) {
		with.userns = ret->userns;
		store_use_owner(with.store, &ret->userns->owner);
	}
	struct error *error = working_open(&with, copy->from, &ret->working);
	if (!error)
		error = working_view(ret->working, &ret->fd);
	if (ret->userns)
		store_use_owner(with.store, &working->with.userns->owner);
	return error;
}

static FALLIBLE open_origin(
		struct working *working, const struct working_copy *copy, struct origin *ret)
{
	ret->select = (struct select_origin){
		.fd = copy->origin_fd, .name = "the host", .keeps_links = copy->keeps_links
	};
	if (copy->from) {
		TRY(open_other(working, copy, ret));
		ret->name = xasprintf("container \"%s\"", copy->from->name);
	} else if (copy->from_image) {
		TRY(open_image_origin(working, copy, ret));
		ret->name = xasprintf("image '%s'", copy->from_image);
	}
	if (ret->name) {
		ret->select.fd = ret->fd;
		ret->select.name = ret->name;
		ret->select.policy =
				ret->userns ? &ret->userns->owner : &working->with.userns->owner;
	}
	return read_ignore(copy, ret);
}

/* The instruction that the words would be in a Dockerfile, and what it brings from elsewhere. */
struct copy_words {
	struct plan_source *sources;
	struct list shown; /* addresses without passwords */
	const char **excludes;
	char *dest;
	struct plan_step step;
	struct step_run run;
};

static void copy_words_done(struct copy_words *words)
{
	if (words->run.step)
		fetched_free(&words->run);
	list_done(&words->shown);
	free(words->sources);
	free(words->excludes);
	free(words->dest);
}

bool working_copy_is_remote(const char *source)
{
	return git_url_matches(source, false) || url_is_http(source);
}

static struct plan_source make_source(
		const struct working_copy *copy, const char *text, struct list *shown)
{
	struct plan_source source = { .path = text };

	if (copy->from || copy->from_image || !working_copy_is_remote(text))
		return source;
	AUTO_FREE char *safe = git_url_shown(text);
	list_add(shown, safe);
	source.path = shown->p[shown->n - 1];
	if (copy->is_add && git_url_matches(text, false))
		source.git = text;
	else
		source.url = text;
	return source;
}

static void make_words(const struct working *working, const struct working_copy *copy,
		struct copy_words *ret)
{
	const char *workdir = working->container->config.working_dir;
	AUTO_FREE char *joined = copy->dest[0] == '/' ? xstrdup(copy->dest)
						      : xasprintf("%s/%s", workdir ? workdir : "",
									copy->dest);
	AUTO_FREE char *clean = path_clean(str_of(joined));

	ret->dest = xasprintf("/%s", clean);
	ret->sources = xcalloc(copy->sources->n, sizeof(*ret->sources));
	for (size_t i = 0; i < copy->sources->n; i++)
		ret->sources[i] = make_source(copy, copy->sources->p[i], &ret->shown);
	size_t n = copy->excludes ? copy->excludes->n : 0;
	ret->excludes = xcalloc(n, sizeof(*ret->excludes));
	for (size_t i = 0; i < n; i++)
		ret->excludes[i] = copy->excludes->p[i];
	ret->run.step = &ret->step;
	ret->step.copy = (struct plan_copy){
		.is_add = copy->is_add,
		.sources = ret->sources,
		.source_count = copy->sources->n,
		.dest = ret->dest,
		.dest_is_dir = !copy->dest[0] || text_ends(copy->dest, "/") ||
			       text_ends(copy->dest, "/.") || text_equal(copy->dest, ".") ||
			       copy->sources->n > 1,
		.chown = copy->chown,
		.chmod = copy->chmod,
		.checksum = copy->checksum,
		.parents = copy->parents,
		.excludes = { ret->excludes, n },
	};
}

static FALLIBLE find_owner(int view_fd, const struct working_copy *copy, struct place_rules *rules)
{
	if (!copy->chown || !copy->chown[0])
		return NULL;
	rules->has_owner = true;
	TRY_WRAP(user_lookup_owner(view_fd, copy->chown, &rules->uid, &rules->gid), "--chown=%s",
			copy->chown);
	return NULL;
}

static FALLIBLE place_all(struct working *working, int merged_fd, struct selection *selection,
		const struct copy_words *words, const struct place_rules *rules)
{
	const struct owner_policy *policy = &working->with.userns->owner;
	struct view view = { .fd = merged_fd, .policy = policy };
	struct apply_options apply = { .mode = APPLY_ROOTFS, .policy = *policy };
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(merged_fd, &apply);
	struct made made = { .sink = sink };
	AUTO(place) struct place place = { 0 };

	place_init(&place, &working->build, &made, &view);
	place.rules = *rules;
	TRY(place_selection(&place, selection, &words->step.copy));
	return entry_sink_close(TAKE(sink));
}

/* What is asked for, and what was found for it. */
struct copying {
	struct working *working;
	const struct working_copy *copy;
	struct copy_words words;
	struct origin origin;
	struct selection *selection;
	struct digest content;
	char *created_by;
};

static void copying_done(struct copying *copying)
{
	copy_words_done(&copying->words);
	select_free(copying->selection);
	origin_done(&copying->origin);
	free(copying->created_by);
}

DEFINE_AUTO_VALUE(copying)

/* "/bin/sh -c #(nop) COPY file:... in /dest" as Buildah's history has it. */
static char *history_text(const struct copying *copying)
{
	const struct working_copy *copy = copying->copy;
	char hex[DIGEST_HEX];

	return xasprintf("/bin/sh -c #(nop) %s %s:%s in %s ", copy->is_add ? "ADD" : "COPY",
			copy->sources->n > 1 ? "multi" : "file", digest_hex(&copying->content, hex),
			copy->dest[0] ? copy->dest : "/");
}

/* Files of the host that did not change since a script before read them are not read again. */
static FALLIBLE hash(struct copying *copying)
{
	struct working *working = copying->working;
	const struct working_with *with = &working->with;
	AUTO(file_digests)
	struct file_digests *known =
			copying->copy->layers && copying->copy->origin_fd >= 0
					? file_digests_open(with->store, "working containers")
					: NULL;

	TRY(select_hash(copying->selection, known, working->build.pool, with->cancel));
	copying->content = select_digest(copying->selection);
	copying->created_by = history_text(copying);
	if (known)
		error_ignore(file_digests_close(TAKE(known)), "it is a memory aid");
	return NULL;
}

static bool has_item(const struct selection *selection, const char *path)
{
	for (size_t i = 0; i < selection->groups.n; i++) {
		const struct select_group *group = &selection->groups.p[i];

		for (size_t k = group->first; k < group->first + group->count; k++) {
			const char *rel = selection->items.p[k].rel;

			if (text_equal(rel[0] ? rel : group->name, path))
				return true;
		}
	}
	return false;
}

static FALLIBLE check_required(const struct copying *copying)
{
	const struct list *required = copying->copy->required;

	for (size_t i = 0; required && i < required->n; i++) {
		AUTO_FREE char *path = path_clean(str_of(required->p[i]));

		if (!has_item(copying->selection, path))
			return error_new(ERR_NOT_FOUND, "required path \"%s\" was not copied",
					required->p[i]);
	}
	return NULL;
}

static FALLIBLE read_includes(const struct working_copy *copy, struct origin *origin)
{
	if (!copy->includes || !copy->includes->n)
		return NULL;
	TRY(ignore_from_patterns(copy->includes, &origin->includes));
	origin->select.includes = origin->includes;
	return NULL;
}

static FALLIBLE select_all(struct copying *copying)
{
	struct working *working = copying->working;
	const struct working_copy *copy = copying->copy;

	make_words(working, copy, &copying->words);
	TRY(open_origin(working, copy, &copying->origin));
	TRY(read_includes(copy, &copying->origin));
	copying->origin.select.globs_deep = copy->globs_deep;
	if (copying->origin.ignore && copy->ignores_by_prefix)
		ignore_by_prefix(copying->origin.ignore);
	if (copy_is_fetched(&copying->words.step.copy)) {
		TRY(fetched_need(&working->build, &copying->words.run));
		copying->origin.select.fetched = copying->words.run.fetched;
	}
	TRY(select_make(&copying->origin.select, &copying->words.step.copy, working->with.cancel,
			&copying->selection));
	assert(copying->selection);
	TRY(check_required(copying));
	/* As Buildah has it; a Dockerfile's pattern may name a file. */
	if (copying->selection->groups.n > 1)
		copying->words.step.copy.dest_is_dir = true;
	if (copying->selection->groups.n || copy->allows_none)
		return NULL;
	return error_hint(error_new(ERR_NOT_FOUND,
					  "no items matching glob '%s' in %s: it matched nothing",
					  copy->sources->p[0], copying->origin.select.name),
			"--allow-empty-wildcard lets that pass");
}

static FALLIBLE place_now(struct copying *copying, int64_t made_time)
{
	const struct working_copy *copy = copying->copy;
	AUTO_FD int merged_fd = -1;
	struct place_rules rules = { .chmod = copy->chmod && copy->chmod[0] ? copy->chmod : NULL,
		.made_time = copy->has_epoch ? copy->epoch : made_time,
		.fixes_times = copy->has_epoch,
		.replaces = copy->replaces };

	TRY(working_merge(copying->working, &merged_fd));
	TRY(find_owner(merged_fd, copy, &rules));
	return place_all(copying->working, merged_fd, copying->selection, &copying->words, &rules);
}

static FALLIBLE place_in_container(struct copying *copying)
{
	struct container *container = copying->working->container;

	TRY(place_now(copying, clock_now_seconds()));
	TRY(hash(copying));
	if (!copying->copy->adds_history)
		return NULL;
	image_config_add_history(&container->config, NULL, copying->created_by, NULL, true);
	return container_save(container);
}

/*
 * A Dockerfile's COPY has its sources as they are written there. *ret_definition: what a build asks
 * first, to see whether it can hit at all.
 */
static void copying_key(struct copying *copying, const struct digest *parent, struct digest *ret,
		char **ret_record, struct digest *ret_definition)
{
	static const struct digest none = { 0 };
	struct working *working = copying->working;
	const struct working_copy *copy = copying->copy;
	struct plan_stage stage = { .platform = working->container->config.platform };
	struct plan_step step = copying->words.step;
	AUTO_FREE struct plan_source *sources = xcalloc(copy->typed->n, sizeof(*sources));

	for (size_t i = 0; i < copy->typed->n; i++)
		sources[i] = (struct plan_source){
			.path = working_copy_is_remote(copy->typed->p[i])
						? copying->words.sources[i].path
						: copy->typed->p[i],
		};
	step.kind = STEP_COPY;
	step.stage = &stage;
	step.copy.sources = sources;
	if (copy->origin_fd >= 0)
		step.copy.origin.kind = ORIGIN_CONTEXT;
	working->options.has_epoch = copy->has_epoch;
	working->options.epoch = copy->epoch;
	working->options.as_buildah = copy->replaces;
	copy_key(&working->build, &step, parent, &copying->content, ret, ret_record);
	*ret_definition = copy_definition(&working->build, &step, parent, &none);
	working->options.has_epoch = working->options.as_buildah = false;
}

/* Without a parent's key it has none either. */
static FALLIBLE place_as_layer(struct copying *copying, const struct digest *parent)
{
	struct working *working = copying->working;
	struct working_layers *layers = copying->copy->layers;
	AUTO_FREE char *record = NULL;
	struct digest key = { 0 }, definition;
	bool has_key = digest_known(parent);

	TRY(hash(copying));
	if (has_key)
		copying_key(copying, parent, &key, &record, &definition);
	if (has_key && !layers->no_cache)
		TRY(working_take(working, &key, copying->created_by, &layers->is_hit));
	if (layers->is_hit)
		return NULL;
	TRY(working_layer_begin(working));
	/* As a build does: what has no time of its own is the same every time. */
	struct error *error = place_now(copying, 0);
	if (!error)
		error = working_layer_seal(
				working, &key, record, &copying->content, copying->created_by);
	if (!error && has_key && !store_is_read_only(working->with.store))
		error = definition_mark(working->with.store, &definition);
	working_layer_end(working);
	return error;
}

FALLIBLE working_copy(struct working *working, const struct working_copy *copy,
		struct digest *ret_content)
{
	AUTO(copying)
	struct copying copying = { .working = working, .copy = copy, .origin = { .fd = -1 } };
	struct working_layers *layers = copy->layers;
	struct digest parent;

	if (copy->chmod && copy->chmod[0])
		TRY(mode_check(copy->chmod));
	TRY(select_all(&copying));
	if (copy->is_link)
		TRY(working_layer_settle(working, "/bin/sh"));
	if (layers)
		TRY(working_parent(working, &parent, &layers->uncached));
	if (layers && (!layers->uncached || copy->is_link))
		TRY(place_as_layer(&copying, &parent));
	else
		TRY(place_in_container(&copying));
	*ret_content = copying.content;
	return NULL;
}
