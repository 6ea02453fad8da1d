/*
 * run_mount: the options of RUN --mount and --device.
 *
 * Comma-separated fields (CSV quoting), keys without case, values expanded. The defaults that
 * depend on the type are filled in, paths are not yet resolved against WORKDIR.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference, "RUN --mount"; features.md 3.7.
 */
#pragma once
#include "dockerfile/instruction.h"
#include "dockerfile/words.h"

enum mount_type { MOUNT_BIND = 1, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };
enum mount_propagation {
	PROPAGATION_SHARED = 1,
	PROPAGATION_SLAVE,
	PROPAGATION_PRIVATE,
	PROPAGATION_UNBINDABLE,
};
enum mount_sharing { MOUNT_SHARED = 1, MOUNT_PRIVATE, MOUNT_LOCKED };

struct run_mount {
	enum mount_type type;
	const char *target; /* NULL when not given: secret, ssh */
	const char *source; /* NULL when not given: the root of from */
	const char *from;   /* stage, context or image as written; NULL: the build context */
	const char *id;     /* cache: target when not given; secret: base name of the target */
	enum mount_sharing sharing; /* cache */
	bool is_read_only;
	bool is_required; /* secret, ssh */
	bool has_env;     /* secret: offered in the environment */
	const char *env;  /* its name: id when not given; NULL without has_env */
	bool has_mode, has_uid, has_gid;
	uint32_t mode, uid, gid;
	bool has_size;
	uint64_t size; /* tmpfs, bytes */
	/* Buildah's (run_mount_options.h). */
	bool has_tmpfs_mode; /* tmpfs: mode is its own */
	bool no_exec;
	bool has_set_id;                    /* set-id bits count; not so by default */
	bool takes_over;                    /* all in it is the step's user's */
	bool is_flat;                       /* bind: without what is mounted below it */
	enum mount_propagation propagation; /* bind; 0: private */
	bool propagates_below;              /* and of what is below it */
	struct source_range at;
};

const char *mount_type_name(enum mount_type type);
/* "shared", "rslave", …: false when it is none of them. */
bool mount_propagation_parse(
		struct str word, enum mount_propagation *ret, bool *ret_propagates_below);
/* MS_SHARED and its kin, as mount(2) has them; 0 is 0. */
unsigned long mount_propagation_flag(enum mount_propagation propagation);

/*
 * Parse the value of one --mount. Without env only what can be known without variables is checked
 * (and ret holds what was literal); dockerfile_parse() does that for every RUN. Unknown keys and
 * values are ERR_INVALID at the flag, with the nearest known as hint.
 */
FALLIBLE run_mount_parse(struct arena *arena, const struct flag *flag, const struct words_env *env,
		struct run_mount *ret);

/*
 * The from of a --mount as it stands, without parsing the rest; NULL when there is none. For
 * finding which stages a RUN needs before variables are known.
 */
const char *run_mount_from(struct arena *arena, const struct flag *flag);

struct run_device {
	const char *name;
	bool is_required;
};

FALLIBLE run_device_parse(struct arena *arena, const struct flag *flag, struct run_device *ret);
