#include "verbs/run_flags.h"
#include "ui/config.h"
#include "ui/host_flag.h"
#include "verbs/namespace_flag.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "sandbox/capability.h"
#include "sandbox/defaults.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- remembering --- */

enum field_kind { FIELD_TEXT = 1, FIELD_LIST };

#define TEXT(name, member)                                           \
	{                                                            \
		name, FIELD_TEXT, offsetof(struct run_flags, member) \
	}
#define LIST(name, member)                                           \
	{                                                            \
		name, FIELD_LIST, offsetof(struct run_flags, member) \
	}

static const struct {
	const char *name;
	enum field_kind kind;
	size_t offset;
} fields[] = {
	LIST("add-host", hosts),
	LIST("cap-add", cap_add),
	LIST("cap-drop", cap_drop),
	LIST("default-capability", base_capabilities),
	LIST("device", devices),
	LIST("dns", dns),
	LIST("dns-option", dns_options),
	LIST("dns-search", dns_search),
	LIST("group-add", groups),
	LIST("security-opt", security),
	LIST("ulimit", ulimits),
	LIST("volume", volumes),
	TEXT("cgroup-parent", limits.cgroup_parent),
	TEXT("cgroupns", cgroupns),
	TEXT("cpu-period", limits.cpu_period),
	TEXT("cpu-quota", limits.cpu_quota),
	TEXT("cpu-shares", limits.cpu_shares),
	TEXT("cpuset-cpus", limits.cpuset_cpus),
	TEXT("cpuset-mems", limits.cpuset_mems),
	TEXT("ipc", ipc),
	TEXT("isolation", isolation),
	TEXT("memory", limits.memory),
	TEXT("memory-swap", limits.memory_swap),
	TEXT("network", network),
	TEXT("pid", pid),
	TEXT("shm-size", shm_size),
	TEXT("uts", uts),
};

void run_flags_save(const struct run_flags *flags, struct list *out)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		const char *at = (const char *)flags + fields[i].offset;

		if (fields[i].kind == FIELD_TEXT) {
			const char *text = *(char *const *)(const void *)at;

			if (text)
				list_addf(out, "%s=%s", fields[i].name, text);
			continue;
		}
		const struct list *list = (const void *)at;

		for (size_t k = 0; k < list->n; k++)
			list_addf(out, "%s=%s", fields[i].name, list->p[k]);
	}
	if (!flags->http_proxy)
		list_add(out, "http-proxy=false");
}

static void load_line(const char *line, struct run_flags *flags)
{
	struct str name, value;

	(void)str_cut(str_of(line), '=', &name, &value);
	if (str_is(name, "http-proxy"))
		flags->http_proxy = false;
	for (size_t i = 0; i < COUNT(fields); i++) {
		char *at = (char *)flags + fields[i].offset;

		if (!str_is(name, fields[i].name))
			continue;
		if (fields[i].kind == FIELD_TEXT) {
			char **text = (void *)at;

			free(*text);
			*text = xstrdup(value.p);
		} else {
			list_add((void *)at, value.p);
		}
	}
}

void run_flags_load(const struct list *lines, struct run_flags *flags)
{
	for (size_t i = 0; i < lines->n; i++)
		load_line(lines->p[i], flags);
}

void run_flags_done(struct run_flags *flags)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		char *at = (char *)flags + fields[i].offset;

		if (fields[i].kind == FIELD_TEXT)
			free(*(char **)(void *)at);
		else
			list_done((void *)at);
	}
}

/* --- what is not there --- */

FALLIBLE run_flags_check_dns(const struct run_flags *flags, bool is_build)
{
	const struct {
		const char *name;
		bool is_given;
	} dns[] = { { "--dns", flags->dns.n > 0 }, { "--dns-option", flags->dns_options.n > 0 },
		{ "--dns-search", flags->dns_search.n > 0 } };
	bool is_none = is_build && text_equal(flags->network, "none");
	bool has_no_file = run_flags_dns_is_none(flags);

	for (size_t i = 0; i < COUNT(dns) && is_none; i++)
		if (dns[i].is_given)
			return error_usage("the %s option cannot be used with --network=none",
					dns[i].name);
	if (has_no_file && flags->dns.n > 1)
		return error_usage("invalid --dns, --dns=none may not be used with any other --dns "
				   "options");
	for (size_t i = 0; i < COUNT(dns); i++) {
		if (dns[i].is_given && has_no_file && i)
			return error_usage("invalid %s, %s may not be used with --dns=none",
					dns[i].name, dns[i].name);
	}
	return NULL;
}

