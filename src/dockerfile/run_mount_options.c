#include "dockerfile/run_mount_options.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"

#include <string.h>
#include <strings.h>
#include <sys/mount.h>

enum option {
	OPTION_EXEC = 1,
	OPTION_NO_EXEC,
	OPTION_SET_ID,
	OPTION_NO_SET_ID,
	OPTION_DEVICES,
	OPTION_NO_DEVICES,
	OPTION_TAKE_OVER,
	OPTION_LABEL,
	OPTION_FLAT,
	OPTION_PROPAGATION,
	OPTION_TMPFS_SIZE,
	OPTION_TMPFS_MODE,
	OPTION_COPY_UP,
	OPTION_NO_COPY_UP,
	OPTION_NO_FOLLOW,
};

/* With OPTION_PROPAGATION the word itself is the value. */
static const struct {
	const char *name;
	enum option option;
	bool has_value;
} options[] = {
	{ "exec", OPTION_EXEC, false },
	{ "noexec", OPTION_NO_EXEC, false },
	{ "suid", OPTION_SET_ID, false },
	{ "nosuid", OPTION_NO_SET_ID, false },
	{ "dev", OPTION_DEVICES, false },
	{ "nodev", OPTION_NO_DEVICES, false },
	{ "u", OPTION_TAKE_OVER, false },
	{ "chown", OPTION_TAKE_OVER, false },
	{ "z", OPTION_LABEL, false }, /* and "Z": keys have no case */
	{ "relabel", OPTION_LABEL, true },
	{ "bind-nonrecursive", OPTION_FLAT, false },
	{ "bind-propagation", OPTION_PROPAGATION, true },
	{ "shared", OPTION_PROPAGATION, false },
	{ "rshared", OPTION_PROPAGATION, false },
	{ "slave", OPTION_PROPAGATION, false },
	{ "rslave", OPTION_PROPAGATION, false },
	{ "private", OPTION_PROPAGATION, false },
	{ "rprivate", OPTION_PROPAGATION, false },
	{ "unbindable", OPTION_PROPAGATION, false },
	{ "runbindable", OPTION_PROPAGATION, false },
	{ "tmpfs-size", OPTION_TMPFS_SIZE, true },
	{ "tmpfs-mode", OPTION_TMPFS_MODE, true },
	{ "tmpcopyup", OPTION_COPY_UP, false },
	{ "notmpcopyup", OPTION_NO_COPY_UP, false },
	{ "no-dereference", OPTION_NO_FOLLOW, false },
};

size_t mount_option_count(void)
{
	return COUNT(options);
}

const char *mount_option_name(size_t i)
{
	return options[i].name;
}

size_t mount_option_find(const char *name)
{
	size_t i = 0;

	while (i < COUNT(options) && !text_equal(options[i].name, name))
		i++;
	return i;
}

const char *mount_option_bare(size_t i)
{
	return options[i].has_value ? NULL : "true";
}

static bool is_yes(const char *value)
{
	return strcasecmp(value, "true") == 0 || text_equal(value, "1");
}

static bool is_no(const char *value)
{
	return strcasecmp(value, "false") == 0 || text_equal(value, "0");
}

bool mount_propagation_parse(
		struct str word, enum mount_propagation *ret, bool *ret_propagates_below)
{
	static const char *const words[] = { "shared", "slave", "private", "unbindable" };
	bool is_recursive = str_starts(word, "r");
	struct str name = str_slice(word, is_recursive, word.n);

	for (size_t i = 0; i < COUNT(words); i++) {
		if (!str_is(name, words[i]))
			continue;
		*ret = (enum mount_propagation)(PROPAGATION_SHARED + i);
		*ret_propagates_below = is_recursive;
		return true;
	}
	return false;
}

unsigned long mount_propagation_flag(enum mount_propagation propagation)
{
	static const unsigned long flags[] = {
		[PROPAGATION_SHARED] = MS_SHARED,
		[PROPAGATION_SLAVE] = MS_SLAVE,
		[PROPAGATION_PRIVATE] = MS_PRIVATE,
		[PROPAGATION_UNBINDABLE] = MS_UNBINDABLE,
	};

	return flags[propagation];
}

static bool set_propagation(struct run_mount *mount, const char *word)
{
	return mount_propagation_parse(str_of(word), &mount->propagation, &mount->propagates_below);
}

