/*
 * The instructions that touch the file system: RUN, COPY, ADD, WORKDIR. What they say is expanded
 * and made absolute here, so that whoever runs a step needs no scope.
 */
#include "dockerfile/heredoc.h"
#include "graph/lower.h"

#include <string.h>

struct texts lower_shell(const struct lowered *stage)
{
	static const char *const standard[] = { "/bin/sh", "-c" };
	static const char *const windows[] = { "cmd", "/S", "/C" };
	const struct list *shell = &stage->out->config.shell;

	if (shell->n)
		return (struct texts){ (const char *const *)shell->p, shell->n };
	if (text_equal(stage->out->platform.os, "windows"))
		return (struct texts){ windows, COUNT(windows) };
	return (struct texts){ standard, COUNT(standard) };
}

/* The one word of the shell form, heredocs put back in where the shell must handle them. */
static const char *shell_text(struct lower *lower, const struct instruction *in, bool *ret_script)
{
	const char *text = in->run.command.argv.n ? in->run.command.argv.p[0].text : "";
	AUTO(strbuf) struct strbuf full = { 0 };
	struct heredoc sole;
	bool is_sole = false;

	*ret_script = false;
	if (in->heredoc_count == 0)
		return text;
	struct error *error = heredoc_parse(lower->arena, str_trim(str_of(text)), &sole, &is_sole);
	error_ignore(error, "a line that is more than one heredoc word");
	if (in->heredoc_count == 1 && is_sole) {
		const struct heredoc *doc = &in->heredocs[0];
		const char *body = doc->chomp ? heredoc_chomp(lower->arena, doc->content)
					      : doc->content;

		*ret_script = strncmp(body, "#!", 2) == 0;
		return body;
	}
	strbuf_add(&full, text);
	for (size_t i = 0; i < in->heredoc_count; i++)
		strbuf_addf(&full, "\n%s%s", in->heredocs[i].content, in->heredocs[i].name);
	return arena_str(lower->arena, strbuf_str(&full));
}

struct texts lower_texts(struct arena *arena, const struct list *list)
{
	const char **p = arena_array(arena, list->n, sizeof(*p));

	for (size_t i = 0; i < list->n; i++)
		p[i] = arena_text(arena, list->p[i]);
	return (struct texts){ p, list->n };
}

static void run_argv(struct lower *lower, struct lowered *stage, const struct instruction *in,
		struct plan_run *run)
{
	const struct command_line *command = &in->run.command;
	struct texts shell = lower_shell(stage);
	AUTO(list) struct list argv = { 0 };
	bool is_script = false;

	if (!command->is_shell) {
		for (size_t i = 0; i < command->argv.n; i++)
			list_add(&argv, command->argv.p[i].text);
	} else {
		const char *text = shell_text(lower, in, &is_script);

		if (is_script) {
			run->script = text;
			list_addf(&argv, "/dev/pipes/%s", in->heredocs[0].name);
		} else {
			for (size_t i = 0; i < shell.n; i++)
				list_add(&argv, shell.p[i]);
			list_add(&argv, text);
		}
	}
	run->argv = lower_texts(lower->arena, &argv);
}

/* Proxies may hold passwords, and history is for everybody. "" is what an ENV hides. */
static bool is_shown(const char *assignment)
{
	AUTO_FREE char *name = xstrndup(assignment, strcspn(assignment, "="));

	return *name && !plan_is_proxy_arg(name);
}

/* "RUN |1 V=1 /bin/sh -c make": how every builder since Docker 1.9 writes it. */
static const char *run_history(
		struct lower *lower, const struct lowered *stage, const struct plan_run *run)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	size_t shown = 0;

	strbuf_add(&text, "RUN ");
	for (size_t i = 0; i < stage->scope.args.n; i++)
		shown += is_shown(stage->scope.args.p[i]);
	if (shown) {
		strbuf_addf(&text, "|%zu ", shown);
		for (size_t i = 0; i < stage->scope.args.n; i++)
			if (is_shown(stage->scope.args.p[i]))
				strbuf_addf(&text, "%s ", stage->scope.args.p[i]);
	}
	strbuf_add(&text, run->script ? run->script : "");
	for (size_t i = 0; i < run->argv.n && !run->script; i++)
		strbuf_addf(&text, "%s%s", i ? " " : "", run->argv.p[i]);
	return arena_str(lower->arena, strbuf_str(&text));
}

