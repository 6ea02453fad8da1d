#include "build/remote.h"
#include "graph/key.h"

static void warn(void *user, const char *text)
{
	const struct build *build = user;

	progress_warn(build->options->progress, 0, (struct source_range){ 0 }, "%s", text);
}

/*
 * The index of a Dockerfile: known before anything was looked at but its text. All platforms of a
 * build share one, which the last of them writes.
 */
static char *index_name(const struct build *build)
{
	AUTO(key) struct key *key = key_new("cache index");
	char platform[PLATFORM_TEXT], hex[DIGEST_HEX];

	key_text(key, "dockerfile", build->context->dockerfile);
	key_text(key, "target", build->options->target);
	key_text(key, "platform",
			build->is_one_of_many ? "several"
					      : platform_text(&build->platform, platform));
	struct digest digest = key_finish(key, NULL);
	return xasprintf("%.32s", digest_hex(&digest, hex));
}

FALLIBLE remote_open(struct build *build)
{
	const struct build_options *options = build->options;
	static const struct cache_specs none = { 0 };
	struct cache_homes_settings settings = {
		.from = options->cache_from && !options->no_cache ? options->cache_from : &none,
		.to = options->cache_to ? options->cache_to : &none,
		.means = { .registry = options->cache_writer ? options->cache_writer
							     : options->registry,
				.reader = options->cache_reader ? options->cache_reader
								: options->registry,
				.cancel = options->cancel,
				.platform = build->platform },
		.ttl_seconds = options->cache_ttl_seconds,
		.warn = warn,
		.user = build,
	};

	if (!settings.from->n && !settings.to->n)
		return NULL;
	build->index_name = index_name(build);
	settings.means.index_name = build->index_name;
	TRY(cache_homes_new(&settings, &build->homes));
	build->layers.homes = build->homes;
	if (build->homes)
		cache_homes_start(build->homes);
	return NULL;
}

/*
 * A RUN's layer has other times in an image of another epoch, and homes keep layers as images have
 * them: for homes the epoch is part of the name.
 */
struct digest remote_key(const struct build *build, const struct step_run *run)
{
	AUTO(key) struct key *key = NULL;

	if (!build->options->has_epoch || run->step->kind != STEP_RUN)
		return run->key;
	key = key_new("run with times");
	key_digest(key, "run", &run->key);
	key_number(key, "epoch", (uint64_t)build->options->epoch);
	return key_finish(key, NULL);
}

static void want(struct build *build, const struct digest *key)
{
	vec_push(&build->wanted, *key);
}

const struct cached_step *remote_find(
		struct build *build, const struct digest *key, struct cache_home **ret_home)
{
	bool asked = false;

	if (!build->homes)
		return NULL;
	const struct cached_step *step = cache_homes_find(build->homes, key, ret_home, &asked);
	if (step || asked)
		return step;
	if (build->is_resolving) {
		want(build, key);
		return NULL;
	}
	return cache_homes_ask(build->homes, key, 1)
			       ? cache_homes_find(build->homes, key, ret_home, &asked)
			       : NULL;
}

bool remote_knows(struct build *build, const struct digest *definition)
{
	return cache_homes_know_some(build->homes) || remote_find(build, definition, NULL);
}

void remote_want(struct build *build, struct step_run *run)
{
	struct digest key = remote_key(build, run);
	struct cache_home *home = NULL;

	if (build->is_resolving && !step_ignores_cache(build, run->step))
		(void)remote_find(build, &key, &home);
}

bool remote_ask_wanted(struct build *build)
{
	bool found = build->wanted.n &&
		     cache_homes_ask(build->homes, build->wanted.p, build->wanted.n);

	build->wanted.n = 0;
	return found;
}

void remote_look_up(struct build *build, struct step_run *run)
{
	struct digest key = remote_key(build, run);
	struct cache_home *home = NULL;
	const struct cached_step *step = remote_find(build, &key, &home);

	/* A definition that is somebody's key is no record of this step. */
	if (!step || !digest_equal(&step->key, &key))
		return;
	if (step->kind == CACHED_LAYER) {
		run->layer = layer_from_home(&build->layers, step, home);
		run->layer->is_placed = run->step->kind != STEP_RUN;
	}
	run->cached = step;
	run->home = home ? home->name : NULL;
	run->content = step->content;
	run->created = step->created;
	run->is_hit = true;
}

/* Every layer that the origin has is known now. */
static bool origin_layers(struct build *build, const struct plan_origin *origin, struct stack *ret)
{
	if (origin->kind == ORIGIN_IMAGE) {
		stack_copy(&build->images[origin->image->index].stack, ret);
		return true;
	}
	for (const struct stage_run *run = build_stage(build, origin->stage); run; run = run->base)
		for (size_t i = 0; i < run->stage->step_count; i++)
			if (!run->steps[i].is_hit)
				return false;
	remote_stage_layers(build, build_stage(build, origin->stage), ret);
	return true;
}

FALLIBLE remote_content(struct build *build, struct step_run *run, struct digest *ret)
{
	AUTO(stack) struct stack stack = { 0 };
	struct view view = { .fd = -1, .policy = &build->options->userns->owner };
	const struct cached_step *step = NULL;
	bool asked = false;

	const struct plan_origin *origin = &run->step->copy.origin;
	bool is_layers = origin->kind == ORIGIN_STAGE || origin->kind == ORIGIN_IMAGE;

	if (!is_layers || !cache_homes_know_some(build->homes) ||
			!origin_layers(build, origin, &stack) || !stack.n ||
			stack_dirs(&stack) == stack.n)
		return NULL;
	/* Its definition is cheaper to look up than what it would read. */
	if (cache_homes_ask(build->homes, &run->definition, 1))
		step = cache_homes_find(build->homes, &run->definition, NULL, &asked);
	if (step) {
		*ret = step->content;
		return NULL;
	}
	if (!stack_need_names(&build->layers, &stack, 0, true))
		return NULL;
	AUTO_FREE struct view_names **names = xcalloc(stack.n, sizeof(struct view_names *));
	for (size_t i = 0; i < stack.n; i++)
		names[i] = stack.p[i]->names;
	view.names = names;
	view.name_count = stack.n;
	return select_content_of_view(&view, &run->step->copy, ret);
}

void remote_begin(struct build *build)
{
	build->distrusted = cache_homes_distrusted(build->homes);
}

bool remote_failed(const struct build *build)
{
	return cache_homes_distrusted(build->homes) != build->distrusted;
}

FALLIBLE remote_keep(struct build *build)
{
	for (size_t i = 0; i < build->plan->stage_count; i++)
		for (size_t k = 0; k < build->stages[i].stage->step_count; k++) {
			struct step_run *run = &build->stages[i].steps[k];
			struct digest key = remote_key(build, run);
			bool is_here = run->layer && run->layer->id[0];

			/* A layer with an epoch's times is not what the step made. */
			if (!run->cached || !digest_equal(&key, &run->key))
				continue;
			if (is_here || run->cached->kind == CACHED_EMPTY)
				TRY(step_remember(build, run,
						digest_known(&run->content) ? &run->content
									    : NULL));
		}
	return NULL;
}
