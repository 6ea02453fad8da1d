#include "kaniko/features.h"

#include "base/str.h"
#include "base/vec.h"
#include "kaniko/log.h"

#include <string.h>

static const char prefix[] = "FF_KANIKO_";

static const char *const known[] = {
	"ADD_CHECKSUM",
	"ADD_UNPACK",
	"BUILDKIT_ARG_ENV_PRECEDENCE",
	"CACHE_HASH_BLAKE3",
	"CACHE_LOOKAHEAD",
	"CACHE_PROBE_AFTER_MISS",
	"CHOWN_ON_IMPLICIT_DIRS",
	"CLEAN_KANIKO_DIR",
	"COPY_AS_ROOT",
	"COPY_CHMOD_ON_IMPLICIT_DIRS",
	"COPY_LINK",
	"COPY_SKIP_SPECIAL_FILES",
	"CROSS_REPO_MOUNT",
	"DEPRECATE_INTER_STAGE_RESTORE",
	"DEPRECATE_LAYERLESS_CACHE_ENTRIES",
	"DISABLE_HTTP2",
	"EXPAND_HEREDOC",
	"HASH_DIR_FRAMING",
	"IGNORE_CACHED_MANIFEST",
	"INFER_CROSS_STAGE_CACHE_KEY",
	"LAYER_HINTS",
	"NATIVE_COPY",
	"NEW_CACHE_LAYOUT",
	"NO_PROPAGATE_ANNOTATIONS",
	"OCI_SCRATCH_BASE",
	"OCI_STAGES",
	"OCI_WARMER",
	"PATH_SCOPED_REGISTRY_AUTH",
	"PLATFORM_CACHE_KEY",
	"PRECOMPILE_DOCKERIGNORE",
	"PRESERVE_HARDLINKS",
	"PRESERVE_MOUNTED_PATHS",
	"PRESERVE_MOUNTED_SYMLINKS",
	"RELATIVE_LINK_TARGETS",
	"REPRODUCIBLE_PRESERVE_BASE_LAYERS",
	"RESOLVE_CACHE_KEY",
	"ROLLING_CACHE_KEY",
	"RUN_HONOR_GROUP",
	"RUN_MOUNT_BIND",
	"RUN_MOUNT_CACHE",
	"RUN_MOUNT_SECRET",
	"RUN_VIA_TINI",
	"SCOPED_DOCKERIGNORE",
	"SECUREJOIN_EXTRACTION",
	"SHARED_BASE_CACHE",
	"SKIP_CACHED_STAGES",
	"SKIP_RELABEL_RECOMPRESS",
	"SKIP_WRITE_WHITEOUTS",
	"SQUASH_STAGES",
	"UNTAR_SKIP_ROOT",
	"VOLUME_SKIP_MKDIR",
	"WARMER_CACHE_LOCK",
};

void features_check(const char *const *variables, const struct kaniko_log *log)
{
	for (; variables && *variables; variables++) {
		struct str name, value;
		bool is_known = false;

		if (!text_starts(*variables, prefix))
			continue;
		str_cut(str_of(*variables + strlen(prefix)), '=', &name, &value);
		for (size_t i = 0; i < COUNT(known); i++)
			is_known = is_known || str_is(name, known[i]);
		kaniko_log_say(log, is_known ? SEVERITY_DEBUG : SEVERITY_WARN,
				is_known ? "feature flag %s%.*s: kiln does what its cure does"
					 : "unknown feature flag %s%.*s",
				prefix, STR_ARG(name));
	}
}
