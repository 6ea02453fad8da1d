#include "verbs/volume_flag.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "sys/dir.h"
#include "sys/path.h"
#include "ui/options.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What a folder of devices may hold. */
enum { DEVICE_DEPTH = 8, DEVICES = 256 };

void volume_flags_done(struct volume_flags *flags)
{
	vec_done(&flags->volumes);
	list_done(&flags->texts);
}

static const char *keep(struct volume_flags *flags, struct str text)
{
	AUTO_FREE char *copy = str_dup(text);

	list_add(&flags->texts, copy);
	return flags->texts.p[flags->texts.n - 1];
}

static FALLIBLE not_supported(struct str option)
{
	return error_hint(
			error_usage("option '--volume': '%.*s' is not supported", STR_ARG(option)),
			"ro, rw, O, upperdir=, workdir=, U, z, Z, exec, noexec, suid, nosuid, "
			"nodev, and shared, slave, private and their recursive forms are");
}

static bool set_propagation(struct volume *volume, struct str option)
{
	enum mount_propagation propagation = 0;

	if (!mount_propagation_parse(option, &propagation, &volume->propagates_below))
		return false;
	volume->propagation = mount_propagation_flag(propagation);
	return true;
}

/* Words without a value. "dev" is no one's here: devices have an option of their own. */
static bool set_word(struct volume *volume, struct str option)
{
	if (str_is(option, "ro"))
		volume->read_only = true;
	else if (str_is(option, "rw"))
		volume->read_only = false;
	else if (str_is(option, "O"))
		volume->is_scratch = true;
	else if (str_is(option, "U"))
		volume->takes_over = true;
	else if (str_is(option, "noexec"))
		volume->no_exec = true;
	else if (str_is(option, "exec"))
		volume->no_exec = false;
	else if (str_is(option, "suid"))
		volume->has_set_id = true;
	else if (str_is(option, "nosuid"))
		volume->has_set_id = false;
	else if (str_is(option, "bind"))
		volume->is_flat = true;
	else
		/* kiln sets no SELinux labels; rbind and nodev are so anyhow. */
		return str_is(option, "z") || str_is(option, "Z") || str_is(option, "rbind") ||
		       str_is(option, "nodev") || !option.n;
	return true;
}

static FALLIBLE set_option(struct volume_flags *flags, struct volume *volume, struct str option)
{
	struct str key, value;

	if (set_word(volume, option) || set_propagation(volume, option))
		return NULL;
	(void)str_cut(option, '=', &key, &value);
	bool is_upper = str_is(key, "upperdir");
	if (!is_upper && !str_is(key, "workdir"))
		return not_supported(option);
	if (!str_starts(value, "/"))
		return error_usage("option '--volume': '%.*s' is not a path from the root",
				STR_ARG(option));
	AUTO_FREE char *clean = path_clean(value);
	AUTO_FREE char *path = xasprintf("/%s", clean);
	*(is_upper ? &volume->upper : &volume->work) = keep(flags, str_of(path));
	return NULL;
}

static FALLIBLE check(const struct volume *volume, struct str options)
{
	bool is_labelled = false;
	struct str option;

	while (options.n) {
		(void)str_cut(options, ',', &option, &options);
		is_labelled |= str_is(option, "z") || str_is(option, "Z");
	}
	if (volume->is_scratch && is_labelled)
		return error_usage("option '--volume': only one of 'z', 'Z' and 'O' at once");
	if (!volume->upper != !volume->work)
		return error_usage("option '--volume': upperdir and workdir go together");
	if (volume->upper && !volume->is_scratch)
		return error_usage("option '--volume': upperdir and workdir are for 'O'");
	return NULL;
}

/* Up to the next colon that no backslash stands before, and without those backslashes. */
static bool cut_path(struct volume_flags *flags, struct str text, struct str *ret_path,
		struct str *ret_rest)
{
	AUTO(strbuf) struct strbuf path = { 0 };
	size_t i = 0;

	for (; i < text.n && text.p[i] != ':'; i++) {
		if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == ':')
			i++;
		strbuf_add_char(&path, text.p[i]);
	}
	*ret_path = str_of(keep(flags, strbuf_str(&path)));
	*ret_rest = str_slice(text, i < text.n ? i + 1 : i, text.n);
	return i < text.n;
}

FALLIBLE volume_flag_add(struct volume_flags *flags, const char *text)
{
	struct str host, rest, target, options, option;
	struct volume volume = { 0 };

	if (!cut_path(flags, str_of(text), &host, &rest))
		return error_usage("incorrect volume format \"%s\", should be "
				   "host-dir:ctr-dir[:option]",
				text);
	(void)cut_path(flags, rest, &target, &options);
	if (!str_starts(host, "/"))
		return error_usage("invalid host path, must be an absolute path \"%.*s\"",
				STR_ARG(host));
	if (!str_starts(target, "/"))
		return error_usage("invalid container path, must be an absolute path \"%.*s\"",
				STR_ARG(target));
	for (struct str left = options; left.n;) {
		(void)str_cut(left, ',', &option, &left);
		TRY(set_option(flags, &volume, option));
	}
	TRY(check(&volume, options));
	volume.source = host.p;
	volume.target = target.p;
	vec_push(&flags->volumes, volume);
	return NULL;
}

