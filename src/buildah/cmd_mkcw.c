/* Known, so that a script is told why it cannot have it. */
#include "buildah/buildah.h"

#include "base/error.h"

#define WORKLOADS "confidential workloads are not there"

struct mkcw_opts {
	char *none;
};

static struct error *refuse_mkcw(const struct invocation *call)
{
	(void)call;
	return error_hint(error_new(ERR_UNSUPPORTED, "'mkcw' is not there: " WORKLOADS),
			"Buildah's own mkcw takes the image from oci-archive:FILE, where 'push' "
			"puts it");
}

#define OPTS struct mkcw_opts
static const struct option mkcw_options[] = {
	OPT_LATER('t', "type", WORKLOADS),
	OPT_LATER('u', "attestation-url", WORKLOADS),
	OPT_LATER('b', "base-image", WORKLOADS),
	OPT_LATER('c', "cpus", WORKLOADS),
	OPT_LATER('m', "memory", WORKLOADS),
	OPT_LATER('p', "passphrase", WORKLOADS),
	OPT_LATER('s', "slop", WORKLOADS),
	OPT_LATER('w', "workload-id", WORKLOADS),
	OPT_LATER('f', "firmware-library", WORKLOADS),
	OPT_LATER(0, "add-file", WORKLOADS),
	OPT_END,
};
#undef OPTS

const struct command buildah_mkcw = {
	.name = "mkcw",
	.args = "IMAGE DESTINATION",
	.summary = "Refused: " WORKLOADS,
	.is_hidden = true,
	.options = mkcw_options,
	.opts_size = sizeof(struct mkcw_opts),
	.max_args = ARGS_ANY,
	.run = refuse_mkcw,
};
