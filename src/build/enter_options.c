#include "build/enter_options.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sandbox/capability.h"

#include <string.h>

void enter_options_done(struct enter_options *options)
{
	list_done(&options->dns);
	list_done(&options->dns_search);
	list_done(&options->dns_options);
	list_done(&options->mask);
	list_done(&options->unmask);
	list_done(&options->hosts);
	vec_done(&options->host_pairs);
	vec_done(&options->limits);
	vec_done(&options->groups);
}

static void read_list(const json_t *record, const char *name, struct list *ret)
{
	const json_t *item = NULL;
	size_t i = 0;

	json_array_foreach(json_object_get(record, name), i, item) if (json_is_string(item))
			list_add(ret, json_string_value(item));
}

/* NULL-terminated, or NULL when it is empty. */
static const char *const *strings(const json_t *record, const char *name, struct list *list)
{
	read_list(record, name, list);
	return list_ended(list);
}

static FALLIBLE read_capabilities(const json_t *record, const char *name, uint64_t *ret)
{
	AUTO(list) struct list names = { 0 };

	read_list(record, name, &names);
	for (size_t i = 0; i < names.n; i++) {
		uint64_t bits = 0;

		TRY(capability_parse(names.p[i], &bits));
		*ret |= bits;
	}
	return NULL;
}

static void read_hosts(
		const json_t *record, struct enter_options *options, struct sandbox_step *step)
{
	read_list(record, "hosts", &options->hosts);
	for (size_t i = 0; i < options->hosts.n; i++) {
		char *equals = strchr(options->hosts.p[i], '=');

		if (!equals)
			continue;
		*equals = '\0';
		struct sandbox_host host = { options->hosts.p[i], equals + 1 };
		vec_push(&options->host_pairs, host);
	}
	step->hosts = options->host_pairs.p;
	step->n_hosts = options->host_pairs.n;
}

static FALLIBLE read_limits(
		const json_t *record, struct enter_options *options, struct sandbox_step *step)
{
	AUTO(list) struct list texts = { 0 };

	read_list(record, "ulimits", &texts);
	for (size_t i = 0; i < texts.n; i++)
		TRY(sandbox_limit_parse(str_of(texts.p[i]), vec_add(&options->limits)));
	step->limits = options->limits.p;
	step->n_limits = options->limits.n;
	return NULL;
}

/* "group", and "group 2" and so on of further ones. */
static void read_groups(
		const json_t *record, struct enter_options *options, struct sandbox_step *step)
{
	for (size_t i = 0; i < step->n_groups; i++)
		vec_push(&options->groups, step->groups[i]);
	for (unsigned n = 1; n < SANDBOX_GROUPS; n++) {
		AUTO_FREE char *name = n == 1 ? xstrdup("group") : xasprintf("group %u", n);
		const json_t *value = json_object_get(record, name);

		if (!json_is_integer(value))
			break;
		vec_push(&options->groups, (uint32_t)json_integer_value(value));
	}
	step->groups = options->groups.p;
	step->n_groups = options->groups.n;
}

static void read_paths(const char *text, struct list *ret)
{
	struct str rest = str_of(text), path;

	while (rest.n) {
		(void)str_cut(rest, ':', &path, &rest);
		list_addf(ret, "%.*s", STR_ARG(path));
	}
}

static void read_security(
		const json_t *record, struct enter_options *options, struct sandbox_step *step)
{
	AUTO(list) struct list texts = { 0 };

	read_list(record, "security_options", &texts);
	for (size_t i = 0; i < texts.n; i++) {
		if (text_starts(texts.p[i], "mask="))
			read_paths(texts.p[i] + strlen("mask="), &options->mask);
		if (text_starts(texts.p[i], "unmask="))
			read_paths(texts.p[i] + strlen("unmask="), &options->unmask);
	}
	step->security.mask = list_ended(&options->mask);
	step->security.unmask = list_ended(&options->unmask);
	step->is_unconfined = json_integer_value(json_object_get(record, "unconfined")) != 0;
	step->no_new_privileges =
			json_integer_value(json_object_get(record, "no_new_privileges")) != 0;
	step->insecure = text_equal(
			json_string_value(json_object_get(record, "security")), "insecure");
}

FALLIBLE enter_options_apply(
		const json_t *record, struct enter_options *options, struct sandbox_step *step)
{
	if (!json_is_object(record))
		return NULL;
	TRY(read_capabilities(record, "cap_add", &step->add_capabilities));
	TRY(read_capabilities(record, "cap_drop", &step->drop_capabilities));
	if (step->drop_capabilities == UINT64_MAX)
		step->drop_capabilities &= ~step->add_capabilities;
	step->dns = strings(record, "dns", &options->dns);
	step->dns_search = strings(record, "dns_search", &options->dns_search);
	step->dns_options = strings(record, "dns_options", &options->dns_options);
	step->hostname = json_string_value(json_object_get(record, "hostname"));
	step->shm_bytes = (uint64_t)json_integer_value(json_object_get(record, "shm"));
	read_hosts(record, options, step);
	TRY(read_limits(record, options, step));
	read_groups(record, options, step);
	read_security(record, options, step);
	return NULL;
}

void enter_options_tell(const json_t *record, struct strbuf *text)
{
	AUTO(list) struct list texts = { 0 };

	read_list(record, "security_options", &texts);
	for (size_t i = 0; i < texts.n; i++)
		if (text_starts(texts.p[i], "seccomp="))
			strbuf_add(text, "; without its seccomp profile");
	if (json_object_get(record, "volume"))
		strbuf_add(text, "; without its volumes and devices");
}