bool run_flags_dns_is_none(const struct run_flags *flags)
{
	for (size_t i = 0; i < flags->dns.n; i++)
		if (strcasecmp(flags->dns.p[i], "none") == 0)
			return true;
	return false;
}

static FALLIBLE check_network(const struct run_flags *flags)
{
	const char *network = flags->network;
	const char *isolation =
			flags->isolation ? flags->isolation : config_getenv("BUILDAH_ISOLATION");

	if (text_equal(isolation, "chroot") && network && *network && !text_equal(network, "host"))
		return error_usage("cannot set --network other than host with --isolation chroot");
	return NULL;
}

FALLIBLE run_flags_check(const struct run_flags *flags)
{
	static const char *const kinds[] = { "", "auto", "default", "oci", "rootless", "chroot" };
	bool known = !flags->isolation;
	struct sandbox_namespaces ignored;

	for (size_t i = 0; i < COUNT(kinds) && !known; i++)
		known = text_equal(kinds[i], flags->isolation);
	if (!known)
		return error_usage("unrecognized isolation type \"%s\"", flags->isolation);
	TRY(check_network(flags));
	return namespace_flags_make(flags, &ignored);
}

/* --- making a run of it --- */

static const char *keep(struct run_parts *parts, const char *text, size_t n)
{
	AUTO_FREE char *copy = xstrndup(text, n);

	list_add(&parts->texts, copy);
	return parts->texts.p[parts->texts.n - 1];
}

static FALLIBLE set_network(
		const struct run_flags *flags, const struct config *config, struct run_parts *parts)
{
	const char *text = flags->network && *flags->network ? flags->network : config->network;
	const char *path = NULL;
	bool is_path = false;

	TRY(namespace_flag_network(text, &is_path, &path));
	if (is_path)
		parts->run.network = path ? SANDBOX_NET_JOINED : SANDBOX_NET_HOST;
	else if (text_equal(text, "host") || text_equal(text, "default"))
		parts->run.network = SANDBOX_NET_HOST;
	else if (text_equal(text, "none"))
		parts->run.network = SANDBOX_NET_NONE;
	else if (text_equal(text, "private") || text_equal(text, "container") ||
			text_starts(text, "pasta") || text_starts(text, "slirp4netns"))
		parts->run.network = SANDBOX_NET_PRIVATE;
	else
		return error_hint(error_code(ERR_INVALID, EXIT_USAGE,
						  "unable to find network with name or ID %s: "
						  "network not found",
						  text),
				"there are host, none, private and ns:PATH");
	return NULL;
}

static FALLIBLE set_namespaces(const struct run_flags *flags, struct run_parts *parts)
{
	TRY(namespace_flags_make(flags, &parts->namespaces));
	AUTO_FREE char *text = namespace_flags_text(&parts->namespaces);
	parts->run.namespaces = text ? keep(parts, text, strlen(text)) : NULL;
	return NULL;
}

static FALLIBLE add_host(struct run_parts *parts, const char *text)
{
	struct str name, address;

	TRY(host_flag_parse(text, &name, &address));
	struct sandbox_host host = { keep(parts, name.p, name.n),
		keep(parts, address.p, address.n) };
	vec_push(&parts->hosts, host);
	return NULL;
}

static FALLIBLE add_capabilities(const struct list *names, uint64_t *ret)
{
	for (size_t i = 0; i < names->n; i++) {
		struct str rest = str_of(names->p[i]), name;

		while (rest.n) {
			uint64_t bits = 0;

			(void)str_cut(rest, ',', &name, &rest);
			AUTO_FREE char *text = str_dup(name);
			TRY(usage_of_option(capability_parse(text, &bits), "--cap-add"));
			*ret |= bits;
		}
	}
	return NULL;
}

/* What differs from the usual set is added or dropped; what was typed wins over either. */
static FALLIBLE set_capabilities(const struct run_flags *flags, struct working_run *run)
{
	uint64_t base = 0, usual = default_capabilities();

	TRY(add_capabilities(&flags->cap_add, &run->add_capabilities));
	TRY(add_capabilities(&flags->cap_drop, &run->drop_capabilities));
	run->drops_all = run->drop_capabilities == UINT64_MAX;
	if (!flags->base_capabilities.n || run->drops_all)
		return NULL;
	TRY_WRAP(add_capabilities(&flags->base_capabilities, &base), "default_capabilities");
	uint64_t more = base & ~usual & ~run->drop_capabilities;
	uint64_t less = usual & ~base & ~run->add_capabilities;
	run->add_capabilities |= more;
	run->drop_capabilities |= less;
	return NULL;
}

