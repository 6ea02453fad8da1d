/*
 * The options of RUN --mount and --device: the first byte picks whether there are variables, the
 * rest is the flag's value. Beyond not crashing: what parses has what its type needs, what can be
 * known without variables is never refused later for another reason, and the two readings of
 * "from" agree.
 */
#include "dockerfile/run_mount.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static const char *get(void *user, const char *name)
{
	(void)user;
	switch (name[0]) {
	case 'A':
		return "a,b=c\"d";
	case 'B':
		return "";
	case 'C':
		return "cache";
	default:
		return NULL;
	}
}

static bool takes_owner(enum mount_type type)
{
	return type == MOUNT_CACHE || type == MOUNT_SECRET || type == MOUNT_SSH;
}

static void check_mount(const struct run_mount *mount)
{
	require(mount->type >= MOUNT_BIND && mount->type <= MOUNT_SSH);
	require(mount_type_name(mount->type) != NULL);
	require(!(mount->has_mode || mount->has_uid || mount->has_gid) || takes_owner(mount->type));
	require(!mount->has_size || mount->type == MOUNT_TMPFS);
	require(!mount->is_required || mount->type == MOUNT_SECRET || mount->type == MOUNT_SSH);
	require(mount->mode <= 07777);
	require(!mount->sharing == (mount->type != MOUNT_CACHE));
	switch (mount->type) {
	case MOUNT_BIND:
	case MOUNT_TMPFS:
		require(mount->target && *mount->target);
		break;
	case MOUNT_CACHE:
		require(mount->target && *mount->target && mount->id);
		break;
	case MOUNT_SECRET:
		require(mount->id && (mount->target || mount->env) && !mount->from);
		break;
	case MOUNT_SSH:
		require(mount->id && !mount->from);
		break;
	}
}

static void check_from(struct arena *arena, const struct flag *flag, const struct run_mount *mount)
{
	const char *from = run_mount_from(arena, flag);

	require(!from == !mount->from);
	require(!from || strcmp(from, mount->from) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 1)
		return 0;

	AUTO(arena) struct arena *arena = arena_new();
	const char *value = arena_str(arena, (struct str){ (const char *)bytes + 1, size - 1 });
	const struct words_env env = { .get = get };
	const struct flag flag = {
		.name = "mount", .value = value, .text = value, .at = { "Dockerfile", 1, 1, 1, 1 }
	};
	struct run_mount early = { 0 }, mount = { 0 };
	struct run_device device = { 0 };
	struct error *unknown = run_mount_parse(arena, &flag, NULL, &early);
	struct error *known = run_mount_parse(arena, &flag, &env, &mount);

	/* What is refused while the file is read would be refused when the step runs. */
	require(!unknown || known);
	require(!known || *known->message);
	if (!known) {
		check_mount(&mount);
		check_from(arena, &flag, &mount);
	}
	error_free(unknown);
	error_free(known);
	struct error *error = run_device_parse(arena, &flag, &device);
	require(error || device.name);
	error_free(error);
	return 0;
}
