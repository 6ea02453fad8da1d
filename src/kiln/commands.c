#include "kiln/commands.h"
#include "verbs/verbs.h"

static const struct option options[] = {
	OPT_SETTING(0, "color", "auto|always|never", "colours on a terminal"),
	OPT_SETTING('D', "debug", NULL, "tell what kiln does, for its developers"),
	OPT_SETTING(0, "root", "DIR", "the folder of the store", .is_path = true),
	OPT_END,
};

static const struct command *const commands[] = {
	&cmd_add,
	&cmd_build,
	&cmd_cache,
	&cmd_check,
	&cmd_commit,
	&cmd_completion,
	&cmd_config,
	&cmd_containers,
	&cmd_copy,
	&cmd_doctor,
	&cmd_explain,
	&cmd_from,
	&cmd_fsck,
	&cmd_help,
	&cmd_history,
	&cmd_image_copy,
	&cmd_images,
	&cmd_info,
	&cmd_inspect,
	&cmd_login,
	&cmd_logout,
	&cmd_man,
	&cmd_mount,
	&cmd_prune,
	&cmd_pull,
	&cmd_push,
	&cmd_rename,
	&cmd_rm,
	&cmd_rmi,
	&cmd_run,
	&cmd_shell,
	&cmd_tag,
	&cmd_umount,
	&cmd_unshare,
	&cmd_version,
	&cmd_warm,
	NULL,
};

const struct program kiln_program = {
	.name = "kiln",
	.summary = "Build container images without a daemon and without root.",
	.options = options,
	.commands = commands,
};