static bool set_size(struct run_mount *mount, const char *value)
{
	struct error *error = parse_size(str_of(value), &mount->size);

	mount->has_size = !error;
	error_free(error);
	return mount->has_size;
}

static bool set_mode(struct run_mount *mount, const char *value)
{
	uint64_t mode = 0;
	struct error *error = parse_octal(str_of(value), 07777, &mode);

	mount->has_tmpfs_mode = !error;
	mount->mode = (uint32_t)mode;
	error_free(error);
	return mount->has_tmpfs_mode;
}

static bool set_label(const char *name, const char *value)
{
	return text_equal(name, "z") ? is_yes(value) || is_no(value)
				     : strcasecmp(value, "shared") == 0 ||
						       strcasecmp(value, "private") == 0;
}

/* What a step cannot have, whoever asks. */
static FALLIBLE refuse(enum option option)
{
	if (option == OPTION_DEVICES)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "--mount: 'dev' is not there: device nodes in "
						  "mounts never open in a step"),
				"the usual ones are in /dev");
	if (option == OPTION_COPY_UP)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "--mount: 'tmpcopyup' is not there: a tmpfs "
						  "begins empty"),
				"copy what is needed in the RUN itself, or mount the directory "
				"with type=bind,from=STAGE,rw");
	return error_hint(error_new(ERR_UNSUPPORTED, "--mount: 'no-dereference' is not there: a "
						     "link cannot be mounted"),
			"name what the link leads to");
}

FALLIBLE mount_option_set(struct run_mount *mount, size_t i, const char *value, bool *ret)
{
	enum option option = options[i].option;
	bool is_on = is_yes(value);

	*ret = options[i].has_value || is_on || is_no(value);
	switch (option) {
	case OPTION_EXEC:
	case OPTION_NO_EXEC:
		mount->no_exec = is_on == (option == OPTION_NO_EXEC);
		return NULL;
	case OPTION_SET_ID:
	case OPTION_NO_SET_ID:
		mount->has_set_id = is_on == (option == OPTION_SET_ID);
		return NULL;
	case OPTION_TAKE_OVER:
		mount->takes_over = is_on;
		return NULL;
	case OPTION_LABEL:
		*ret = set_label(options[i].name, value);
		return NULL;
	case OPTION_FLAT:
		mount->is_flat = is_on;
		return NULL;
	case OPTION_PROPAGATION:
		*ret = options[i].has_value ? set_propagation(mount, value)
					    : is_on && set_propagation(mount, options[i].name);
		return NULL;
	case OPTION_TMPFS_SIZE:
		*ret = set_size(mount, value);
		return NULL;
	case OPTION_TMPFS_MODE:
		*ret = set_mode(mount, value);
		return NULL;
	case OPTION_DEVICES:
	case OPTION_COPY_UP:
	case OPTION_NO_FOLLOW:
		return is_on ? refuse(option) : NULL;
	case OPTION_NO_DEVICES: /* always so */
	case OPTION_NO_COPY_UP:
		return NULL;
	}
	return NULL;
}

const char *mount_option_nearest(size_t i, const char *value)
{
	static const char *const words[] = { "shared", "private", "slave", "unbindable", "rshared",
		"rprivate", "rslave", "runbindable" };

	if (options[i].option == OPTION_LABEL && options[i].has_value)
		return text_nearest(value, words, 2);
	return options[i].option == OPTION_PROPAGATION ? text_nearest(value, words, COUNT(words))
						       : NULL;
}

const char *mount_option_misplaced(const struct run_mount *mount)
{
	if (mount->type == MOUNT_CACHE && mount->propagation)
		return "propagation is for bind; write sharing=shared, private or locked";
	if (mount->propagation && mount->type != MOUNT_BIND)
		return "propagation is for bind only";
	if (mount->is_flat && mount->type != MOUNT_BIND)
		return "bind-nonrecursive is for bind only";
	if (mount->has_tmpfs_mode && mount->type != MOUNT_TMPFS)
		return "tmpfs-mode is for tmpfs only";
	if (mount->has_set_id && (mount->type == MOUNT_SECRET || mount->type == MOUNT_SSH))
		return "suid is for bind, cache and tmpfs only";
	return NULL;
}
