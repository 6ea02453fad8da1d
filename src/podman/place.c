#include "podman/place.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "registry/toml.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>

#define ROOT_OF_ROOT "/var/lib/containers/storage"

void podman_place_done(struct podman_place *place)
{
	free(place->driver);
	free(place->root);
	list_done(&place->more);
	*place = (struct podman_place){ 0 };
}

/* --- storage.conf --- */

struct reading {
	enum { IN_OTHER = 0, IN_STORAGE, IN_OPTIONS, IN_OVERLAY } where;
	char *driver, *root, *rootless_root, *mount_program;
	struct list more;
};

static void reading_done(struct reading *reading)
{
	free(reading->driver);
	free(reading->root);
	free(reading->rootless_root);
	free(reading->mount_program);
	list_done(&reading->more);
}

DEFINE_AUTO_VALUE(reading)

static struct error *on_table(void *user, const char *name, bool is_array)
{
	struct reading *reading = user;

	(void)is_array;
	reading->where = strcmp(name, "storage") == 0                   ? IN_STORAGE
			 : strcmp(name, "storage.options") == 0         ? IN_OPTIONS
			 : strcmp(name, "storage.options.overlay") == 0 ? IN_OVERLAY
									: IN_OTHER;
	return NULL;
}

/* "" is as if it were not there. */
static FALLIBLE take_text(const struct toml_value *value, char **ret)
{
	TRY(toml_take_text(value, ret));
	if (!**ret)
		free(TAKE(*ret));
	return NULL;
}

static struct error *on_value(void *user, const char *key, const struct toml_value *value)
{
	struct reading *reading = user;

	if (reading->where == IN_STORAGE && strcmp(key, "driver") == 0)
		return take_text(value, &reading->driver);
	if (reading->where == IN_STORAGE && strcmp(key, "graphroot") == 0)
		return take_text(value, &reading->root);
	if (reading->where == IN_STORAGE && strcmp(key, "rootless_storage_path") == 0)
		return take_text(value, &reading->rootless_root);
	if (reading->where >= IN_OPTIONS && strcmp(key, "mount_program") == 0)
		return take_text(value, &reading->mount_program);
	if (reading->where != IN_OPTIONS || strcmp(key, "additionalimagestores") != 0)
		return NULL;
	if (value->kind != TOML_LIST)
		return error_new(ERR_INVALID, "is not a list");
	list_add_all(&reading->more, &value->list);
	return NULL;
}

/* *ret_found stays false when the file is not there. */
static FALLIBLE read_conf(const char *path, struct reading *reading, bool *ret_found)
{
	const struct toml_events events = { on_table, on_value, reading };
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	*ret_found = true;
	return toml_parse((struct str){ text, n }, path, &events);
}

/* The first file that there is; one that was named must be there. *ret_own: the user's own. */
static FALLIBLE read_first(
		const struct podman_settings *settings, struct reading *reading, bool *ret_own)
{
	static const char *const system[] = { "/etc/containers/storage.conf",
		"/usr/share/containers/storage.conf" };
	AUTO_FREE char *own = xasprintf("%s/containers/storage.conf",
			settings->config_home ? settings->config_home : "");
	bool found = false;

	*ret_own = true;
	if (settings->conf) {
		TRY(read_conf(settings->conf, reading, &found));
		return found ? NULL
			     : error_errno(ENOENT, "read '%s', as CONTAINERS_STORAGE_CONF says",
					       settings->conf);
	}
	if (settings->config_home)
		TRY(read_conf(own, reading, &found));
	*ret_own = found;
	for (size_t i = 0; i < COUNT(system) && !found; i++)
		TRY(read_conf(settings->system_conf[i] ? settings->system_conf[i] : system[i],
				reading, &found));
	return NULL;
}

/* $HOME, $UID and $USER's kin in a path; others stay, and no such directory will be found. */
static char *expand(const struct podman_settings *settings, const char *path)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	char uid[16];

	(void)snprintf(uid, sizeof(uid), "%u", settings->uid);
	for (const char *p = path; *p;) {
		if (text_starts(p, "$HOME") && settings->home) {
			strbuf_add(&out, settings->home);
			p += strlen("$HOME");
		} else if (text_starts(p, "$UID")) {
			strbuf_add(&out, uid);
			p += strlen("$UID");
		} else {
			strbuf_add_char(&out, *p++);
		}
	}
	return strbuf_take(&out);
}