void volume_flag_add_copy(struct volume_flags *flags, const char *text)
{
	struct volume volume = { .is_copied = true };
	struct str source, target;

	(void)str_cut(str_of(text), ':', &source, &target);
	volume.source = keep(flags, source);
	volume.target = keep(flags, target);
	vec_push(&flags->volumes, volume);
}

/* Reading and writing, in any order; making the node is nothing that happens here. */
static bool are_whole(struct str rights)
{
	size_t known = 0;

	for (size_t i = 0; i < 3; i++)
		known += memchr(rights.p, "rwm"[i], rights.n) != NULL;
	return known == rights.n && memchr(rights.p, 'r', rights.n) &&
	       memchr(rights.p, 'w', rights.n);
}

/* Below a folder each device is shown by its own name; what else is there is not. */
static FALLIBLE add_devices(
		struct volume_flags *flags, const char *host, const char *target, unsigned depth)
{
	struct volume device = { .is_device = true };
	AUTO(list) struct list names = { 0 };
	struct stat st;

	bool is_folder = stat(host, &st) == 0 && S_ISDIR(st.st_mode);
	if (depth && !is_folder && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return NULL;
	if (!is_folder) {
		device.source = keep(flags, str_of(host));
		device.target = keep(flags, str_of(target));
		vec_push(&flags->volumes, device);
		return NULL;
	}
	TRY_WRAP(dir_names(AT_FDCWD, host, &names), "read the devices of '%s'", host);
	if (depth > DEVICE_DEPTH || names.n + flags->volumes.n > DEVICES)
		return error_usage("option '--device': too much is below '%s'", host);
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *from = xasprintf("%s/%s", host, names.p[i]);
		AUTO_FREE char *to = xasprintf("%s/%s", target, names.p[i]);

		if (lstat(from, &st) == 0 && !S_ISLNK(st.st_mode))
			TRY(add_devices(flags, from, to, depth + 1));
	}
	return NULL;
}

FALLIBLE device_flag_add(struct volume_flags *flags, const char *text)
{
	struct str host, rest, target, rights;

	if (!str_cut(str_of(text), ':', &host, &rest))
		rest = host;
	(void)str_cut(rest, ':', &target, &rights);
	/* "HOST:rwm" names no other place. */
	if (target.n && target.p[0] != '/' && !rights.n) {
		rights = target;
		target = host;
	}
	if (!str_starts(host, "/") || !str_starts(target, "/"))
		return error_hint(
				error_usage("option '--device': '%s' is not a device's path", text),
				"/dev/fuse or /dev/fuse:/dev/other; CDI names are not supported");
	if (rights.n && !are_whole(rights))
		return error_hint(error_usage("option '--device': rights '%.*s' are not supported",
						  STR_ARG(rights)),
				"a command may do what the device's mode lets it: rwm");
	AUTO_FREE char *from = str_dup(host), *to = str_dup(target);
	return add_devices(flags, from, to, 0);
}

FALLIBLE mount_flag_add(struct volume_flags *flags, const struct run_mount *mount,
		const char *target, const char *context_dir)
{
	struct volume volume = {
		.read_only = mount->is_read_only,
		.takes_over = mount->takes_over,
		.no_exec = mount->no_exec,
		.has_set_id = mount->has_set_id,
		.is_flat = mount->is_flat,
		.propagation = mount_propagation_flag(mount->propagation),
		.propagates_below = mount->propagates_below,
		.size_bytes = mount->size,
		.mode = mount->has_tmpfs_mode ? mount->mode : 0,
	};
	const char *source = mount->source ? mount->source : "";

	volume.target = keep(flags, str_of(target));
	if (mount->type == MOUNT_BIND && mount->from) {
		AUTO_FREE char *below = path_clean(str_of(source));

		volume.from = keep(flags, str_of(mount->from));
		volume.source = keep(flags, str_of(below));
	} else if (mount->type == MOUNT_BIND) {
		if (!*source)
			return error_usage("option '--mount': must set volume source");
		AUTO_FREE char *below = *source != '/' && context_dir
							? xasprintf("%s/%s", context_dir, source)
							: xstrdup(source);

		volume.source = keep(flags, str_of(below));
		volume.discards = !volume.read_only;
	}
	vec_push(&flags->volumes, volume);
	return NULL;
}
