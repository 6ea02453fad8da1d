#include "buildah/buildah.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/config.h"
#include "ui/containers_conf.h"
#include "ui/help.h"
#include "ui/plain_text.h"
#include "ui/registry_flags.h"
#include "ui/report.h"
#include "verbs/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct globals {
	struct list storage_opts, maps;
	char *root, *image_store, *log_level, *runroot, *storage_driver, *cgroup_manager;
	bool version, transient;
};

#define OPTS globals
static const struct option options[] = {
	OPT_TEXT(0, "root", root, "DIR", "the folder of the store, and of Podman's",
			.is_path = true),
	OPT_FLAG('v', "version", version, "print the version on one line"),
	OPT_TEXT(0, "log-level", log_level, "LEVEL", "trace and debug tell what is done"),
	OPT_SETTING(0, "debug", NULL, "--log-level debug", .is_hidden = true),
	OPT_TEXT(0, "runroot", runroot, "DIR", "taken: everything is below --root"),
	OPT_TEXT(0, "storage-driver", storage_driver, "NAME",
			"of Podman's store, which is read and written if it is overlay"),
	OPT_LIST(0, "storage-opt", storage_opts, "OPTION",
			"of Podman's store: overlay.imagestore=DIR"),
	OPT_TEXT(0, "cgroup-manager", cgroup_manager, "NAME", "taken: kiln needs none",
			.is_hidden = true),
	OPT_SETTING(0, "default-mounts-file", "PATH", "instead of the mounts.conf found",
			.is_path = true, .is_hidden = true),
	REGISTRIES_CONF_ROWS,
	OPT_SETTING(0, "short-name-alias-conf", "PATH",
			"instead of the user's short-name-aliases.conf", .is_path = true),
	OPT_TEXT(0, "imagestore", image_store, "DIR", "where images are, whatever --root says",
			.is_path = true),
	OPT_FLAG(0, "transient-store", transient,
			"taken: containers stay over a reboot all the same", .is_hidden = true),
	OPT_LATER(0, "cpu-profile", "kiln is no Go program; 'perf record' profiles it"),
	OPT_LATER(0, "memory-profile", "kiln is no Go program; 'heaptrack' profiles it"),
	OPT_SETTING(0, "userns-uid-map", "CONTAINER:HOST:LENGTH",
			"of 'from' and 'build', where they do not say"),
	OPT_SETTING(0, "userns-gid-map", "CONTAINER:HOST:LENGTH", "the same of groups"),
	OPT_END,
};
#undef OPTS

static const struct command *const commands[] = {
	&cmd_add,
	&buildah_build,
	&cmd_commit,
	&cmd_config,
	&cmd_containers_ls,
	&cmd_copy,
	&cmd_diff,
	&cmd_from,
	&buildah_help,
	&buildah_images,
	&buildah_info,
	&buildah_inspect,
	&cmd_login,
	&cmd_logout,
	&cmd_manifest_add,
	&cmd_manifest_annotate,
	&cmd_manifest_create,
	&cmd_manifest_exists,
	&cmd_manifest_inspect,
	&cmd_manifest_push,
	&cmd_manifest_remove,
	&cmd_manifest_rm,
	&buildah_mkcw,
	&cmd_mount,
	&buildah_prune,
	&buildah_pull,
	&buildah_push,
	&cmd_rename,
	&cmd_rm,
	&buildah_rmi,
	&cmd_run,
	&cmd_source_add,
	&cmd_source_create,
	&cmd_source_pull,
	&cmd_source_push,
	&buildah_tag,
	&cmd_umount,
	&cmd_unshare,
	&buildah_untag,
	&buildah_version,
	NULL,
};

static const char *const options_first[] = { "add", "build", "commit", "config", "copy", "from",
	"images", "inspect", "mount", "pull", "push", "rm", "rmi", "umount", NULL };

/* 125 is Buildah's; a command's own status goes through. */
static int exit_status(const struct error *error)
{
	if (!error)
		return 0;
	if (error_is(error, ERR_EXIT) && error->code > 0 && error->code < 256)
		return error->code;
	return EXIT_KILN;
}

/* What containers.conf says of this process: variables that are not set, and how patient it is. */
static FALLIBLE use_conf(struct list *ret)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;
	const struct list *variables = &conf.environment.texts;

	TRY(containers_conf_read(config_getenv, NULL, &conf));
	for (size_t i = 0; i < variables->n; i++) {
		const char *equals = strchr(variables->p[i], '=');

		if (!equals || equals == variables->p[i])
			return error_new(ERR_INVALID,
					"containers.conf: 'env' of [engine]: '%.80s' is not "
					"NAME=VALUE",
					variables->p[i]);
		AUTO_FREE char *name =
				xstrndup(variables->p[i], (size_t)(equals - variables->p[i]));
		// NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
		if (setenv(name, equals + 1, false) != 0)
			return error_sys("set '%s'", name);
	}
	if (conf.retries >= 0)
		list_addf(ret, "registry-retries=%lld", (long long)conf.retries);
	if (conf.retry_delay && conf.retry_delay[0])
		list_addf(ret, "registry-retry-delay=%s", conf.retry_delay);
	return NULL;
}

