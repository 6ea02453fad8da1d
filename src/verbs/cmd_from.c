#include "verbs/mounts_conf.h"
#include "verbs/names.h"
#include "verbs/run_conf.h"
#include "verbs/triggers.h"
#include "verbs/userns_flag.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "container/maps.h"
#include "sys/fd.h"
#include "ui/registry_flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct from_opts {
	struct run_flags run;
	char *name, *cid_file, *format, *pull, *platform, *os, *arch, *variant, *suffix,
			*blob_cache;
	bool pull_always, pull_never, quiet;
};

static const struct from_opts defaults = { .run = { .http_proxy = true } };

#define OPTS from_opts
static const struct option options[] = {
	OPT_TEXT(0, "name", name, "NAME", "of the container; else it is made from the image's"),
	OPT_TEXT(0, "cidfile", cid_file, "PATH", "write the container's ID to a file",
			.is_path = true),
	OPT_TEXT('f', "format", format, "oci|docker", "of the image that a commit makes"),
	OPT_TEXT(0, "pull", pull, "always|missing|never|newer", "when to ask a registry",
			.implied = "always"),
	OPT_FLAG(0, "pull-always", pull_always, "--pull=always", .is_hidden = true),
	OPT_FLAG(0, "pull-never", pull_never, "--pull=never", .is_hidden = true),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH", "which image of an index"),
	OPT_TEXT(0, "os", os, "OS", "the same, in parts"),
	OPT_TEXT(0, "arch", arch, "ARCH", "the same, in parts"),
	OPT_TEXT(0, "override-os", os, "OS", "--os", .is_hidden = true),
	OPT_TEXT(0, "override-arch", arch, "ARCH", "--arch", .is_hidden = true),
	OPT_TEXT(0, "variant", variant, "VARIANT", "the same, in parts"),
	OPT_TEXT(0, "suffix", suffix, "SUFFIX", "instead of working-container", .is_hidden = true),
	RUN_FLAG_ROWS,
	OPT_HEADING("Registry"),
	REGISTRY_REACH_ROWS,
	RETRY_ROWS,
	SIGNATURE_POLICY_ROW,
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	DECRYPTION_ROW,
	BLOB_CACHE_ROW,
	OPT_END,
};
#undef OPTS

static FALLIBLE find_platform(const struct from_opts *opts, struct platform *ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct platform host = platform_host();

	*ret = host;
	if (opts->platform)
		return usage_of_option(platform_parse(str_of(opts->platform), ret), "--platform");
	if (!opts->os && !opts->arch && !opts->variant)
		return NULL;
	strbuf_addf(&text, "%s/%s", opts->os ? opts->os : host.os,
			opts->arch ? opts->arch : host.architecture);
	if (opts->variant)
		strbuf_addf(&text, "/%s", opts->variant);
	return usage_of_option(platform_parse(strbuf_str(&text), ret), "--arch");
}

static FALLIBLE set_format(
		const struct from_opts *opts, const struct config *config, struct container *ret)
{
	const char *text = opts->format ? opts->format : config->format;

	if (text_equal(text, "docker") || text_equal(text, "v2s2"))
		ret->format = FORMAT_DOCKER;
	else if (text_equal(text, "oci"))
		ret->format = FORMAT_OCI;
	else
		return error_usage("unrecognized image type \"%s\"", text);
	return NULL;
}

static void from_image(const struct named_image *named, struct container *ret)
{
	const struct image *image = named->image;

	image_config_copy(&image->config, &ret->config);
	ret->comment = xstrdup(image->config.comment);
	ret->image_name = xstrdup(named->name);
	ret->image = named->record;
	ret->manifest = image->digest;
	ret->image_id = image->manifest.config.digest;
	ret->base_history = image->config.history.n;
	list_add_all(&ret->annotations, &image->manifest.annotations);
	list_add_all(&ret->base_annotations, &image->manifest.annotations);
	char digest[DIGEST_TEXT];
	list_env_set(&ret->annotations, "org.opencontainers.image.base.digest",
			digest_text(&image->digest, digest));
	list_env_set(&ret->annotations, "org.opencontainers.image.base.name", named->name);
}

/* What ONBUILD says is done now, once; the base's names and annotations stay the container's. */
static FALLIBLE take_triggers(
		struct work *work, struct triggers *triggers, struct container *container)
{
	AUTO(image) struct image *image = NULL;

	if (!container->config.on_build.n)
		return NULL;
	triggers->record = &container->image;
	triggers->format = container->format;
	TRY(triggers_run(work, triggers, &image));
	image_config_done(&container->config);
	image_config_copy(&image->config, &container->config);
	container->image = image->digest;
	container->base_history = image->config.history.n;
	return NULL;
}

