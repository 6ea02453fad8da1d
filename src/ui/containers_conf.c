#include "ui/containers_conf.h"

#include "base/limits.h"
#include "base/str.h"
#include "registry/conf_files.h"

#include <string.h>

enum where { IN_OTHER = 0, IN_CONTAINERS, IN_ENGINE };

enum { RETRIES_MAX = 1000, LEVEL_MAX = 100 };

struct reading {
	struct containers_conf *conf;
	enum where where;
};

/* A list or text of the file, and where it goes. */
struct field {
	enum where where;
	const char *key;
	size_t offset;
};

#define FIELD(where, key, member)                                    \
	{                                                            \
		where, key, offsetof(struct containers_conf, member) \
	}

static const struct field lists[] = {
	FIELD(IN_CONTAINERS, "default_capabilities", capabilities),
	FIELD(IN_CONTAINERS, "default_ulimits", ulimits),
	FIELD(IN_CONTAINERS, "devices", devices),
	FIELD(IN_CONTAINERS, "dns_options", dns_options),
	FIELD(IN_CONTAINERS, "dns_searches", dns_search),
	FIELD(IN_CONTAINERS, "dns_servers", dns),
	FIELD(IN_CONTAINERS, "volumes", volumes),
	FIELD(IN_ENGINE, "add_compression", add_compression),
	FIELD(IN_ENGINE, "env", environment),
};

static struct conf_list *list_at(struct containers_conf *conf, size_t i)
{
	return (void *)((char *)conf + lists[i].offset);
}

static const struct field texts[] = {
	FIELD(IN_CONTAINERS, "base_hosts_file", base_hosts_file),
	FIELD(IN_CONTAINERS, "cgroupns", cgroupns),
	FIELD(IN_CONTAINERS, "ipcns", ipcns),
	FIELD(IN_CONTAINERS, "netns", netns),
	FIELD(IN_CONTAINERS, "pidns", pidns),
	FIELD(IN_CONTAINERS, "shm_size", shm_size),
	FIELD(IN_CONTAINERS, "utsns", utsns),
	FIELD(IN_ENGINE, "compression_format", compression),
	FIELD(IN_ENGINE, "retry_delay", retry_delay),
};

static char **text_at(struct containers_conf *conf, size_t i)
{
	return (void *)((char *)conf + texts[i].offset);
}

void containers_conf_done(struct containers_conf *conf)
{
	for (size_t i = 0; i < COUNT(lists); i++)
		list_done(&list_at(conf, i)->texts);
	for (size_t i = 0; i < COUNT(texts); i++)
		free(*text_at(conf, i));
	*conf = (struct containers_conf)CONTAINERS_CONF_INIT;
}

/* --- one file --- */

static struct error *on_table(void *user, const char *name, bool is_array)
{
	struct reading *reading = user;

	reading->where = is_array                          ? IN_OTHER
			 : strcmp(name, "containers") == 0 ? IN_CONTAINERS
			 : strcmp(name, "engine") == 0     ? IN_ENGINE
							   : IN_OTHER;
	return NULL;
}

static FALLIBLE take_list(const struct toml_value *value, struct conf_list *list)
{
	if (value->kind != TOML_LIST)
		return error_new(ERR_INVALID, "is not a list of text");
	if (value->append)
		list->appends = value->append == APPEND_YES;
	if (!list->appends)
		list_done(&list->texts);
	if (list->texts.n + value->list.n > LIMIT_LIST_ENTRIES)
		return error_new(ERR_LIMIT, "has more than %d entries", LIMIT_LIST_ENTRIES);
	list_add_all(&list->texts, &value->list);
	list->is_said = true;
	return NULL;
}

static FALLIBLE take_number(const struct toml_value *value, int64_t max, int64_t *ret)
{
	if (value->kind != TOML_NUMBER || value->number < 0)
		return error_new(ERR_INVALID, "is not a number");
	*ret = value->number < max ? value->number : max;
	return NULL;
}

static struct error *on_value(void *user, const char *key, const struct toml_value *value)
{
	struct reading *reading = user;
	struct containers_conf *conf = reading->conf;

	for (size_t i = 0; i < COUNT(lists); i++)
		if (lists[i].where == reading->where && strcmp(lists[i].key, key) == 0)
			return take_list(value, list_at(conf, i));
	for (size_t i = 0; i < COUNT(texts); i++)
		if (texts[i].where == reading->where && strcmp(texts[i].key, key) == 0)
			return toml_take_text(value, text_at(conf, i));
	if (reading->where == IN_CONTAINERS && strcmp(key, "container_name_as_hostname") == 0)
		return toml_take_bool(value, &conf->names_hosts);
	if (reading->where == IN_ENGINE && strcmp(key, "retry") == 0)
		return take_number(value, RETRIES_MAX, &conf->retries);
	if (reading->where == IN_ENGINE && strcmp(key, "compression_level") == 0)
		return take_number(value, LEVEL_MAX, &conf->level);
	return NULL;
}

FALLIBLE containers_conf_add(struct containers_conf *conf, struct str text, const char *what)
{
	struct reading reading = { .conf = conf };
	struct toml_events events = { .table = on_table, .value = on_value, .user = &reading };

	return toml_parse(text, what, &events);
}

/* --- the files --- */

static struct error *add_file(void *user, const struct conf_file *file)
{
	return containers_conf_add(user, file->text, file->what);
}

static void list_usual(const char *(*get)(const char *name),
		const struct containers_conf_dirs *dirs, struct list *out)
{
	const char *share = dirs && dirs->share ? dirs->share : "/usr/share/containers";
	const char *etc = dirs && dirs->etc ? dirs->etc : "/etc/containers";
	const char *config_home = get("XDG_CONFIG_HOME"), *home = get("HOME");
	AUTO_FREE char *own = config_home ? xasprintf("%s/containers", config_home)
			      : home      ? xasprintf("%s/.config/containers", home)
					  : NULL;

	list_addf(out, "%s/containers.conf", share);
	list_addf(out, "%s/containers.conf", etc);
	list_addf(out, "%s/containers.conf.d", etc);
	if (own) {
		list_addf(out, "%s/containers.conf", own);
		list_addf(out, "%s/containers.conf.d", own);
	}
}

FALLIBLE containers_conf_read(const char *(*get)(const char *name),
		const struct containers_conf_dirs *dirs, struct containers_conf *ret)
{
	const char *only = get("CONTAINERS_CONF"), *last = get("CONTAINERS_CONF_OVERRIDE");
	AUTO(list) struct list usual = { 0 };

	list_usual(get, dirs, &usual);
	if (only)
		TRY_WRAP(conf_file_read(only, add_file, ret), "CONTAINERS_CONF");
	else
		TRY(conf_files_read(&usual, add_file, ret));
	if (last)
		TRY_WRAP(conf_file_read(last, add_file, ret), "CONTAINERS_CONF_OVERRIDE");
	return NULL;
}