static bool is_there(const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

static FALLIBLE make_absolute(const char *name, const char *dir, char **ret)
{
	AUTO_FREE char *here = dir[0] == '/' ? NULL : getcwd(NULL, 0);

	if (!dir[0])
		return error_usage("option '--%s' is empty", name);
	if (dir[0] != '/' && !here)
		return error_sys("find the working directory");
	*ret = here ? xasprintf("%s/%s", here, dir) : xstrdup(dir);
	return NULL;
}

/*
 * --root is where Buildah has what it shares with Podman. Our own store is there, too, or, where
 * Podman's is or will be, in a folder of it. Which of both stays the same once there is one.
 */
static void use_root(const struct globals *globals, const char *dir, struct list *ret)
{
	bool is_podmans = is_there(dir, "overlay-images") || is_there(dir, "vfs-images") ||
			  is_there(dir, "kiln") || globals->runroot || globals->storage_driver;
	bool is_inside = is_podmans && !is_there(dir, "store.db");

	list_addf(ret, "root=%s%s", dir, is_inside ? "/kiln" : "");
	list_addf(ret, "podman-root=%s", dir);
}

static FALLIBLE use_storage(const struct globals *globals, struct list *ret)
{
	AUTO(strbuf) struct strbuf joined = { 0 };
	AUTO_FREE char *root = NULL;
	AUTO_FREE char *images = NULL;

	if (globals->root)
		TRY(make_absolute("root", globals->root, &root));
	if (globals->image_store)
		TRY(make_absolute("imagestore", globals->image_store, &images));
	/* Images are what both stores are about. What Podman has in --root is read as well. */
	if (root || images)
		use_root(globals, images ? images : root, ret);
	if (root && images)
		strbuf_addf(&joined, "overlay.imagestore=%s", root);
	if (globals->storage_driver)
		list_addf(ret, "podman-driver=%s", globals->storage_driver);
	for (size_t i = 0; i < globals->storage_opts.n; i++)
		strbuf_addf(&joined, "%s%s", joined.n ? "," : "", globals->storage_opts.p[i]);
	if (joined.n)
		list_addf(ret, "podman-options=%s", strbuf_text(&joined));
	return NULL;
}

/* A line of our log as Buildah's logger writes it. */
static void say_line(enum log_level level, const char *text)
{
	static const char *const names[] = { "", "warning", "info", "debug" };
	AUTO(strbuf) struct strbuf clean = { 0 };
	AUTO(strbuf) struct strbuf line = { 0 };
	char date[CLOCK_RFC3339_TEXT];

	plain_text_escape(str_of(text), &clean);
	strbuf_addf(&line, "time=\"%s\" level=%s msg=\"",
			clock_rfc3339(clock_now_seconds(), 0, date), names[level]);
	for (size_t i = 0; i < clean.n; i++) {
		if (clean.p[i] == '"' || clean.p[i] == '\\')
			strbuf_add_char(&line, '\\');
		strbuf_add_char(&line, clean.p[i]);
	}
	strbuf_add(&line, "\"\n");
	error_ignore(fd_write_all(STDERR_FILENO, line.p, line.n), "nobody reads the log");
}

static FALLIBLE use_log_level(const char *text, struct list *ret)
{
	static const char *const levels[] = { "debug", "trace", "info", "warn", "warning", "error",
		"fatal", "panic" };

	for (size_t i = 0; i < COUNT(levels); i++)
		if (strcasecmp(text, levels[i]) == 0) {
			if (i < 2)
				list_add(ret, "debug=true");
			log_set_sink(say_line);
			return NULL;
		}
	return error_usage("unable to parse log level: not a valid logrus Level: \"%s\"", text);
}

/*
 * containers.conf, BUILDAH_FORMAT, and levels of the log. BUILDAH_ISOLATION is met by the best that
 * there is.
 */
static struct error *settings(const void *global_opts, struct list *ret)
{
	const struct globals *globals = global_opts;

	TRY(use_conf(ret));
	if (globals)
		TRY(use_storage(globals, ret));
	const char *format = config_getenv("BUILDAH_FORMAT");

	if (text_equal(format, "oci") || text_equal(format, "docker"))
		list_addf(ret, "format=%s", format);
	else if (format)
		return error_usage("unrecognized image type \"%s\"", format);
	return globals && globals->log_level ? use_log_level(globals->log_level, ret) : NULL;
}

static const struct command *alone(const void *global_opts)
{
	const struct globals *globals = global_opts;

	return globals && globals->version ? &buildah_one_line_version : NULL;
}

const struct program buildah_program = {
	.name = "buildah",
	.summary = "Build images step by step: kiln under Buildah's name.",
	.options = options,
	.opts_size = sizeof(struct globals),
	.commands = commands,
	.alone = alone,
	.error_prefix = "Error",
	.has_buildah_words = true,
	.options_first = options_first,
	.exit_status = exit_status,
	.settings = settings,
	.podman = "read",
};

static struct error *run_help(const struct invocation *call)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	TRY(help_words(&buildah_program, call->args, &out));
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command buildah_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "Explain a command",
	.max_args = 2,
	.run = run_help,
};