static FALLIBLE open_image(struct work *work, const struct from_opts *opts,
		const struct platform *platform, struct container *ret)
{
	AUTO(named_image) struct named_image named = { 0 };
	const char *text = work->call->args->p[0];
	struct names_request request = { .program = work->call->program,
		.text = text,
		.platform = platform,
		.is_platform_asked = opts->platform || opts->os || opts->arch || opts->variant,
		.quiet = opts->quiet };

	if (text_equal(text, "scratch")) {
		ret->image_name = xstrdup("");
		ret->config.platform = *platform;
		return NULL;
	}
	TRY(names_pull_policy(opts->pull, &request.pull));
	if (opts->pull_always)
		request.pull = PULL_ALWAYS;
	if (opts->pull_never)
		request.pull = PULL_NEVER;
	TRY(names_open(&work->session, &request, &named));
	from_image(&named, ret);
	if (!ret->config.platform.architecture[0])
		ret->config.platform = *platform;
	return NULL;
}

static FALLIBLE create(struct work *work, const struct from_opts *opts, struct container *container)
{
	const char *text = work->call->args->p[0];
	bool has_name = container->image_name[0] && !text_starts(text, "oci:");
	AUTO_FREE char *base = has_name ? NULL : names_of_transport(text);
	char hex[DIGEST_HEX];
	/* An image without a name is called by the beginning of its ID. */
	if (!base && !container->image_name[0] && digest_known(&container->image_id))
		base = xasprintf("%.12s", digest_hex(&container->image_id, hex));
	AUTO_FREE char *name = xstrdup(base ? base : container->image_name);
	/* For Buildah a port begins a tag: what is from localhost:5000 is called localhost. */
	if (!base && text_equal(work->call->program, "buildah"))
		name[strcspn(name, ":")] = '\0';
	AUTO_FREE char *made = container_name_for(name, opts->suffix);

	TRY_WRAP(container_create(work->session.store, container, opts->name ? opts->name : made,
				 !opts->name),
			"creating container");
	if (!opts->cid_file)
		return NULL;
	return file_write_named(opts->cid_file, container->id, strlen(container->id), 0644);
}

/* From wherever 'run' is called. */
static FALLIBLE keep_mounts_file(const struct config *config, struct container *container)
{
	const char *file = config->default_mounts_file;
	AUTO_FREE char *whole = file ? realpath(file, NULL) : NULL;

	if (file && !whole)
		return error_sys("open '%s'", file);
	if (whole)
		list_env_set(&container->settings, MOUNTS_CONF_SETTING, whole);
	return NULL;
}

static void keep_ids(const struct work *work, struct container *container)
{
	container_set_maps(container, &work->session.userns.owner.maps);
	if (work->ids.join)
		list_env_set(&container->settings, CONTAINER_USERNS, work->ids.join);
}

static struct error *run(const struct invocation *call)
{
	const struct from_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(run_parts) struct run_parts parts = { 0 };
	AUTO(run_flags) struct run_flags run = { 0 };
	AUTO(container) struct container *container = xcalloc(1, sizeof(*container));
	struct platform platform;

	TRY(find_platform(opts, &platform));
	TRY(set_format(opts, call->config, container));
	/* What is remembered must be good when it is used. */
	TRY(run_flags_check(&opts->run));
	TRY(run_flags_check_dns(&opts->run, false));
	TRY(run_conf_below(call, &opts->run, &run));
	TRY(run_parts_make(&run, call->config, &parts));
	struct triggers triggers = {
		.platform = &platform, .flags = &run, .parts = &parts, .quiet = opts->quiet
	};
	TRY(userns_flags_make(&opts->run, call->config, &work.ids));
	work.session.ids = userns_flags_ids(&work.ids);
	work.session.namespaces = &parts.namespaces;
	TRY(work_open(call, WORK_BUILD, &work));
	TRY(open_image(&work, opts, &platform, container));
	TRY(take_triggers(&work, &triggers, container));
	run_flags_save(&run, &container->settings);
	if (work.session.ids)
		keep_ids(&work, container);
	TRY(keep_mounts_file(call->config, container));
	TRY(create(&work, opts, container));
	(void)printf("%s\n", container->name);
	return NULL;
}

const struct command cmd_from = {
	.name = "from",
	.args = "IMAGE|scratch",
	.summary = "Make a working container from an image",
	.description = "Prints its name. What is said here about how commands run is remembered.",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct from_opts),
	.min_args = 1,
	.missing = "an image name (or \"scratch\") must be specified",
	.max_args = 1,
	.run = run,
};
