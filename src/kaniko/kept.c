/*
 * What stays while isolation inplace gives the container's "/" to an image: kiln's folder, what
 * --ignore-path says, and the files that are read or written when the last step has run. The
 * context, the store, mounts and outputs are kept by build/ itself.
 */
#include "kaniko/executor.h"

#include "ui/kept.h"

static void keep_result(const char *path, struct list *ret)
{
	if (path && !text_starts(path, "https://"))
		kept_path(path, ret);
}

void request_keep(const struct config *config, const struct kaniko_globals *globals,
		const struct executor_opts *opts, struct request *request)
{
	struct list *kept = &request->kept;

	kept_settings(config, kept);
	kept_path(kaniko_dir(globals), kept);
	for (size_t i = 0; i < request->ignore.n; i++)
		list_addf(kept, "/%s", request->ignore.p[i]);
	keep_result(opts->digest_file, kept);
	keep_result(opts->name_digest_file, kept);
	keep_result(opts->name_tag_digest_file, kept);
	kept_path(config_getenv("BUILDER_OUTPUT"), kept);
	request->build.inplace_keep = kept;
}
