/*
 * Steps as BuildKit's operations: sources without inputs, a RUN as "exec" on what it stands on and
 * what its mounts show, COPY, ADD and WORKDIR as "file". A step's number is its place, and every
 * one stands behind those that it reads.
 */
#include "base/map.h"
#include "build/provenance.h"

#include <stdio.h>
#include <string.h>

/* BuildKit's numbers (solver/pb/ops.proto). */
enum { PB_MOUNT_SECRET = 1, PB_MOUNT_SSH, PB_MOUNT_CACHE, PB_MOUNT_TMPFS };
enum { PB_NETWORK_HOST = 1, PB_NETWORK_NONE };
enum { PB_INSECURE = 1 };
enum { NOTHING = -1 };
/* Each step names all layers below it: of an image with more than this only the ends are told. */
enum { MOST_TOLD_LAYERS = 128 };

struct walk {
	const struct build *build;
	const struct image *image;
	struct provenance_steps *to;
	struct map *sources; /* identifier and what it is by -> number, as text */
	long *ends;          /* of each stage of the plan: its last step, or NOTHING */
	long next;
};

struct inputs {
	VEC(long) steps;
};

static void inputs_done(struct inputs *inputs)
{
	vec_done(&inputs->steps);
}

DEFINE_AUTO_VALUE(inputs)

/* Its place among the inputs. NOTHING is NOTHING. */
static long input_add(struct inputs *inputs, long step)
{
	if (step == NOTHING)
		return NOTHING;
	for (size_t i = 0; i < inputs->steps.n; i++)
		if (inputs->steps.p[i] == step)
			return (long)i;
	vec_push(&inputs->steps, step);
	return (long)inputs->steps.n - 1;
}

static struct json_out *out_of(struct walk *walk)
{
	return &walk->to->definition;
}

static void begin(struct walk *walk, const char *kind)
{
	struct json_out *out = out_of(walk);
	char id[32];

	(void)snprintf(id, sizeof(id), "step%ld", walk->next);
	json_out_open(out, NULL, '{');
	json_out_text(out, "id", id);
	json_out_open(out, "op", '{');
	json_out_open(out, "Op", '{');
	json_out_open(out, kind, '{');
}

/* platform: NULL where it says nothing. Returns the step's number. */
static long end(struct walk *walk, const struct platform *platform, const struct inputs *inputs)
{
	struct json_out *out = out_of(walk);

	json_out_close(out, '}');
	json_out_close(out, '}');
	if (platform) {
		json_out_open(out, "platform", '{');
		json_out_text(out, "Architecture", platform->architecture);
		json_out_text(out, "OS", platform->os);
		if (platform->variant[0])
			json_out_text(out, "Variant", platform->variant);
		json_out_close(out, '}');
	}
	json_out_close(out, '}');
	if (inputs && inputs->steps.n) {
		json_out_open(out, "inputs", '[');
		for (size_t i = 0; i < inputs->steps.n; i++) {
			AUTO_FREE char *text = xasprintf("step%ld:0", inputs->steps.p[i]);

			json_out_text(out, NULL, text);
		}
		json_out_close(out, ']');
	}
	json_out_close(out, '}');
	return walk->next++;
}

/* --- where steps stand in the Dockerfile --- */

static void say_line(struct json_out *out, const char *key, unsigned line)
{
	json_out_open(out, key, '{');
	json_out_u64(out, "line", line);
	json_out_close(out, '}');
}

static void say_place(struct walk *walk, long step, const struct source_range *at)
{
	struct json_out *out = &walk->to->locations;
	AUTO_FREE char *id = xasprintf("step%ld", step);

	json_out_open(out, id, '{');
	json_out_open(out, "locations", '[');
	json_out_open(out, NULL, '{');
	json_out_open(out, "ranges", '[');
	json_out_open(out, NULL, '{');
	say_line(out, "start", at->line);
	say_line(out, "end", at->end_line > at->line ? at->end_line : at->line);
	json_out_close(out, '}');
	json_out_close(out, ']');
	json_out_close(out, '}');
	json_out_close(out, ']');
	json_out_close(out, '}');
}

/* --- layers --- */