static FALLIBLE run_network(const struct flag *flag, enum plan_network *ret)
{
	const char *value = flag ? flag->value : NULL;

	if (!flag || text_equal(value, "default"))
		*ret = NETWORK_DEFAULT;
	else if (text_equal(value, "none"))
		*ret = NETWORK_NONE;
	else if (text_equal(value, "host"))
		*ret = NETWORK_HOST;
	else
		return error_hint(error_at(error_new(ERR_INVALID, "invalid network mode: \"%s\"",
							   value),
						  flag->at),
				"one of default, none, host");
	return NULL;
}

/* Those of the base as well; "/" is none. */
static struct texts kept_volumes(struct arena *arena, const struct list *volumes)
{
	AUTO(list) struct list paths = { 0 };

	for (size_t i = 0; i < volumes->n; i++) {
		const char *path = lower_path(arena, "/", volumes->p[i]);

		if (!text_equal(path, "/") && !list_has(&paths, path))
			list_add(&paths, path);
	}
	list_sort(&paths);
	return lower_texts(arena, &paths);
}

FALLIBLE lower_run(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	struct plan_run run = { 0 };

	if (in->run.device_count)
		return error_hint(error_at(error_new(ERR_UNSUPPORTED, "RUN --device: kiln gives no "
								      "device of the "
								      "machine to a step"),
						  in->run.devices[0]->at),
				"a step runs in a user namespace, where device nodes do not open; "
				"do "
				"what needs the device when the image runs");
	run.is_insecure = in->run.security && text_equal(in->run.security->value, "insecure");
	TRY(run_network(in->run.network, &run.network));
	TRY(lower_mounts(lower, stage, in, &run));
	run_argv(lower, stage, in, &run);
	TRY(lower_charge(lower, stage->scope.visible.n, in->at));
	run.env = lower_texts(lower->arena, &stage->scope.visible);
	if (lower->input->keeps_volumes)
		run.kept = kept_volumes(lower->arena, &stage->out->config.volumes);
	const char *history = run_history(lower, stage, &run);
	struct plan_step *step = lower_add_step(lower, stage, STEP_RUN, in, in->original, history);
	step->run = run;
	return NULL;
}

static FALLIBLE copy_sources(struct lower *lower, struct lowered *stage,
		const struct instruction *in, struct plan_copy *copy, struct list *words)
{
	struct plan_source *sources =
			arena_array(lower->arena, in->copy.source_count, sizeof(*sources));

	for (size_t i = 0; i < in->copy.source_count; i++) {
		const struct copy_source *from = &in->copy.sources[i];

		TRY(scope_word(lower, &stage->scope, from->path, from->at, &sources[i].path));
		if (from->heredoc) {
			const struct heredoc *doc = from->heredoc;
			const char *body = doc->chomp ? heredoc_chomp(lower->arena, doc->content)
						      : doc->content;

			if (doc->expand)
				TRY(scope_body(lower, &stage->scope, body, from->at, &body));
			sources[i].content = body;
			sources[i].content_bytes = strlen(body);
		} else if (lower_is_remote(sources[i].path)) {
			TRY(lower_remote(lower, copy, from->at, &sources[i]));
		}
		list_addf(words, "%s%s", from->heredoc ? "<<" : "", sources[i].path);
	}
	for (size_t i = 0; i < in->copy.source_count && !in->copy.from; i++)
		if (!sources[i].content && !sources[i].url && !sources[i].git)
			lower_lint_copy(lower, in, sources[i].path, in->copy.sources[i].at);
	copy->sources = sources;
	copy->source_count = in->copy.source_count;
	return NULL;
}

static FALLIBLE copy_dest(struct lower *lower, struct lowered *stage, const struct instruction *in,
		struct plan_copy *copy, struct list *words)
{
	const char *dest = NULL;

	TRY(scope_word(lower, &stage->scope, in->copy.dest.text, in->copy.dest.at, &dest));
	list_add(words, dest);
	copy->dest = lower_path(lower->arena, stage->workdir, dest);
	copy->dest_is_dir = dest[0] == '\0' || strcmp(dest, ".") == 0 || text_ends(dest, "/") ||
			    text_ends(dest, "/.") ||
			    (lower->input->sources_need_dir && copy->source_count > 1);
	return NULL;
}

static FALLIBLE copy_flag(struct lower *lower, struct lowered *stage, const struct flag *flag,
		const char **ret)
{
	if (flag && flag->value)
		TRY(scope_word(lower, &stage->scope, flag->value, flag->at, ret));
	return NULL;
}

