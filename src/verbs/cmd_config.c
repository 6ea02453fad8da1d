/*
 * config: every field of the image to be. A row of `edits` for each flag: what it changes, and the
 * words of a Dockerfile that --add-history writes.
 */
#include "verbs/names.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "container/edit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LAYER_PREFIX "layer:"

struct config_opts {
	struct list annotations, env, labels, onbuild, ports, volumes, os_features,
			unset_annotations, unset_labels;
	char *arch, *author, *cmd, *comment, *created_by, *domainname, *entrypoint, *health_check,
			*health_interval, *health_retries, *health_start, *health_start_interval,
			*health_timeout, *history_comment, *hostname, *os, *os_version, *shell,
			*stop_signal, *user, *variant, *workdir;
	bool add_history;
};

#define OPTS config_opts
static const struct option options[] = {
	OPT_LIST('a', "annotation", annotations, "[layer:]NAME=VALUE",
			"set; NAME- removes one, - all; with layer: of the newest layer"),
	OPT_TEXT(0, "arch", arch, "ARCH", "architecture"),
	OPT_TEXT(0, "author", author, "TEXT", "who made it"),
	OPT_TEXT(0, "cmd", cmd, "COMMAND", "what runs by default"),
	OPT_TEXT(0, "comment", comment, "TEXT", "of the image"),
	OPT_TEXT(0, "created-by", created_by, "TEXT", "of the history entry that a commit adds"),
	OPT_TEXT(0, "domainname", domainname, "NAME", "of the host"),
	OPT_TEXT(0, "entrypoint", entrypoint, "COMMAND", "text for a shell, or a JSON array"),
	OPT_LIST('e', "env", env, "NAME=VALUE", "set; NAME- removes one, - all"),
	OPT_TEXT(0, "healthcheck", health_check, "COMMAND", "CMD ..., CMD-SHELL ... or none"),
	OPT_TEXT(0, "healthcheck-interval", health_interval, "TIME", "between two checks"),
	OPT_TEXT(0, "healthcheck-retries", health_retries, "N", "failures in a row"),
	OPT_TEXT(0, "healthcheck-start-period", health_start, "TIME", "that failures do not count"),
	OPT_TEXT(0, "healthcheck-start-interval", health_start_interval, "TIME",
			"between two checks in the start period"),
	OPT_TEXT(0, "healthcheck-timeout", health_timeout, "TIME", "of one check"),
	OPT_TEXT(0, "history-comment", history_comment, "TEXT", "of the entry that a commit adds"),
	OPT_TEXT(0, "hostname", hostname, "NAME", "of the host"),
	OPT_LIST('l', "label", labels, "NAME=VALUE", "set; NAME- removes one, - all"),
	OPT_LIST(0, "onbuild", onbuild, "INSTRUCTION", "add one; - removes all"),
	OPT_TEXT(0, "os", os, "OS", "operating system"),
	OPT_LIST(0, "os-feature", os_features, "NAME", "add; NAME- removes one, - all"),
	OPT_TEXT(0, "os-version", os_version, "TEXT", "its version"),
	OPT_LIST('p', "port", ports, "PORT[/PROTO]", "add; PORT- removes one, - all"),
	OPT_TEXT(0, "shell", shell, "COMMAND", "for the shell form of instructions"),
	OPT_TEXT(0, "stop-signal", stop_signal, "SIGNAL", "that ends it"),
	OPT_LIST(0, "unsetannotation", unset_annotations, "NAME", "remove one"),
	OPT_LIST(0, "unsetlabel", unset_labels, "NAME", "remove one"),
	OPT_TEXT('u', "user", user, "USER[:GROUP]", "who it runs as"),
	OPT_TEXT(0, "variant", variant, "VARIANT", "of the architecture"),
	OPT_LIST('v', "volume", volumes, "PATH", "add; PATH- removes one, - all"),
	OPT_TEXT(0, "workingdir", workdir, "DIR", "where it runs"),
	OPT_FLAG(0, "add-history", add_history, "tell of each change in the image's history"),
	OPT_SETTING(0, "layers", NULL, "taken: a change of the config costs nothing"),
	OPT_END,
};
#undef OPTS

struct editing {
	struct container *container;
	bool add_history;
};

static void PRINTF_LIKE(2, 3) tell(struct editing *editing, const char *format, ...)
{
	va_list args;

	if (!editing->add_history)
		return;
	va_start(args, format);
	AUTO_FREE char *text = xvasprintf(format, args);
	va_end(args);
	AUTO_FREE char *line = xasprintf("/bin/sh -c #(nop) %s", text);
	image_config_add_history(&editing->container->config, NULL, line, NULL, true);
}

