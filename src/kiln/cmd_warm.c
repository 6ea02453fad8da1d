#include "kiln/commands.h"

#include "base/limits.h"
#include "base/str.h"
#include "build/lower_store.h"
#include "dockerfile/parser.h"
#include "graph/plan.h"
#include "oci/reference.h"
#include "store/store.h"
#include "sys/fd.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "ui/show.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct warm_opts {
	struct list build_args, platforms;
	char *dir, *file;
	bool unpack, quiet;
};

static const struct warm_opts defaults = { .unpack = true };

#define OPTS warm_opts
static const struct option rows[] = {
	OPT_TEXT(0, "dir", dir, "DIR", "the folder to fill; builds take it with --lower-store",
			.is_path = true),
	OPT_TEXT('f', "file", file, "PATH", "fetch what this Dockerfile stands on and copies from",
			.is_path = true),
	OPT_LIST(0, "build-arg", build_args, "NAME=VALUE", "set an ARG of the Dockerfile"),
	OPT_LIST(0, "platform", platforms, "OS/ARCH", "of images for several; may be repeated"),
	OPT_FLAG(0, "unpack", unpack, "unpack layers as well (the default)"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	INSECURE_REGISTRY_ROW,
	OPT_SETTING(0, "registry-mirror", "HOST=MIRROR", "ask the mirror first"),
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	DECRYPTION_ROW,
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	OPT_END,
};
#undef OPTS

struct warming {
	const struct warm_opts *opts;
	struct build_options options; /* store: the one that is filled */
	struct platform platform;
	struct show *show;
	struct list *names; /* that the Dockerfile names */
};

static struct image_homes homes_of(const struct warming *warming)
{
	return (struct image_homes){ .store = warming->options.store,
		.registry = warming->options.registry,
		.trust = warming->options.trust,
		.decryption = warming->options.decryption,
		.platform = &warming->platform,
		.cancel = warming->options.cancel };
}

/* A registry's image is kept under its name; another one only for its layers. */
static char *name_of(const char *name)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = NULL;

	if (image_is_transport(name))
		return NULL;
	error = reference_parse(str_of(name), &reference);
	if (!error)
		return reference_text(&reference);
	error_ignore(error, "not a name of an image");
	return NULL;
}

static FALLIBLE fill(struct warming *warming, const char *name)
{
	struct image_homes homes = homes_of(warming);
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *keep_as = name_of(name);

	TRY_WRAP(image_open(&homes, name, PULL_ALWAYS, &image), "image '%s'", name);
	TRY_WRAP(lower_fill(&warming->options, image, keep_as, warming->opts->unpack,
				 &warming->show->copies, warming->show->vertex),
			"image '%s'", name);
	char digest[DIGEST_TEXT];
	(void)printf("%s %s\n", digest_text(&image->digest, digest), name);
	return NULL;
}

static FALLIBLE warm_one(struct warming *warming, const char *name)
{
	show_begin(warming->show, "warming %s", name);
	return show_end(warming->show, fill(warming, name));
}

static struct error *note_images(void *user, struct plan_image *const *images, size_t n)
{
	struct warming *warming = user;
	struct image_homes homes = homes_of(warming);

	for (size_t i = 0; i < n; i++) {
		if (images[i]->late_of)
			continue;
		if (!list_has(warming->names, images[i]->name))
			list_add(warming->names, images[i]->name);
		TRY_WRAP(image_open(&homes, images[i]->name, PULL_ALWAYS, &images[i]->image),
				"image '%s'", images[i]->name);
	}
	return NULL;
}

static FALLIBLE read_file(struct warming *warming)
{
	const struct warm_opts *opts = warming->opts;
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(plan) struct plan *plan = NULL;
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY_WRAP(file_read(AT_FDCWD, opts->file, LIMIT_DOCKERFILE_BYTES, &text, &n),
			"read the Dockerfile '%s'", opts->file);
	TRY(dockerfile_parse((struct str){ text, n }, opts->file, &file));
	struct plan_input input = { .file = file,
		.build_args = &opts->build_args,
		.platform = warming->platform,
		.build_platform = platform_host(),
		.open_images = note_images,
		.user = warming };
	return plan_new(&input, &plan);
}

static FALLIBLE warm_all(struct warming *warming, const struct list *args)
{
	struct list *names = warming->names;

	list_done(names);
	list_add_all(names, args);
	if (warming->opts->file)
		TRY(read_file(warming));
	for (size_t i = 0; i < names->n; i++)
		TRY(warm_one(warming, names->p[i]));
	return NULL;
}

static FALLIBLE warm_platforms(struct warming *warming, const struct list *args)
{
	const struct list *platforms = &warming->opts->platforms;

	warming->platform = platform_host();
	if (!platforms->n)
		return warm_all(warming, args);
	for (size_t i = 0; i < platforms->n; i++) {
		TRY(usage_of_option(platform_parse(str_of(platforms->p[i]), &warming->platform),
				"--platform"));
		TRY(warm_all(warming, args));
	}
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct warm_opts *opts = call->opts;
	AUTO(list) struct list names = { 0 };
	AUTO(session) struct session session = { 0 };
	AUTO(show) struct show show = { 0 };
	AUTO(store) struct store *store = NULL;

	if (!opts->dir)
		return error_hint(error_usage("nothing says which folder to fill"), "--dir DIR");
	if (!call->args->n && !opts->file)
		return error_hint(error_usage("nothing says what to fetch"),
				"name images, or a Dockerfile with '--file PATH'");
	TRY(session_open(call->config, SESSION_REGISTRY | SESSION_TREES, &session));
	TRY(file_make_dirs(opts->dir, 0755));
	AUTO_FREE char *root = realpath(opts->dir, NULL);
	if (!root)
		return error_sys("open '%s'", opts->dir);
	TRY(store_open(&(struct store_settings){ .root = root, .owner = session.userns.owner },
			&store));
	TRY(show_open(call->config, opts->quiet, &show));
	struct warming warming = { .opts = opts,
		.options = { .store = store,
				.registry = session.registry,
				.trust = session.trust,
				.decryption = session.decryption,
				.userns = &session.userns,
				.cancel = session.cancel,
				.progress = show.progress },
		.names = &names,
		.show = &show };
	TRY(warm_platforms(&warming, call->args));
	/* It will be read on other machines, where nothing can be written. */
	store_settle_at_close(store);
	return store_sync(store);
}

const struct command cmd_warm = {
	.name = "warm",
	.args = "[IMAGE...]",
	.summary = "Fill a folder with base images that many builds share",
	.description = "Fetches images, unpacks their layers and leaves both in a folder that "
		       "builds read with --lower-store (a volume that pods mount read-only). "
		       "Again, it fetches what is new. Prints the digest of each image.",
	.examples = "kiln warm --dir /cache debian:12 alpine:3.20\n"
		    "kiln warm --dir /cache --file Dockerfile\n"
		    "kiln build --lower-store /cache -t app .\n",
	.options = rows,
	.defaults = &defaults,
	.opts_size = sizeof(struct warm_opts),
	.max_args = ARGS_ANY,
	.run = run,
};
