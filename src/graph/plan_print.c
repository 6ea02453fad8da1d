#include "base/strbuf.h"
#include "graph/plan.h"
#include "oci/json.h"

#include <string.h>

static void print_origin(const struct plan_origin *origin, struct strbuf *out)
{
	switch (origin->kind) {
	case ORIGIN_NONE:
		strbuf_add(out, "nothing");
		return;
	case ORIGIN_CONTEXT:
		strbuf_add(out, origin->tree ? "named context" : "context");
		if (origin->tree)
			strbuf_addf(out, " %zu", origin->tree);
		return;
	case ORIGIN_STAGE:
		strbuf_addf(out, "stage %s", origin->stage->name);
		return;
	case ORIGIN_IMAGE:
		strbuf_addf(out, "image %s", origin->image->name);
		return;
	}
}

static void print_words(struct strbuf *out, const char *label, const struct texts *texts)
{
	if (!texts->n)
		return;
	strbuf_addf(out, "    %s:", label);
	for (size_t i = 0; i < texts->n; i++)
		strbuf_addf(out, " '%s'", texts->p[i]);
	strbuf_add_char(out, '\n');
}

static void print_copy(const struct plan_copy *copy, struct strbuf *out)
{
	strbuf_add(out, "    from: ");
	print_origin(&copy->origin, out);
	strbuf_add(out, "\n    sources:");
	for (size_t i = 0; i < copy->source_count; i++) {
		strbuf_addf(out, " '%s'", copy->sources[i].path);
		if (copy->sources[i].content)
			strbuf_addf(out, " (%zu bytes)", copy->sources[i].content_bytes);
	}
	strbuf_addf(out, "\n    to: '%s'%s\n", copy->dest, copy->dest_is_dir ? " (directory)" : "");
	if (copy->chown)
		strbuf_addf(out, "    chown: %s\n", copy->chown);
	if (copy->chmod)
		strbuf_addf(out, "    chmod: %s\n", copy->chmod);
	print_words(out, "exclude", &copy->excludes);
}

static void print_mount(const struct plan_mount *mount, struct strbuf *out)
{
	strbuf_addf(out, "    mount: %s", mount_type_name(mount->as.type));
	if (mount->origin.kind != ORIGIN_NONE) {
		strbuf_addf(out, " '/%s' of ", mount->source);
		print_origin(&mount->origin, out);
	}
	if (mount->as.id)
		strbuf_addf(out, " '%s'", mount->as.id);
	if (mount->target)
		strbuf_addf(out, " on '%s'", mount->target);
	if (mount->as.env)
		strbuf_addf(out, " as $%s", mount->as.env);
	strbuf_addf(out, "%s\n", mount->as.is_read_only ? " read-only" : "");
}

static void print_step(const struct plan_step *step, struct strbuf *out)
{
	static const char *const networks[] = { "default", "none", "host" };

	strbuf_addf(out, "  [%s %zu/%zu] %s\n", step->stage->name, step->number,
			step->stage->number_count, step->name);
	if (step->user[0])
		strbuf_addf(out, "    user: %s\n", step->user);
	switch (step->kind) {
	case STEP_RUN:
		print_words(out, "argv", &step->run.argv);
		strbuf_addf(out, "    workdir: %s\n", step->workdir);
		print_words(out, "env", &step->run.env);
		if (step->run.network != NETWORK_DEFAULT)
			strbuf_addf(out, "    network: %s\n", networks[step->run.network]);
		if (step->run.is_insecure)
			strbuf_add(out, "    security: insecure\n");
		for (size_t i = 0; i < step->run.kept.n; i++)
			strbuf_addf(out, "    kept: %s\n", step->run.kept.p[i]);
		for (size_t i = 0; i < step->run.mount_count; i++)
			print_mount(&step->run.mounts[i], out);
		return;
	case STEP_COPY:
		print_copy(&step->copy, out);
		return;
	case STEP_WORKDIR:
		for (size_t i = 0; i < step->workdir_step.count; i++)
			strbuf_addf(out, "    path: %s\n", step->workdir_step.paths[i]);
		return;
	}
}

/* Marks the value in every "NAME=value" of the text; one may stand within another. */
static void mark(const char *pair, struct str text, bool *hidden)
{
	size_t n = strlen(pair), name = (size_t)(strchr(pair, '=') - pair) + 1;
	const char *end = text.p + text.n, *found;

	for (const char *at = text.p; n > name && (found = memmem(at, (size_t)(end - at), pair, n));
			at = found + 1)
		memset(hidden + (found - text.p) + name, true, n - name);
}

/* As words and as they stand in the config's JSON. */
static void mark_values(const struct list *build_args, struct str text, bool *hidden)
{
	for (size_t i = 0; build_args && i < build_args->n; i++) {
		const char *pair = build_args->p[i];
		AUTO(json_out) struct json_out quoted = { 0 };

		if (!strchr(pair, '='))
			continue;
		mark(pair, text, hidden);
		json_out_text(&quoted, NULL, pair);
		AUTO_FREE char *inner = xstrndup(quoted.text.p + 1, quoted.text.n - 2);
		mark(inner, text, hidden);
	}
}

static void add_without_values(const struct list *build_args, struct str text, struct strbuf *out)
{
	AUTO_FREE bool *hidden = xcalloc(text.n + 1, sizeof(*hidden));

	mark_values(build_args, text, hidden);
	for (size_t i = 0; i < text.n; i++)
		if (!hidden[i])
			strbuf_add_char(out, text.p[i]);
		else if (!hidden[i + 1])
			strbuf_add(out, "...");
}

void plan_show(const struct plan *plan, const struct list *build_args, struct strbuf *out)
{
	char platform[PLATFORM_TEXT];
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < plan->stage_count; i++) {
		const struct plan_stage *stage = plan->stages[i];

		strbuf_addf(&text, "stage %s%s: %s from ", stage->name,
				stage == plan->target ? " (target)" : "",
				platform_text(&stage->platform, platform));
		if (stage->base.kind == ORIGIN_NONE)
			strbuf_add(&text, "scratch");
		else
			print_origin(&stage->base, &text);
		strbuf_add_char(&text, '\n');
		if (stage->after)
			strbuf_addf(&text, "  after: stage %s\n", stage->after->name);
		for (size_t k = 0; k < stage->step_count; k++)
			print_step(&stage->steps[k], &text);
		AUTO_FREE char *config = image_config_print(&stage->config);
		strbuf_addf(&text, "  config: %s\n", config);
	}
	add_without_values(build_args, strbuf_str(&text), out);
}