static void pairs(struct editing *editing, const struct list *given, const struct list *unset,
		const char *word, struct list *field)
{
	for (size_t i = 0; i < given->n; i++) {
		edit_pair(field, given->p[i]);
		tell(editing, "%s %s", word, given->p[i]);
	}
	for (size_t i = 0; unset && i < unset->n; i++)
		list_env_unset(field, unset->p[i]);
}

/* $NAME and ${NAME} of the container's own variables, as Buildah has it: an unknown one is its
 * name. */
static char *expand(const struct list *env, const char *text)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (const char *p = text; *p; p++) {
		bool is_braced = p[0] == '$' && p[1] == '{';
		const char *name = p + 1 + is_braced;
		size_t n = 0;

		while (isalnum((unsigned char)name[n]) || name[n] == '_')
			n++;
		if (p[0] != '$' || !n || (is_braced && name[n] != '}')) {
			strbuf_add_char(&out, *p);
			continue;
		}
		AUTO_FREE char *key = xstrndup(name, n);
		const char *value = list_env_get(env, key);

		strbuf_add(&out, value ? value : key);
		p = name + n - !is_braced;
	}
	return strbuf_take(&out);
}

/* "NAME" alone is ours, as with docker. */
static FALLIBLE environment(struct editing *editing, const struct list *given)
{
	for (size_t i = 0; i < given->n; i++) {
		const char *text = given->p[i];
		const char *ours = strchr(text, '=') || text_ends(text, "-") ? NULL
									     : config_getenv(text);
		if (!ours && !strchr(text, '=') && !text_ends(text, "-"))
			return error_usage("setting env \"%s\": no value given", text);
		AUTO_FREE char *filled = ours ? xasprintf("%s=%s", text, ours)
					      : expand(&editing->container->config.env, text);

		edit_pair(&editing->container->config.env, filled);
		tell(editing, "ENV %s", filled);
	}
	return NULL;
}

/* "AB \"CD" for AB "CD, as Go quotes a text. */
static struct error *of_option(struct error *error, const char *option, const char *given)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!error)
		return NULL;
	for (const char *p = given; *p; p++)
		strbuf_addf(&text, "%s%c", strchr("\"\\", *p) ? "\\" : "", *p);
	error = error_wrap(error, "parsing %s \"%s\"", option, strbuf_text(&text));
	error->code = EXIT_USAGE;
	return error;
}

static void names(struct editing *editing, const struct list *given, const char *word,
		struct list *field)
{
	for (size_t i = 0; i < given->n; i++) {
		edit_name(field, given->p[i]);
		if (word)
			tell(editing, "%s %s", word, given->p[i]);
	}
}

static void text(struct editing *editing, const char *given, const char *word, char **field)
{
	if (!given)
		return;
	edit_text(field, given);
	if (word)
		tell(editing, "%s %s", word, given);
}

static FALLIBLE part(const char *given, const char *option, size_t size, char *field)
{
	if (!given)
		return NULL;
	if (strlen(given) >= size)
		return error_usage("option '--%s': '%s' is too long", option, given);
	(void)snprintf(field, size, "%s", text_equal(given, "-") ? "" : given);
	return NULL;
}

static FALLIBLE platform(const struct config_opts *opts, struct platform *ret)
{
	TRY(part(opts->arch, "arch", sizeof(ret->architecture), ret->architecture));
	TRY(part(opts->os, "os", sizeof(ret->os), ret->os));
	TRY(part(opts->variant, "variant", sizeof(ret->variant), ret->variant));
	TRY(part(opts->os_version, "os-version", sizeof(ret->os_version), ret->os_version));
	if (!ret->os[0] || !ret->architecture[0])
		return error_usage("an image needs an operating system and an architecture");
	return NULL;
}

static FALLIBLE commands(struct editing *editing, const struct config_opts *opts)
{
	struct image_config *config = &editing->container->config;

	if (opts->shell) {
		TRY(of_option(edit_command(&config->shell, opts->shell), "--shell", opts->shell));
		tell(editing, "SHELL %s", opts->shell);
	}
	/* An old command is then its arguments. */
	if (opts->entrypoint) {
		TRY(of_option(edit_entrypoint(config, opts->entrypoint), "--entrypoint",
				opts->entrypoint));
		tell(editing, "ENTRYPOINT %s", opts->entrypoint);
	}
	if (opts->cmd) {
		TRY(of_option(edit_command(&config->cmd, opts->cmd), "--cmd", opts->cmd));
		tell(editing, "CMD %s", opts->cmd);
	}
	return NULL;
}

static FALLIBLE duration(const char *given, const char *option, int64_t *field)
{
	return given ? of_option(edit_duration(given, field), option, given) : NULL;
}