static FALLIBLE find_root(const struct podman_settings *settings, const struct reading *reading,
		bool is_own, char **ret)
{
	const char *root = reading->root;

	/* The system's file speaks of root's store; an ordinary user's is another. */
	if (settings->is_rootless && !(is_own && root))
		root = reading->rootless_root;
	if (settings->root)
		*ret = xstrdup(settings->root);
	else if (root)
		*ret = expand(settings, root);
	else if (!settings->is_rootless)
		*ret = xstrdup(ROOT_OF_ROOT);
	else if (settings->data_home)
		*ret = xasprintf("%s/containers/storage", settings->data_home);
	else
		return error_new(ERR_NOT_FOUND, "where Podman's store is: HOME is not set");
	return NULL;
}

static FALLIBLE use_conf(const struct podman_settings *settings, struct reading *reading,
		bool is_own, struct podman_place *place)
{
	TRY(find_root(settings, reading, is_own, &place->root));
	place->driver = TAKE(reading->driver);
	place->has_mount_program = reading->mount_program != NULL;
	list_add_all(&place->more, &reading->more);
	return NULL;
}

/* --- the environment, and what stands in front of a name --- */

/* "overlay.imagestore=/a", ".mount_program=…" */
static void use_option(struct podman_place *place, struct str option)
{
	struct str key, value;

	if (!str_cut(option, '=', &key, &value))
		return;
	AUTO_FREE char *text = str_dup(value);
	if (str_ends(key, "imagestore"))
		list_add(&place->more, text);
	else if (str_ends(key, "mount_program"))
		place->has_mount_program = value.n > 0;
}

static void use_options(struct podman_place *place, struct str options)
{
	struct str one;

	while (options.n) {
		(void)str_cut(options, ',', &one, &options);
		use_option(place, one);
	}
}

static FALLIBLE bad_place(const char *text)
{
	return error_hint(error_new(ERR_INVALID, "'containers-storage:%s' does not read", text),
			"write containers-storage:[DRIVER@GRAPHROOT+RUNROOT]NAME, with absolute "
			"paths, or containers-storage:NAME");
}

/* "driver@graphroot+runroot:options": the run root holds mounts, which are none of ours. */
static FALLIBLE use_prefix(struct str spec, const char *text, struct podman_place *place)
{
	struct str driver = { 0 }, root = spec, run, options = { 0 };

	if (str_find(spec, '@') < spec.n) {
		(void)str_cut(spec, '@', &driver, &root);
		if (!driver.n)
			return bad_place(text);
		place->driver = str_dup(driver);
	}
	if (str_cut(root, ':', &root, &options))
		use_options(place, options);
	(void)str_cut(root, '+', &root, &run);
	if (!root.n || root.p[0] != '/')
		return bad_place(text);
	place->root = str_dup(root);
	return NULL;
}

static FALLIBLE check_driver(const struct podman_place *place)
{
	if (!place->driver || text_equal(place->driver, "overlay") ||
			text_equal(place->driver, "overlay2"))
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "Podman's store '%s' has the driver '%s'; kiln knows "
					  "overlay",
					  place->root, place->driver),
			"copy through an archive: 'podman save', and docker-archive:FILE");
}

FALLIBLE podman_place_find(const struct podman_settings *settings, const char *text,
		struct podman_place *ret, const char **ret_name)
{
	AUTO(reading) struct reading reading = { 0 };
	bool is_own = false;

	*ret_name = text;
	if (text[0] == '[') {
		const char *end = strchr(text, ']');

		if (!end)
			return bad_place(text);
		*ret_name = end + 1;
		TRY(use_prefix((struct str){ text + 1, (size_t)(end - text - 1) }, text, ret));
		return check_driver(ret);
	}
	TRY(read_first(settings, &reading, &is_own));
	TRY(use_conf(settings, &reading, is_own, ret));
	if (settings->driver) {
		free(ret->driver);
		ret->driver = xstrdup(settings->driver);
	}
	if (settings->options)
		use_options(ret, str_of(settings->options));
	return check_driver(ret);
}
