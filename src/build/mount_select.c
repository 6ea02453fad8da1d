/*
 * The files of a bind mount. They are selected as COPY selects one source that is no pattern: links
 * followed inside the root, ignore rules applied. So what counts in the key is what is shown.
 */
#include "build/mounts.h"
#include "build/place.h"

#include <assert.h>
#include <sys/stat.h>

bool run_reads_files(const struct plan_step *step)
{
	for (size_t i = 0; step->kind == STEP_RUN && i < step->run.mount_count; i++)
		if (step->run.mounts[i].as.type == MOUNT_BIND)
			return true;
	return false;
}

/* A name in a pattern's clothes. */
static char *escaped(const char *path)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (; *path; path++) {
		if (*path == '*' || *path == '?' || *path == '[' || *path == '\\')
			strbuf_add_char(&out, '\\');
		strbuf_add_char(&out, *path);
	}
	return strbuf_take(&out);
}

FALLIBLE mount_look(struct build *build, struct step_run *run, size_t i)
{
	struct step_mount *mount = &step_mounts(run)->p[i];
	AUTO_FREE char *path = escaped(mount->plan->source);
	struct plan_source source = { .path = path };
	struct plan_copy copy = {
		.origin = mount->plan->origin, .sources = &source, .source_count = 1
	};
	struct select_origin origin;

	if (mount->selection || mount->plan->origin.kind == ORIGIN_NONE)
		return NULL;
	TRY(step_origin(build, &copy, true, &origin));
	TRY(select_make(&origin, &copy, build->options->cancel, &mount->selection));
	if (mount->selection->groups.n == 0 || mount->selection->groups.p[0].count == 0) {
		select_free(TAKE(mount->selection));
		return error_new(ERR_INVALID, "'/%s' of %s is neither a file nor a directory",
				mount->plan->source, origin.name);
	}
	return NULL;
}

/* All of an image: its layers say the same, and nothing needs to be read. */
static bool is_whole_image(const struct plan_mount *mount)
{
	return mount->origin.kind == ORIGIN_IMAGE && mount->source[0] == '\0';
}

FALLIBLE mount_content(struct build *build, struct step_run *run, size_t i, struct digest *ret)
{
	struct step_mount *mount = &step_mounts(run)->p[i];
	const struct plan_origin *origin = &mount->plan->origin;
	AUTO(key) struct key *key = key_new("mounted");

	key_number(key, "origin", origin->kind == ORIGIN_NONE);
	if (is_whole_image(mount->plan)) {
		const struct stack *stack = &build->images[origin->image->index].stack;
		struct digest chain = stack_chain(stack, stack->n);

		key_digest(key, "chain", &chain);
	} else if (origin->kind != ORIGIN_NONE) {
		TRY(mount_look(build, run, i));
		TRY(select_hash(mount->selection, origin_digests(build, origin), build->pool,
				build->options->cancel));
		struct digest content = select_digest(mount->selection);
		const struct owner *top = &mount->selection->items.p[0].owner;

		key_digest(key, "content", &content);
		/* The digest leaves the top directory's own out: here it is seen. */
		key_number(key, "mode", top->mode);
		key_number(key, "uid", top->uid);
		key_number(key, "gid", top->gid);
	}
	*ret = key_finish(key, NULL);
	return NULL;
}

FALLIBLE mounts_content(struct build *build, struct step_run *run, struct digest *ret)
{
	AUTO(key) struct key *key = key_new("all mounted");
	struct step_mounts *mounts = step_mounts(run);

	for (size_t i = 0; i < mounts->n; i++) {
		struct digest one = { 0 };

		if (mounts->p[i].plan->as.type != MOUNT_BIND)
			continue;
		TRY(mount_content(build, run, i, &one));
		key_digest(key, "mount", &one);
	}
	*ret = key_finish(key, NULL);
	return NULL;
}

static FALLIBLE copy_once(struct build *build, struct step_mount *mount, const struct user *owner)
{
	AUTO(made) struct made made = { 0 };
	AUTO(place) struct place place = { 0 };
	struct view nothing = { .fd = -1, .policy = &build->options->userns->owner };

	assert(mount->selection); /* mount_look() left one */
	const struct plan_copy copy = { .dest = "/", .dest_is_dir = true };
	const struct select_item *top = &mount->selection->items.p[0];
	struct owner root = { .mode = S_IFDIR | 0755 };

	if (mount->selection->groups.p[0].is_dir)
		root = top->owner;
	if (owner) {
		root.uid = owner->uid;
		root.gid = owner->gid;
	}
	TRY(made_open(build, &root, MADE_DIR, &made));
	place_init(&place, build, &made, &nothing);
	if (owner) {
		place.rules.has_owner = true;
		place.rules.uid = owner->uid;
		place.rules.gid = owner->gid;
	}
	place.digests = origin_digests(build, &mount->plan->origin);
	TRY(place_selection(&place, mount->selection, &copy));
	return made_keep(&made, &mount->draft);
}

FALLIBLE mount_copy(struct build *build, struct step_run *run, size_t i, const struct user *owner)
{
	struct step_mount *mount = &step_mounts(run)->p[i];
	struct error *error = copy_once(build, mount, owner);

	for (unsigned tries = 1; tries < SELECT_TRIES && select_is_changed(error); tries++) {
		error_ignore(error, "looked at again");
		select_free(TAKE(mount->selection));
		mounts_unkey(run);
		error = mount_look(build, run, i);
		if (!error)
			error = copy_once(build, mount, owner);
	}
	return error;
}
