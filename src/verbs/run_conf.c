#include "verbs/run_conf.h"

#include "base/str.h"
#include "ui/containers_conf.h"

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

FALLIBLE run_conf_below(const char *program, const struct run_flags *typed, struct run_flags *ret)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;
	AUTO(list) struct list lines = { 0 };

	ret->http_proxy = typed->http_proxy;
	run_flags_save(typed, &lines);
	run_flags_load(&lines, ret);
	if (!text_equal(program, "buildah"))
		return NULL;
	TRY(containers_conf_read(config_getenv, NULL, &conf));
	if (!run_flags_dns_is_none(typed)) {
		add_where_none(&conf.dns, &ret->dns);
		add_where_none(&conf.dns_options, &ret->dns_options);
		add_where_none(&conf.dns_search, &ret->dns_search);
	}
	add_in_front(&conf.ulimits, &ret->ulimits);
	add_in_front(&conf.devices, &ret->devices);
	add_in_front(&conf.volumes, &ret->volumes);
	if (!ret->shm_size)
		ret->shm_size = TAKE(conf.shm_size);
	if (conf.capabilities.is_said) {
		list_add(&ret->base_capabilities, "");
		list_add_all(&ret->base_capabilities, &conf.capabilities.texts);
	}
	return NULL;
}
