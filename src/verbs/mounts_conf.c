#include "verbs/mounts_conf.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static FALLIBLE add_line(const struct invocation *call, const char *file, struct str line,
		struct volume_flags *out)
{
	struct str source, target;

	line = str_trim(line);
	if (!str_starts(line, "/"))
		return NULL;
	if (!str_cut(line, ':', &source, &target))
		target = source;
	if (!str_starts(target, "/"))
		return error_new(ERR_INVALID, "'%s': '%.*s' is not /SOURCE:/TARGET", file,
				STR_ARG(line));
	AUTO_FREE char *path = str_dup(source);
	if (access(path, F_OK) != 0) {
		(void)fprintf(stderr, "%s: warning: '%s' of '%s' is not there\n", call->program,
				path, file);
		return NULL;
	}
	if (out->volumes.n >= LIMIT_STEP_MOUNTS)
		return error_new(ERR_LIMIT, "'%s' has more than %d lines", file, LIMIT_STEP_MOUNTS);
	AUTO_FREE char *both = xasprintf("%.*s:%.*s", STR_ARG(source), STR_ARG(target));
	volume_flag_add_copy(out, both);
	return NULL;
}

static FALLIBLE read_file(const struct invocation *call, const char *file, struct volume_flags *out)
{
	AUTO_FREE char *text = NULL;
	struct str line, rest = { 0 };

	TRY(file_read(AT_FDCWD, file, LIMIT_SETTINGS_BYTES, &text, &rest.n));
	rest.p = text;
	while (rest.n) {
		(void)str_cut(rest, '\n', &line, &rest);
		TRY(add_line(call, file, line, out));
	}
	return NULL;
}

FALLIBLE mounts_conf_read(const struct invocation *call, const struct list *settings,
		bool is_rootless, struct volume_flags *ret)
{
	const struct config *config = call->config;
	AUTO(list) struct list files = { 0 };
	const char *remembered = settings ? list_env_get(settings, MOUNTS_CONF_SETTING) : NULL;

	if (config->default_mounts_file || remembered)
		return read_file(call,
				config->default_mounts_file ? config->default_mounts_file
							    : remembered,
				ret);
	if (!text_equal(call->program, "buildah"))
		return NULL;
	if (is_rootless && config->environment.config_home)
		list_addf(&files, "%s/containers/mounts.conf", config->environment.config_home);
	list_add(&files, "/etc/containers/mounts.conf");
	list_add(&files, "/usr/share/containers/mounts.conf");
	for (size_t i = 0; i < files.n; i++)
		if (access(files.p[i], F_OK) == 0)
			return read_file(call, files.p[i], ret);
	return NULL;
}