/* In history they stand before the command, as in a Dockerfile. */
static void tell_healthcheck(struct editing *editing, const struct config_opts *opts)
{
	const struct {
		const char *name, *value;
	} flags[] = { { "interval", opts->health_interval }, { "retries", opts->health_retries },
		{ "start-interval", opts->health_start_interval },
		{ "start-period", opts->health_start }, { "timeout", opts->health_timeout } };
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < COUNT(flags); i++)
		if (flags[i].value)
			strbuf_addf(&text, " --%s=%s", flags[i].name, flags[i].value);
	if (opts->health_check)
		strbuf_addf(&text, " %s", opts->health_check);
	if (text.n)
		tell(editing, "HEALTHCHECK%s", strbuf_text(&text));
}

static FALLIBLE healthcheck(struct editing *editing, const struct config_opts *opts)
{
	struct image_healthcheck *check = &editing->container->config.healthcheck;

	if (opts->health_check)
		TRY(of_option(edit_healthcheck(check, opts->health_check), "--healthcheck",
				opts->health_check));
	bool any = opts->health_interval || opts->health_timeout || opts->health_start ||
		   opts->health_start_interval || opts->health_retries;
	check->set = check->set || any;
	tell_healthcheck(editing, opts);
	TRY(duration(opts->health_interval, "--healthcheck-interval", &check->interval_ns));
	TRY(duration(opts->health_timeout, "--healthcheck-timeout", &check->timeout_ns));
	TRY(duration(opts->health_start, "--healthcheck-start-period", &check->start_period_ns));
	TRY(duration(opts->health_start_interval, "--healthcheck-start-interval",
			&check->start_interval_ns));
	if (opts->health_retries) {
		int64_t retries = 0;

		TRY(usage_of_option(parse_i64(str_of(opts->health_retries), 0, INT32_MAX, &retries),
				"--healthcheck-retries"));
		check->retries = (int)retries;
	}
	return NULL;
}

/* "layer:NAME=VALUE" is of the newest layer, what else there is of the image's manifest. */
static void split_annotations(const struct list *given, struct list *own, struct list *of_layer)
{
	for (size_t i = 0; i < given->n; i++) {
		const char *text = given->p[i];
		bool is_layers = text_starts(text, LAYER_PREFIX);

		list_add(is_layers ? of_layer : own,
				is_layers ? text + strlen(LAYER_PREFIX) : text);
	}
}

static FALLIBLE edit(struct editing *editing, const struct config_opts *opts)
{
	struct container *container = editing->container;
	struct image_config *config = &container->config;

	TRY(platform(opts, &config->platform));
	AUTO(list) struct list own = { 0 }, of_layer = { 0 };
	split_annotations(&opts->annotations, &own, &of_layer);
	pairs(editing, &own, &opts->unset_annotations, "ANNOTATION", &container->annotations);
	for (size_t i = 0; i < of_layer.n; i++)
		edit_pair(&container->layer_annotations, of_layer.p[i]);
	pairs(editing, &opts->labels, &opts->unset_labels, "LABEL", &config->labels);
	TRY(environment(editing, &opts->env));
	names(editing, &opts->ports, "EXPOSE", &config->exposed_ports);
	names(editing, &opts->volumes, "VOLUME", &config->volumes);
	names(editing, &opts->os_features, NULL, &config->os_features);
	for (size_t i = 0; i < opts->onbuild.n; i++) {
		if (text_equal(opts->onbuild.p[i], "-") || !opts->onbuild.p[i][0])
			list_done(&config->on_build);
		else
			list_add(&config->on_build, opts->onbuild.p[i]);
		tell(editing, "ONBUILD %s", opts->onbuild.p[i]);
	}
	text(editing, opts->author, NULL, &config->author);
	text(editing, opts->user, "USER", &config->user);
	text(editing, opts->workdir, "WORKDIR", &config->working_dir);
	text(editing, opts->stop_signal, "STOPSIGNAL", &config->stop_signal);
	text(editing, opts->hostname, NULL, &config->hostname);
	text(editing, opts->domainname, NULL, &config->domainname);
	text(editing, opts->comment, NULL, &container->comment);
	text(editing, opts->created_by, NULL, &container->created_by);
	text(editing, opts->history_comment, NULL, &container->history_comment);
	TRY(commands(editing, opts));
	return healthcheck(editing, opts);
}

static struct error *run(const struct invocation *call)
{
	const struct config_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(container) struct container *container = NULL;

	if (call->args->n == 0)
		return error_usage("container ID must be specified");
	TRY(work_open(call, WORK_ROWS, &work));
	TRY_WRAP(container_open(work.session.store, call->args->p[0], work.session.cancel,
				 &container),
			"reading build container \"%s\"", call->args->p[0]);
	struct editing editing = { container, opts->add_history };
	TRY(edit(&editing, opts));
	return container_save(container);
}

const struct command cmd_config = {
	.name = "config",
	.args = "CONTAINER",
	.summary = "Change the config of the image that a working container becomes",
	.options = options,
	.opts_size = sizeof(struct config_opts),
	.max_args = 1,
	.run = run,
};
