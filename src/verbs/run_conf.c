#include "verbs/run_conf.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/containers_conf.h"
#include "ui/host_flag.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { HOSTS_BYTES = 1024 * 1024 };

static void add_where_none(const struct conf_list *conf, struct list *typed)
{
	if (!typed->n)
		list_add_all(typed, &conf->texts);
}

/* Behind those of the file, so that they are the ones that stay. */
static void add_in_front(const struct conf_list *conf, struct list *typed)
{
	struct list both = { 0 };

	list_add_all(&both, &conf->texts);
	list_add_all(&both, typed);
	list_done(typed);
	*typed = both;
}

static bool is_named(const struct list *hosts, struct str name)
{
	for (size_t i = 0; i < hosts->n; i++) {
		struct str typed = { hosts->p[i], strcspn(hosts->p[i], "=:") };

		if (str_equal(typed, name))
			return true;
	}
	return false;
}

static struct str next_word(struct str *rest)
{
	struct str word = { rest->p, 0 };

	while (word.n < rest->n && !strchr(" \t\r#", word.p[word.n]))
		word.n++;
	*rest = str_trim(str_slice(*rest, word.n, rest->n));
	return word;
}

/* "ADDRESS NAME..." as --add-host has it: names that were not typed. What is no such line is none
 * for the system either. */
static FALLIBLE add_hosts_line(struct str line, const struct list *typed, struct list *hosts)
{
	struct str address, name, ignored;

	line = str_trim(line);
	address = next_word(&line);
	while ((name = next_word(&line)).n) {
		AUTO_FREE char *host = xasprintf("%.*s=%.*s", STR_ARG(name), STR_ARG(address));
		struct error *error = host_flag_parse(host, &ignored, &ignored);

		if (error) {
			error_ignore(error, "no address");
			return NULL;
		}
		if (hosts->n >= LIMIT_LIST_ENTRIES)
			return error_new(ERR_LIMIT, "more than %d names", LIMIT_LIST_ENTRIES);
		if (!is_named(typed, name))
			list_add(hosts, host);
	}
	return NULL;
}

static FALLIBLE add_base_hosts(const char *path, const struct list *typed, struct list *hosts)
{
	AUTO_FREE char *text = NULL;
	struct str rest = { 0 }, line;

	if (!path || !*path || text_equal(path, "none"))
		return NULL;
	if (text_equal(path, "image"))
		return error_hint(error_new(ERR_UNSUPPORTED, "containers.conf: 'base_hosts_file' "
							     "is 'image', which "
							     "is not supported"),
				"'--no-hosts' shows the image's own file");
	TRY_WRAP(file_read(AT_FDCWD, path, HOSTS_BYTES, &text, &rest.n),
			"containers.conf: 'base_hosts_file'");
	rest.p = text;
	while (rest.n) {
		(void)str_cut(rest, '\n', &line, &rest);
		TRY_WRAP(add_hosts_line(line, typed, hosts), "'%s'", path);
	}
	return NULL;
}

/* Of namespaces Buildah knows the host's, and that it is not. */
static void add_host_namespace(const char *conf, char **typed)
{
	if (!*typed && text_equal(conf, "host"))
		*typed = xstrdup(conf);
}

/* A network that kiln's own settings name is nearer than one for all programs. */
static void add_network(const struct config *config, const char *conf, char **typed)
{
	if (!*typed && conf && *conf && text_equal(config->network, "default"))
		*typed = xstrdup(text_equal(conf, "host") ? "host" : "private");
}

FALLIBLE run_conf_below(
		const struct invocation *call, const struct run_flags *typed, struct run_flags *ret)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;
	AUTO(list) struct list lines = { 0 };

	ret->http_proxy = typed->http_proxy;
	run_flags_save(typed, &lines);
	run_flags_load(&lines, ret);
	if (!text_equal(call->program, "buildah"))
		return NULL;
	TRY(containers_conf_read(config_getenv, NULL, &conf));
	if (!run_flags_dns_is_none(typed)) {
		add_where_none(&conf.dns, &ret->dns);
		add_where_none(&conf.dns_options, &ret->dns_options);
		add_where_none(&conf.dns_search, &ret->dns_search);
	}
	TRY(add_base_hosts(conf.base_hosts_file, &typed->hosts, &ret->hosts));
	add_in_front(&conf.ulimits, &ret->ulimits);
	add_in_front(&conf.devices, &ret->devices);
	add_in_front(&conf.volumes, &ret->volumes);
	if (!ret->shm_size)
		ret->shm_size = TAKE(conf.shm_size);
	add_host_namespace(conf.cgroupns, &ret->cgroupns);
	add_host_namespace(conf.ipcns, &ret->ipc);
	add_host_namespace(conf.pidns, &ret->pid);
	add_host_namespace(conf.utsns, &ret->uts);
	add_network(call->config, conf.netns, &ret->network);
	if (conf.capabilities.is_said) {
		list_add(&ret->base_capabilities, "");
		list_add_all(&ret->base_capabilities, &conf.capabilities.texts);
	}
	return NULL;
}

FALLIBLE run_conf_limits(const char *program, struct run_flags *flags)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;
	struct conf_list more = { .is_said = false };

	if (!text_equal(program, "buildah"))
		return NULL;
	TRY(containers_conf_read(config_getenv, NULL, &conf));
	for (size_t i = 0; i < conf.ulimits.texts.n; i++)
		if (!list_has(&flags->ulimits, conf.ulimits.texts.p[i]))
			list_add(&more.texts, conf.ulimits.texts.p[i]);
	add_in_front(&more, &flags->ulimits);
	list_done(&more.texts);
	return NULL;
}

FALLIBLE run_conf_hostname(const char *program, const char *container, char **ret)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;
	char name[HOST_NAME_MAX + 1];
	size_t n = 0;

	if (!text_equal(program, "buildah"))
		return NULL;
	TRY(containers_conf_read(config_getenv, NULL, &conf));
	for (; conf.names_hosts && *container && n < sizeof(name) - 1; container++)
		if (isalnum((unsigned char)*container) || (*container == '-' && n))
			name[n++] = *container;
	*ret = n ? xstrndup(name, n) : NULL;
	return NULL;
}
