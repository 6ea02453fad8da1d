/* What is asked of a build: what was left open, what contradicts itself, what follows from it. */
#include "build/attested.h"
#include "build/platforms.h"
#include "build/way.h"

#include <limits.h>
#include <string.h>
#include <sys/sysinfo.h>

void build_options_fill(struct build_options *options)
{
	if (!options->format && !options->inherits_format)
		options->format = FORMAT_OCI;
	attested_fill(options);
	if (!options->compression)
		options->compression = COMPRESSION_GZIP;
	if (!options->jobs)
		options->jobs = get_nprocs() > 2 ? (unsigned)get_nprocs() : 2;
	/* There is one "/", and to swap it costs more than a second stage beside it brings. */
	if (options->userns->mode == USERNS_INPLACE)
		options->jobs = 1;
}

static FALLIBLE check_annotations(const struct build_options *options)
{
	bool has_index = platforms_are_wanted(options);

	if (options->annotation_count && options->format == FORMAT_DOCKER)
		return error_hint(error_new(ERR_INVALID, "Docker's format has no annotations"),
				"use --format oci, or --label");
	for (size_t i = 0; i < options->annotation_count; i++) {
		const struct build_annotation *one = &options->annotations[i];

		bool is_of_index = one->kind == ANNOTATE_INDEX ||
				   one->kind == ANNOTATE_INDEX_DESCRIPTOR;
		if (is_of_index && !has_index)
			return error_hint(
					error_new(ERR_INVALID,
							"an image of one platform has no index to "
							"annotate with '%s'",
							one->pair),
					"annotate the manifest: '--annotation %s'", one->pair);
	}
	return NULL;
}

struct sources build_sources(const struct build_options *options)
{
	return (struct sources){ options->store, options->registry, options->source_environment,
		options->cancel, options->secrets, options->secret_count, options->source_policy };
}

bool build_arg_is_set(const struct build_options *options, const char *name)
{
	const char *value = options->build_args ? list_env_get(options->build_args, name) : NULL;

	return value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

const char *build_hostname(const struct build_options *options)
{
	const char *name = options->build_args ? list_env_get(options->build_args,
								 "BUILDKIT_SANDBOX_HOSTNAME")
					       : NULL;

	return name && *name ? name : options->run.hostname;
}

/* What BuildKit's frontend reads of the build arguments. */
static FALLIBLE check_arguments(const struct build_options *options)
{
	const char *name = build_hostname(options);

	if (name && (strlen(name) > HOST_NAME_MAX || name[strcspn(name, "/ \t\n")]))
		return error_new(ERR_INVALID, "BUILDKIT_SANDBOX_HOSTNAME '%s' is no host name",
				name);
	return NULL;
}

FALLIBLE build_options_check(const struct build_options *options)
{
	if (options->format == FORMAT_DOCKER && options->compression == COMPRESSION_ZSTD)
		return error_hint(error_new(ERR_INVALID, "Docker's format has no zstd layers"),
				"use --format oci, or --compression gzip");
	TRY(check_arguments(options));
	return check_annotations(options);
}