static FALLIBLE copy_excludes(struct lower *lower, struct lowered *stage,
		const struct instruction *in, struct plan_copy *copy)
{
	const char **p = arena_array(lower->arena, in->copy.exclude_count, sizeof(*p));

	for (size_t i = 0; i < in->copy.exclude_count; i++)
		TRY(copy_flag(lower, stage, in->copy.excludes[i], &p[i]));
	copy->excludes = (struct texts){ p, in->copy.exclude_count };
	return NULL;
}

static FALLIBLE copy_origin(struct lower *lower, const struct lowered *stage,
		const struct instruction *in, struct plan_copy *copy)
{
	const struct flag *from = in->copy.from;
	const char *name = NULL;

	copy->origin.kind = ORIGIN_NONE;
	if (from) {
		TRY(lower_name(lower, NULL, from, false, &name));
		TRY(lower_origin(lower, name, from->at, &copy->origin));
		if (copy->origin.kind == ORIGIN_STAGE && copy->origin.stage == stage->out)
			return error_at(error_new(ERR_INVALID,
							"--from=%s names the stage it stands in",
							name),
					from->at);
		return NULL;
	}
	for (size_t i = 0; i < copy->source_count; i++)
		if (!copy->sources[i].content && !copy->sources[i].url && !copy->sources[i].git)
			copy->origin.kind = ORIGIN_CONTEXT;
	return NULL;
}

/* Of the flags BuildKit keeps those that say what the files are, not where they were from. */
static void copy_history(const struct instruction *in, const struct plan_copy *copy,
		const struct list *words, struct strbuf *out)
{
	strbuf_add(out, instruction_name(in->kind));
	strbuf_add(out, copy->parents ? " --parents" : "");
	if (copy->chown)
		strbuf_addf(out, " --chown=%s", copy->chown);
	if (copy->chmod)
		strbuf_addf(out, " --chmod=%s", copy->chmod);
	for (size_t i = 0; i < words->n; i++)
		strbuf_addf(out, " %s", words->p[i]);
}

FALLIBLE lower_copy(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	struct plan_copy copy = {
		.is_add = in->kind == INSTRUCTION_ADD,
		.link = in->copy.link,
		.parents = in->copy.parents,
		.unpack = in->copy.unpack,
		.keep_git_dir = in->copy.keep_git_dir,
	};
	AUTO(list) struct list words = { 0 };
	AUTO(strbuf) struct strbuf name = { 0 };
	AUTO(strbuf) struct strbuf history = { 0 };

	TRY(copy_sources(lower, stage, in, &copy, &words));
	TRY(copy_dest(lower, stage, in, &copy, &words));
	TRY(copy_flag(lower, stage, in->copy.chown, &copy.chown));
	TRY(copy_flag(lower, stage, in->copy.chmod, &copy.chmod));
	TRY(copy_flag(lower, stage, in->copy.checksum, &copy.checksum));
	if (in->copy.checksum)
		TRY(lower_checksum(&copy, in->copy.checksum->at));
	TRY(copy_excludes(lower, stage, in, &copy));
	TRY(copy_origin(lower, stage, in, &copy));
	strbuf_add(&name, instruction_name(in->kind));
	for (size_t i = 0; i < in->flag_count; i++)
		strbuf_addf(&name, " %s", in->flags[i].text);
	for (size_t i = 0; i < words.n; i++)
		strbuf_addf(&name, " %s", words.p[i]);
	copy_history(in, &copy, &words, &history);
	struct plan_step *step = lower_add_step(
			lower, stage, STEP_COPY, in, strbuf_text(&name), strbuf_text(&history));
	step->copy = copy;
	return NULL;
}

FALLIBLE lower_workdir(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	struct image_config *config = &stage->out->config;
	AUTO(strbuf) struct strbuf name = { 0 };
	const char *path = NULL;

	TRY(scope_word(lower, &stage->scope, in->word.text, in->word.at, &path));
	/* Relative ones add up; one that is empty once expanded leaves us where we are. */
	if (strlen(stage->workdir) + strlen(path) > LIMIT_PATH_BYTES)
		return error_at(error_new(ERR_LIMIT, "WORKDIR is longer than %d bytes",
						LIMIT_PATH_BYTES),
				in->word.at);
	stage->workdir = lower_path(lower->arena, stage->workdir, path);
	free(config->working_dir);
	config->working_dir = xstrdup(stage->workdir);
	strbuf_addf(&name, "WORKDIR %s", path);
	struct plan_step *step = lower_add_step(
			lower, stage, STEP_WORKDIR, in, strbuf_text(&name), strbuf_text(&name));
	const char **paths = arena_array(lower->arena, 1, sizeof(*paths));
	paths[0] = stage->workdir;
	step->workdir_step = (struct plan_workdir){ paths, 1, false };
	return NULL;
}
