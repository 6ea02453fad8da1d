/*
 * aws: who we are to AWS, found in the order of its SDKs: AWS_ACCESS_KEY_ID and its kin; a web
 * identity (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, as EKS gives them); the profile
 * AWS_PROFILE of ~/.aws; a container's role (ECS, EKS Pod Identity); the instance's role (metadata
 * service version 2).
 *
 * Floor: registry, private. Any thread.
 */
#pragma once
#include "registry/cloud.h"

struct aws_credentials {
	char *key_id, *secret, *token; /* key_id NULL: there are none */
	char *source;                  /* for messages */
	bool is_instance;              /* from the metadata service of the instance */
};

/*
 * A place that says something and is wrong is an error: a token that is refused, a profile that
 * needs what kiln cannot do (a code of a person's device) is ERR_UNSUPPORTED by name.
 */
FALLIBLE aws_find_credentials(struct cloud *cloud, struct aws_credentials *ret);
void aws_credentials_done(struct aws_credentials *credentials);
/*
 * AWS_REGION, AWS_DEFAULT_REGION, the profile's, the instance's where the credentials are its;
 * "us-east-1". New; free().
 */
FALLIBLE aws_find_region(
		struct cloud *cloud, const struct aws_credentials *credentials, char **ret);
/* AWS_ENDPOINT_URL_<service>, AWS_ENDPOINT_URL, or NULL. Borrowed. */
const char *aws_endpoint(const struct cloud *cloud, const char *service);
/* Regions become part of a host's name: ERR_INVALID unless it can be one. */
FALLIBLE aws_check_region(const char *region);
/* "amazonaws.com" or "amazonaws.com.cn". */
const char *aws_domain(const char *region);

DEFINE_AUTO_VALUE(aws_credentials)
