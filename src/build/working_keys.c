/*
 * The key of a command in a working container: that of a RUN that says the same, so that a
 * Dockerfile and a script find each other's results. What only 'run' can be told (capabilities, a
 * host's name, ...) is a record around it.
 */
#include "build/working_inner.h"

#include <string.h>

/* Files of the host come and go, and may be written to. */
static bool shows_host(const struct working_run *run)
{
	for (size_t i = 0; i < run->volume_count; i++)
		if (run->volumes[i].source && !run->volumes[i].is_copied)
			return true;
	return false;
}

static bool has_volumes(const struct working_run *run)
{
	for (size_t i = 0; i < run->volume_count; i++)
		if (!run->volumes[i].is_copied)
			return true;
	return false;
}

const char *working_run_unseen(const struct working_run *run)
{
	if (run->layers->declared)
		return NULL;
	if (run->has_terminal)
		return "it has a terminal";
	if (run->layers->unseen)
		return run->layers->unseen;
	return shows_host(run) ? "it sees files of the host" : NULL;
}

static bool says_more(const struct working_run *run)
{
	return run->layers->declared || run->hostname || run->namespaces || run->dns ||
	       run->dns_search || run->dns_options || run->add_capabilities ||
	       run->drop_capabilities || run->drops_all || run->is_unconfined ||
	       run->no_new_privileges || run->group_count || run->has_umask || has_volumes(run) ||
	       (run->security_texts && run->security_texts->n) || run->no_hosts_file ||
	       run->no_hostname_file || run->no_resolv_file;
}

static void key_strings(struct key *key, const char *name, const char *const *strings)
{
	struct texts texts = { strings, 0 };

	while (strings && strings[texts.n])
		texts.n++;
	key_texts(key, name, &texts);
}

static void key_more(const struct working_run *run, const struct digest *parent, struct digest *ret,
		char **ret_record)
{
	AUTO(key) struct key *key = key_new("run in a container");

	key_digest(key, "parent", parent);
	key_digest(key, "run", ret);
	key_text(key, "declared", run->layers->declared);
	key_text(key, "hostname", run->hostname);
	if (run->namespaces)
		key_text(key, "namespaces", run->namespaces);
	key_strings(key, "dns", run->dns);
	key_strings(key, "dns_search", run->dns_search);
	key_strings(key, "dns_options", run->dns_options);
	key_number(key, "cap_add", run->add_capabilities);
	key_number(key, "cap_drop", run->drop_capabilities);
	key_number(key, "unconfined", run->is_unconfined);
	key_number(key, "no_new_privileges", run->no_new_privileges);
	if (run->has_umask)
		key_number(key, "umask", run->umask);
	if (run->security_texts && run->security_texts->n) {
		struct texts texts = { (const char *const *)run->security_texts->p,
			run->security_texts->n };
		key_texts(key, "security_options", &texts);
	}
	key_number(key, "no_hosts", run->no_hosts_file);
	key_number(key, "no_hostname", run->no_hostname_file);
	if (run->no_resolv_file)
		key_number(key, "no_resolv", 1);
	for (size_t i = 0; i < run->group_count; i++)
		key_number(key, "group", run->groups[i]);
	for (size_t i = 0; i < run->volume_count; i++)
		volume_key(&run->volumes[i], key);
	free(*ret_record);
	*ret = key_finish(key, ret_record);
}

/* The build's options are part of a RUN's key: let them say what this command is told. */
static void set_options(struct working *working, const struct working_run *run,
		const struct build_host *hosts)
{
	static const enum build_network networks[] = {
		[SANDBOX_NET_HOST] = BUILD_NETWORK_HOST,
		[SANDBOX_NET_NONE] = BUILD_NETWORK_NONE,
		[SANDBOX_NET_PRIVATE] = BUILD_NETWORK_PRIVATE,
		[SANDBOX_NET_JOINED] = BUILD_NETWORK_JOINED,
	};

	working->options.network = networks[run->network];
	working->options.hosts = hosts;
	working->options.host_count = run->host_count;
	working->options.ulimits =
			run->limit_texts && run->limit_texts->n ? run->limit_texts : NULL;
	working->options.shm_bytes = run->shm_bytes;
	working->options.run.engine = run->engine;
}

void working_run_key(struct working *working, const struct working_run *run,
		const struct plan_step *step, const struct digest *parent, struct digest *ret,
		char **ret_record)
{
	AUTO_FREE struct build_host *hosts = xcalloc(run->host_count, sizeof(*hosts));

	for (size_t i = 0; i < run->host_count; i++)
		hosts[i] = (struct build_host){ run->hosts[i].name, run->hosts[i].address };
	set_options(working, run, hosts);
	step_key(&working->build, step, parent, NULL, ret, ret_record);
	working->options.hosts = NULL;
	working->options.host_count = 0;
	if (says_more(run))
		key_more(run, parent, ret, ret_record);
}
