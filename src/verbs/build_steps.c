#include "verbs/build_steps.h"

#include "sys/private.h"
#include "ui/source_environment.h"

void build_steps_done(struct build_steps *steps)
{
	list_done(&steps->source_environment);
	secret_flags_done(&steps->secrets);
	ssh_flags_done(&steps->ssh);
}

static enum build_network network(const struct run_parts *parts)
{
	if (parts->run.network == SANDBOX_NET_NONE)
		return BUILD_NETWORK_NONE;
	if (parts->run.network == SANDBOX_NET_JOINED)
		return BUILD_NETWORK_JOINED;
	return parts->run.network == SANDBOX_NET_PRIVATE ? BUILD_NETWORK_PRIVATE
							 : BUILD_NETWORK_HOST;
}

FALLIBLE build_steps_make(const struct list *secrets, const struct list *agents,
		const struct config *config, const struct run_parts *parts,
		struct build_steps *steps, struct build_options *options)
{
	for (size_t i = 0; i < secrets->n; i++)
		TRY(secret_flags_add(&steps->secrets, secrets->p[i], config_getenv));
	for (size_t i = 0; i < agents->n; i++)
		TRY(ssh_flags_add(&steps->ssh, agents->p[i], config_getenv("SSH_AUTH_SOCK")));
	source_environment_add(config, &steps->source_environment);
	options->source_environment = &steps->source_environment;
	options->agents = steps->ssh.agents.p;
	options->agent_count = steps->ssh.agents.n;
	options->network = network(parts);
	options->shm_bytes = parts->run.shm_bytes;
	options->resources = parts->run.resources;
	options->run = (struct build_run_options){
		.engine = parts->run.engine,
		.no_resolv_file = parts->run.no_resolv_file,
		.namespaces = parts->run.namespaces,
		.add_capabilities = parts->run.add_capabilities,
		.drop_capabilities = parts->run.drop_capabilities,
		.is_unconfined = parts->run.is_unconfined,
		.no_new_privileges = parts->run.no_new_privileges,
		.security = parts->run.security,
		.security_texts = parts->run.security_texts,
		.dns = parts->run.dns,
		.dns_search = parts->run.dns_search,
		.dns_options = parts->run.dns_options,
		.groups = parts->groups.p,
		.group_count = parts->groups.n,
		.volumes = parts->volumes.volumes.p,
		.volume_count = parts->volumes.volumes.n,
	};
	return NULL;
}

FALLIBLE build_steps_load(struct build_steps *steps, struct build_options *options)
{
	if (!steps->secrets.flags.n)
		return NULL;
	private_begin();
	TRY(secret_flags_load(&steps->secrets, config_getenv));
	options->secrets = steps->secrets.loaded.p;
	options->secret_count = steps->secrets.loaded.n;
	return NULL;
}
