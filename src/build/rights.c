#include "build/rights.h"

static struct error *denied(const struct plan_step *step, const char *flag, const char *right)
{
	return error_hint(error_at(error_new(ERR_DENIED, "RUN --%s: entitlement %s is not allowed",
						   flag, right),
					  step->at),
			"if you trust this Dockerfile: --allow %s", right);
}

static FALLIBLE check_step(const struct build_options *options, const struct plan_step *step)
{
	bool is_host_net = !options->network || options->network == BUILD_NETWORK_HOST;

	if (step->kind != STEP_RUN)
		return NULL;
	if (step->run.network == NETWORK_HOST && options->network == BUILD_NETWORK_JOINED)
		return error_hint(
				error_at(error_new(ERR_UNSUPPORTED, "RUN --network=host in a build "
								    "that has joined another "
								    "network"),
						step->at),
				"from there is no way back to the host's: leave --network=ns:PATH "
				"away");
	if (step->run.is_insecure && !options->allows_insecure)
		return denied(step, "security=insecure", "security.insecure");
	/* Where every step has the host's network, saying so asks for nothing. */
	if (step->run.network == NETWORK_HOST && !is_host_net && !options->allows_host_network)
		return denied(step, "network=host", "network.host");
	return NULL;
}

FALLIBLE rights_check(const struct build_options *options, const struct plan *plan)
{
	for (size_t i = 0; i < plan->stage_count; i++)
		for (size_t k = 0; k < plan->stages[i]->step_count; k++)
			TRY(check_step(options, &plan->stages[i]->steps[k]));
	return NULL;
}