/* The lowest n layers of the image, as what a step came to. */
static void say_layers(struct walk *walk, long step, size_t n)
{
	struct json_out *out = &walk->to->layers;
	AUTO_FREE char *id = xasprintf("step%ld:0", step);

	if (step == NOTHING || !n)
		return;
	json_out_open(out, id, '[');
	json_out_open(out, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		const struct descriptor *layer = &walk->image->manifest.layers.p[i];

		json_out_open(out, NULL, '{');
		json_out_text(out, "mediaType", layer->media_type);
		json_out_digest(out, "digest", &layer->digest);
		json_out_u64(out, "size", layer->size);
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
	json_out_close(out, ']');
}

/* --- sources --- */

/* by: what tells it from others of that identifier, its digest; or NULL. */
static long source_of(struct walk *walk, const char *identifier, const char *by,
		const struct platform *platform)
{
	AUTO_FREE char *key = xasprintf("%s %s", by ? by : "", identifier);
	const char *known = map_get(walk->sources, key);
	long number = 0;

	if (known)
		return strtol(known, NULL, 10);
	begin(walk, "source");
	json_out_text(out_of(walk), "identifier", identifier);
	number = end(walk, platform, NULL);
	map_set(walk->sources, key, xasprintf("%ld", number));
	return number;
}

static long context_source(struct walk *walk, size_t tree)
{
	const struct build_options *options = walk->build->options;
	const char *name = tree ? options->contexts[tree - 1].name : "context";
	AUTO(provenance_source) struct provenance_source context = { 0 };

	if (tree ? provenance_tree(walk->build, tree - 1, &context)
		 : provenance_context(walk->build, &context))
		return source_of(walk, context.uri, context.hex, NULL);
	AUTO_FREE char *local = xasprintf("local://%s", name);
	return source_of(walk, local, NULL, NULL);
}

static long stage_end(struct walk *walk, const struct plan_stage *stage)
{
	const struct plan *plan = walk->build->plan;

	for (size_t i = 0; i < plan->stage_count; i++)
		if (plan->stages[i] == stage)
			return walk->ends[i];
	return NOTHING;
}

static long origin_step(struct walk *walk, const struct plan_origin *origin)
{
	switch (origin->kind) {
	case ORIGIN_NONE:
		return NOTHING;
	case ORIGIN_CONTEXT:
		return context_source(walk, origin->tree);
	case ORIGIN_STAGE:
		return stage_end(walk, origin->stage);
	case ORIGIN_IMAGE: {
		const struct plan_image *image = origin->image;
		AUTO_FREE char *uri = provenance_image_uri(image);
		char digest[DIGEST_TEXT];

		return source_of(walk, uri,
				image->image ? digest_text(&image->image->digest, digest) : NULL,
				&image->platform);
	}
	}
	return NOTHING;
}

/* --- RUN --- */

static void say_texts(struct json_out *out, const char *key, const struct texts *texts)
{
	json_out_open(out, key, '[');
	for (size_t i = 0; i < texts->n; i++)
		json_out_text(out, NULL, texts->p[i]);
	json_out_close(out, ']');
}

/* But for proxies, as among the build arguments. */
static void say_env(struct json_out *out, const struct texts *env)
{
	json_out_open(out, "env", '[');
	for (size_t i = 0; i < env->n; i++) {
		AUTO_FREE char *name = xstrndup(env->p[i], strcspn(env->p[i], "="));

		if (!plan_is_proxy_arg(name))
			json_out_text(out, NULL, env->p[i]);
	}
	json_out_close(out, ']');
}

static void open_mount(struct json_out *out, long input, const char *dest)
{
	json_out_open(out, NULL, '{');
	json_out_i64(out, "input", input);
	json_out_text(out, "dest", dest);
	json_out_i64(out, "output", NOTHING);
}

static void say_id(struct json_out *out, const char *key, const struct run_mount *mount)
{
	json_out_open(out, key, '{');
	json_out_text(out, "ID", mount->id);
	if (!mount->is_required)
		json_out_bool(out, "optional", true);
	json_out_close(out, '}');
}

static void say_mount(struct json_out *out, const struct plan_mount *mount, long input)
{
	const struct run_mount *as = &mount->as;

	open_mount(out, input, mount->target ? mount->target : "");
	switch (as->type) {
	case MOUNT_BIND:
		if (mount->source && *mount->source)
			json_out_text(out, "selector", mount->source);
		if (as->is_read_only)
			json_out_bool(out, "readonly", true);
		break;
	case MOUNT_CACHE:
		json_out_i64(out, "mountType", PB_MOUNT_CACHE);
		json_out_open(out, "cacheOpt", '{');
		json_out_text(out, "ID", as->id);
		json_out_i64(out, "sharing", (int64_t)as->sharing - 1);
		json_out_close(out, '}');
		break;
	case MOUNT_TMPFS:
		json_out_i64(out, "mountType", PB_MOUNT_TMPFS);
		break;
	case MOUNT_SECRET:
		json_out_i64(out, "mountType", PB_MOUNT_SECRET);
		say_id(out, "secretOpt", as);
		break;
	case MOUNT_SSH:
		json_out_i64(out, "mountType", PB_MOUNT_SSH);
		say_id(out, "sshOpt", as);
		break;
	}
	json_out_close(out, '}');
}

static void say_command(struct json_out *out, const struct plan_step *step)
{
	json_out_open(out, "meta", '{');
	say_texts(out, "args", &step->run.argv);
	say_env(out, &step->run.env);
	json_out_text(out, "cwd", step->workdir);
	if (step->user && *step->user)
		json_out_text(out, "user", step->user);
	json_out_close(out, '}');
	if (step->run.network != NETWORK_DEFAULT)
		json_out_i64(out, "network",
				step->run.network == NETWORK_NONE ? PB_NETWORK_NONE
								  : PB_NETWORK_HOST);
	if (step->run.is_insecure)
		json_out_i64(out, "security", PB_INSECURE);
}

static long run_step(struct walk *walk, const struct plan_step *step, long below)
{
	const struct plan_run *run = &step->run;
	struct json_out *out = out_of(walk);
	AUTO(inputs) struct inputs inputs = { 0 };
	AUTO_FREE long *shown = xcalloc(run->mount_count + 1, sizeof(*shown));
	long root = input_add(&inputs, below);

	for (size_t i = 0; i < run->mount_count; i++)
		shown[i] = input_add(&inputs, origin_step(walk, &run->mounts[i].origin));
	begin(walk, "exec");
	say_command(out, step);
	json_out_open(out, "mounts", '[');
	json_out_open(out, NULL, '{');
	json_out_i64(out, "input", root);
	json_out_text(out, "dest", "/");
	json_out_i64(out, "output", 0);
	json_out_close(out, '}');
	for (size_t i = 0; i < run->mount_count; i++)
		say_mount(out, &run->mounts[i], shown[i]);
	json_out_close(out, ']');
	return end(walk, &step->stage->platform, &inputs);
}

/* --- COPY, ADD, WORKDIR --- */

/* What a step's actions make one after the other; the last is what the step makes. */
struct actions {
	struct json_out *out;
	long root;
	size_t inputs, n, of;
};

static void open_action(struct actions *actions, long from, const char *kind)
{
	struct json_out *out = actions->out;
	bool is_last = actions->n + 1 == actions->of;
	long below = actions->n ? (long)(actions->inputs + actions->n - 1) : actions->root;

	json_out_open(out, NULL, '{');
	json_out_i64(out, "input", below);
	json_out_i64(out, "secondaryInput", from);
	json_out_i64(out, "output", is_last ? 0 : NOTHING);
	json_out_open(out, "Action", '{');
	json_out_open(out, kind, '{');
	actions->n++;
}

static void close_action(struct actions *actions)
{
	json_out_close(actions->out, '}');
	json_out_close(actions->out, '}');
	json_out_close(actions->out, '}');
}

static void say_copy(struct actions *actions, const struct plan_copy *copy,
		const struct plan_source *source, long from)
{
	struct json_out *out = actions->out;
	const char *slash = source->path[0] == '/' ? "" : "/";
	AUTO_FREE char *path = xasprintf("%s%s", slash, source->path);
	AUTO_FREE char *file = copy->dest_is_dir ? xasprintf("%s%s", copy->dest, path)
						 : xstrdup(copy->dest);

	open_action(actions, from, source->content ? "mkfile" : "copy");
	if (source->content) {
		json_out_text(out, "path", file);
		json_out_base64(out, "data",
				(struct str){ source->content, source->content_bytes });
	} else {
		json_out_text(out, "src", source->url || source->git ? "/" : path);
		json_out_text(out, "dest", copy->dest);
		json_out_text(out, "modeStr", copy->chmod);
		json_out_bool(out, "createDestPath", true);
		json_out_bool(out, "allowWildcard", true);
		if (copy->is_add && copy->unpack != TRISTATE_NO)
			json_out_bool(out, "attemptUnpackDockerCompatibility", true);
	}
	json_out_text(out, "owner", copy->chown);
	close_action(actions);
}

static long copy_source(struct walk *walk, const struct step_run *run, size_t i)
{
	const struct plan_copy *copy = &run->step->copy;
	AUTO(provenance_source) struct provenance_source source = { 0 };

	if (copy->sources[i].content)
		return NOTHING;
	if (!copy->sources[i].url && !copy->sources[i].git)
		return origin_step(walk, &copy->origin);
	if (!run->fetched || !provenance_fetched(&run->fetched[i], &source))
		return NOTHING;
	return source_of(walk, source.uri, source.hex, NULL);
}

static long copy_step(struct walk *walk, const struct step_run *run, long below)
{
	const struct plan_copy *copy = &run->step->copy;
	AUTO(inputs) struct inputs inputs = { 0 };
	AUTO_FREE long *from = xcalloc(copy->source_count + 1, sizeof(*from));
	struct actions actions = { .out = out_of(walk), .of = copy->source_count };

	actions.root = input_add(&inputs, below);
	for (size_t i = 0; i < copy->source_count; i++)
		from[i] = input_add(&inputs, copy_source(walk, run, i));
	actions.inputs = inputs.steps.n;
	begin(walk, "file");
	json_out_open(actions.out, "actions", '[');
	for (size_t i = 0; i < copy->source_count; i++)
		say_copy(&actions, copy, &copy->sources[i], from[i]);
	json_out_close(actions.out, ']');
	return end(walk, &run->step->stage->platform, &inputs);
}

static long workdir_step(struct walk *walk, const struct plan_step *step, long below)
{
	const struct plan_workdir *workdir = &step->workdir_step;
	AUTO(inputs) struct inputs inputs = { 0 };
	struct actions actions = { .out = out_of(walk), .of = workdir->count };

	actions.root = input_add(&inputs, below);
	actions.inputs = inputs.steps.n;
	begin(walk, "file");
	json_out_open(actions.out, "actions", '[');
	for (size_t i = 0; i < workdir->count; i++) {
		open_action(&actions, NOTHING, "mkdir");
		json_out_text(actions.out, "path", workdir->paths[i]);
		json_out_i64(actions.out, "mode", 0755);
		json_out_bool(actions.out, "makeParents", true);
		close_action(&actions);
	}
	json_out_close(actions.out, ']');
	return end(walk, &step->stage->platform, &inputs);
}

static long any_step(struct walk *walk, const struct step_run *run, long below)
{
	switch (run->step->kind) {
	case STEP_RUN:
		return run_step(walk, run->step, below);
	case STEP_COPY:
		return copy_step(walk, run, below);
	case STEP_WORKDIR:
		return workdir_step(walk, run->step, below);
	}
	return below;
}

/* --- stages --- */

/* Layers of the image are told only where each is one of a step or of the base. */
static bool tells_layers(const struct walk *walk, const struct stage_run *run)
{
	return walk->image && run->is_exported && !walk->build->options->squash &&
	       !walk->build->options->force_compression;
}

/* How many layers of the image a stage of it starts with. */
static size_t layers_below(const struct stage_run *run)
{
	size_t n = 0;

	while (n < run->stack.n && run->stack.p[n]->image)
		n++;
	for (const struct stage_run *base = run->base; base; base = base->base)
		for (size_t i = 0; i < base->stage->step_count; i++)
			n += !result_layer_is_empty(base->steps[i].layer);
	return n;
}

static bool is_worth_telling(const struct walk *walk, const struct stage_run *run, size_t step)
{
	bool is_end = run->stage == walk->build->plan->target && step + 1 == run->stage->step_count;

	return is_end || walk->image->manifest.layers.n <= MOST_TOLD_LAYERS;
}

static void stage_steps(struct walk *walk, size_t at)
{
	const struct stage_run *run = &walk->build->stages[at];
	long step = origin_step(walk, &run->stage->base);
	bool tells = tells_layers(walk, run);
	size_t layers = tells ? layers_below(run) : 0;

	if (tells && run->stage->base.kind == ORIGIN_IMAGE)
		say_layers(walk, step, layers);
	for (size_t i = 0; i < run->stage->step_count; i++) {
		step = any_step(walk, &run->steps[i], step);
		say_place(walk, step, &run->steps[i].step->at);
		layers += !result_layer_is_empty(run->steps[i].layer);
		if (tells && is_worth_telling(walk, run, i) &&
				layers <= walk->image->manifest.layers.n)
			say_layers(walk, step, layers);
	}
	walk->ends[at] = step;
}

/* The end of BuildKit's list: what has no operation, and the result as its input. */
static void last_step(struct walk *walk)
{
	struct json_out *out = out_of(walk);
	AUTO_FREE char *id = xasprintf("step%ld", walk->next);
	AUTO_FREE char *input = xasprintf("step%ld:0", stage_end(walk, walk->build->plan->target));

	json_out_open(out, NULL, '{');
	json_out_text(out, "id", id);
	if (stage_end(walk, walk->build->plan->target) != NOTHING) {
		json_out_open(out, "inputs", '[');
		json_out_text(out, NULL, input);
		json_out_close(out, ']');
	}
	json_out_close(out, '}');
}

void provenance_steps_make(
		const struct build *build, const struct image *image, struct provenance_steps *ret)
{
	AUTO(map) struct map *sources = map_new(free);
	AUTO_FREE long *ends = xcalloc(build->plan->stage_count, sizeof(*ends));
	struct walk walk = { build, image, ret, sources, ends, 0 };

	for (size_t i = 0; i < build->plan->stage_count; i++)
		ends[i] = NOTHING;
	/* Who looks through the result makes nothing of it. */
	for (size_t i = 0; i < build->plan->stage_count; i++)
		if (build->plan->stages[i] != build->plan->scan)
			stage_steps(&walk, i);
	last_step(&walk);
}

void provenance_steps_done(struct provenance_steps *steps)
{
	json_out_done(&steps->definition);
	json_out_done(&steps->locations);
	json_out_done(&steps->layers);
}
