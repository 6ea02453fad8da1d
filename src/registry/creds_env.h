/*
 * creds_env: credentials that variables hold, as CI systems give them.
 *
 *	env	KANIKO_<HOST>_USER and KANIKO_<HOST>_PASSWORD, where <HOST> is the host in upper
 * case with _ for . - and :. The leading labels are dropped one by one, so that
 *		KANIKO_EXAMPLE_COM_USER serves reg.example.com too; a top-level name alone serves
 *		nobody.
 *	gitlab	CI_REGISTRY with CI_REGISTRY_USER and CI_REGISTRY_PASSWORD (or CI_JOB_TOKEN);
 *		CI_DEPENDENCY_PROXY_SERVER with CI_DEPENDENCY_PROXY_USER and _PASSWORD. For exactly
 *		that host and no other.
 *
 * Floor: registry (pure).
 */
#pragma once
#include "registry/creds.h"

/* Nothing found leaves *ret as it is. */
void creds_env_find(
		const struct creds_settings *settings, const char *host, struct credential *ret);
/* A variable of host_env that is set and not empty, or NULL. */
const char *creds_env_get(const struct creds_settings *settings, const char *name);
/* Whether a list such as "env,gitlab" names the source. */
bool creds_env_wants(const struct creds_settings *settings, const char *source);