static const char **pointers(const struct list *list)
{
	const char **p = xcalloc(list->n + 1, sizeof(*p));

	for (size_t i = 0; i < list->n; i++)
		p[i] = list->p[i];
	return p;
}

static void set_dns(const struct run_flags *flags, struct run_parts *parts)
{
	bool is_none = run_flags_dns_is_none(flags);

	parts->run.no_resolv_file = is_none;
	parts->dns = pointers(&flags->dns);
	parts->dns_search = pointers(&flags->dns_search);
	parts->dns_options = pointers(&flags->dns_options);
	parts->run.dns = flags->dns.n && !is_none ? parts->dns : NULL;
	parts->run.dns_search = flags->dns_search.n && !is_none ? parts->dns_search : NULL;
	parts->run.dns_options = flags->dns_options.n && !is_none ? parts->dns_options : NULL;
}

static FALLIBLE set_numbers(const struct run_flags *flags, struct run_parts *parts)
{
	if (flags->shm_size)
		TRY(usage_of_option(parse_size(str_of(flags->shm_size), &parts->run.shm_bytes),
				"--shm-size"));
	return resource_flags_make(&flags->limits, &parts->texts, &parts->run.resources);
}

static FALLIBLE add_group(struct run_parts *parts, const char *text)
{
	uint64_t number = 0;

	if (text_equal(text, "keep-groups"))
		return NULL;
	struct error *error = parse_u64(str_of(text), UINT32_MAX, &number);
	if (error) {
		error_free(error);
		return error_hint(
				error_code(ERR_INVALID, EXIT_USAGE,
						"option '--group-add': '%s' is not a number", text),
				"give the group by number");
	}
	vec_push(&parts->groups, (uint32_t)number);
	return NULL;
}

static FALLIBLE set_security(struct run_parts *parts)
{
	struct working_run *run = &parts->run;
	uint64_t dropped = run->drops_all ? UINT64_MAX & ~run->add_capabilities
					  : run->drop_capabilities;
	uint64_t held = (default_capabilities() | run->add_capabilities) & ~dropped;

	run->is_unconfined = parts->security.is_unconfined;
	run->no_new_privileges = parts->security.no_new_privileges;
	TRY(security_flags_make(&parts->security, held, &run->security));
	run->security_texts = &parts->security.texts;
	return NULL;
}

FALLIBLE run_parts_make(
		const struct run_flags *flags, const struct config *config, struct run_parts *ret)
{
	TRY(run_flags_check(flags));
	TRY(set_network(flags, config, ret));
	TRY(set_namespaces(flags, ret));
	for (size_t i = 0; i < flags->hosts.n; i++)
		TRY(add_host(ret, flags->hosts.p[i]));
	for (size_t i = 0; i < flags->volumes.n; i++)
		TRY(volume_flag_add(&ret->volumes, flags->volumes.p[i]));
	for (size_t i = 0; i < flags->devices.n; i++)
		TRY(device_flag_add(&ret->volumes, flags->devices.p[i]));
	for (size_t i = 0; i < flags->groups.n; i++)
		TRY(add_group(ret, flags->groups.p[i]));
	for (size_t i = 0; i < flags->security.n; i++)
		TRY(security_flag_add(&ret->security, flags->security.p[i]));
	for (size_t i = 0; i < flags->ulimits.n; i++)
		TRY(usage_of_option(sandbox_limit_parse(str_of(flags->ulimits.p[i]),
						    vec_add(&ret->limits)),
				"--ulimit"));
	TRY(set_capabilities(flags, &ret->run));
	TRY(set_security(ret));
	set_dns(flags, ret);
	if (config->has_buildah_words)
		ret->run.engine = "buildah-" KILN_VERSION;
	return set_numbers(flags, ret);
}

void run_parts_fill(struct run_parts *parts, const struct run_flags *flags)
{
	struct working_run *run = &parts->run;

	run->hosts = parts->hosts.p;
	run->host_count = parts->hosts.n;
	run->volumes = parts->volumes.volumes.p;
	run->volume_count = parts->volumes.volumes.n;
	run->limits = parts->limits.p;
	run->limit_count = parts->limits.n;
	run->limit_texts = &flags->ulimits;
	run->groups = parts->groups.p;
	run->group_count = parts->groups.n;
}

void run_parts_done(struct run_parts *parts)
{
	list_done(&parts->texts);
	volume_flags_done(&parts->volumes);
	security_flags_done(&parts->security);
	vec_done(&parts->hosts);
	vec_done(&parts->limits);
	vec_done(&parts->groups);
	free(parts->dns);
	free(parts->dns_search);
	free(parts->dns_options);
}
