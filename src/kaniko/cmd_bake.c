/*
 * executor bake: several images from one Dockerfile, each a build as the executor does it with
 * --target and --destination of a bakefile. One is built here; several are built by this program
 * again, one after the other, since a process enters a user namespace and starts its helper once.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "kaniko/bakefile.h"
#include "kaniko/executor.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/userns.h"
#include "ui/config.h"
#include "ui/interrupt.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_WORDS_BYTES = 2 * 1024 * 1024 };

/* What is said of one image, where there are several. */
static FALLIBLE check_several(
		const struct executor_opts *opts, const struct config *config, size_t n)
{
	const struct {
		const char *name, *value;
	} single[] = {
		{ "--digest-file", opts->digest_file },
		{ "--image-name-with-digest-file", opts->name_digest_file },
		{ "--image-name-tag-with-digest-file", opts->name_tag_digest_file },
		{ "--tar-path", opts->tar_path },
		{ "--oci-layout-path", opts->layout_path },
	};

	for (size_t i = 0; i < COUNT(single); i++)
		if (single[i].value)
			return error_hint(error_usage("option '%s' is for one image, and %zu "
						      "targets are built",
							  single[i].name, n),
					"name the target behind the bakefile");
	if (opts->context && text_equal(opts->context, "tar://stdin"))
		return error_hint(error_usage("the context is standard input, which is there for "
					      "one of %zu targets",
						  n),
				"name the target behind the bakefile");
	if (text_equal(config->isolation, userns_mode_name(USERNS_INPLACE)))
		return error_hint(error_usage("isolation 'inplace' has one '/' for one build, and "
					      "%zu targets are built",
						  n),
				"name the target behind the bakefile, or take another isolation");
	return NULL;
}

static FALLIBLE build_here(const struct invocation *call, const struct bake_target *target)
{
	struct executor_opts opts = *(const struct executor_opts *)call->opts;
	struct invocation one = *call;
	char *stage[] = { target->stage };

	opts.sets = (struct list){ 0 };
	opts.targets = (struct list){ stage, 1, 0 };
	opts.destinations = target->destinations;
	one.opts = &opts;
	return cmd_executor.run(&one);
}

/* This very command line, whichever name it was called by. */
static FALLIBLE own_words(struct list *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(file_read(AT_FDCWD, "/proc/self/cmdline", LIMIT_WORDS_BYTES, &text, &n));
	list_add(ret, "/proc/self/exe");
	list_add(ret, "kaniko");
	for (const char *word = text + strlen(text) + 1; word < text + n; word += strlen(word) + 1)
		if (ret->n != 2 || !text_equal(word, "kaniko"))
			list_add(ret, word);
	return NULL;
}

static FALLIBLE build_apart(const struct bake_target *target, int64_t since, struct cancel *cancel)
{
	AUTO(list) struct list words = { 0 }, env = { 0 };
	int status = 0, pid_fd = -1;
	pid_t pid = -1;

	TRY(own_words(&words));
	list_add(&words, target->name);
	for (char **at = environ; *at; at++)
		if (!text_starts(*at, EXECUTOR_BAKE_SINCE "="))
			list_add(&env, *at);
	list_addf(&env, EXECUTOR_BAKE_SINCE "=%" PRId64, since);
	const struct proc_spec spec = { .argv = list_ended(&words),
		.env = list_ended(&env),
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO };

	TRY(proc_spawn(&spec, &pid, &pid_fd));
	struct error *error = proc_wait(pid, pid_fd, cancel, &status);

	(void)close(pid_fd);
	TRY(error);
	return status ? error_code(ERR_EXIT, status, "target '%s' was not built", target->name)
		      : NULL;
}

static FALLIBLE build_all(const struct bakefile *file, const struct kaniko_log *log)
{
	AUTO(cancel) struct cancel *cancel = cancel_new();
	AUTO(interrupt) struct interrupt *interrupt = NULL;

	const int64_t since = clock_now_seconds();

	TRY(interrupt_start(cancel, &interrupt));
	for (size_t i = 0; i < file->targets.n; i++) {
		kaniko_log_say(log, SEVERITY_INFO, "Building target %s", file->targets.p[i].name);
		TRY(build_apart(&file->targets.p[i], since, cancel));
		TRY(cancel_check(cancel));
	}
	return NULL;
}

static FALLIBLE read_bakefile(
		const struct executor_opts *opts, const char *path, struct bakefile *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	if (opts->targets.n || opts->destinations.n)
		return error_usage("option '%s' is in the bakefile, for each target",
				opts->targets.n ? "--target" : "--destination");
	TRY_WRAP(file_read(AT_FDCWD, path, LIMIT_DOCKERFILE_BYTES, &text, &n),
			"read the bakefile '%s'", path);
	TRY(bakefile_parse((struct str){ text, n }, path, ret));
	return bakefile_set(ret, &opts->sets);
}

static FALLIBLE check_destinations_of(
		const struct executor_opts *opts, const struct bake_target *targets, size_t n)
{
	bool no_push = false;

	TRY(kaniko_env_bool("KANIKO_NO_PUSH", opts->no_push, &no_push));
	for (size_t i = 0; i < n && !no_push && !opts->dry_run; i++)
		if (!targets[i].destinations.n)
			return error_hint(error_usage("target '%s' has no destination",
							  targets[i].name),
					"give it one in the bakefile or by '--set "
					"%s.destination=NAME', or '--no-push'",
					targets[i].name);
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct executor_opts *opts = call->opts;
	const char *path = call->args->p[0];
	const char *name = call->args->n > 1 ? call->args->p[1] : NULL;
	AUTO(bakefile) struct bakefile file = { 0 };
	struct kaniko_log log;

	kaniko_log_init(call->global_opts, &log);
	TRY(read_bakefile(opts, path, &file));

	const struct bake_target *one = name                  ? bakefile_find(&file, name)
					: file.targets.n == 1 ? file.targets.p
							      : NULL;

	if (name && !one)
		return error_usage("there is no target '%s' in '%s'", name, path);
	TRY(check_destinations_of(opts, one ? one : file.targets.p, one ? 1 : file.targets.n));
	if (one)
		return build_here(call, one);
	TRY(check_several(opts, call->config, file.targets.n));
	return build_all(&file, &log);
}

const struct command cmd_executor_bake = {
	.name = "bake",
	.args = "BAKEFILE [TARGET]",
	.summary = "Build the images that a bakefile names",
	.options = executor_options,
	.defaults = &executor_defaults,
	.opts_size = sizeof(struct executor_opts),
	.min_args = 1,
	.max_args = 2,
	.examples = "executor bake kaniko-bake.hcl --context dir:///workspace\n",
	.run = run,
};
