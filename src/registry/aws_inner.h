/*
 * aws_inner: what the files behind aws.h share: the places that credentials are found in (aws.c),
 * profiles that lead to them (aws_role.c), and the token service (aws_sts.c). A place that has
 * nothing is success with ret->key_id NULL.
 *
 * Floor: registry, private. Any thread.
 */
#pragma once
#include "registry/aws.h"

/* An address of the user's without slashes at its end, and a path. New. */
char *aws_join(const char *base, const char *path);
/* AWS_REGION, AWS_DEFAULT_REGION, or NULL. */
const char *aws_env_region(const struct cloud *cloud);

FALLIBLE aws_from_variables(struct cloud *cloud, struct aws_credentials *ret);
FALLIBLE aws_from_container(struct cloud *cloud, struct aws_credentials *ret);
FALLIBLE aws_from_instance(struct cloud *cloud, struct aws_credentials *ret);

/* AWS_PROFILE, or "default". */
const char *aws_profile_name(const struct cloud *cloud);
/*
 * The settings ("key=value") of a profile of ~/.aws; ERR_NOT_FOUND when it was asked for by name
 * and is nowhere.
 */
FALLIBLE aws_profile_settings(struct cloud *cloud, const char *profile, struct list *ret);
/*
 * What the profile leads to: keys, a program, a login, a web identity; and where it names a role,
 * that role, by the credentials of another profile (source_profile) or place (credential_source).
 */
FALLIBLE aws_from_profile(struct cloud *cloud, struct aws_credentials *ret);

/* The role of a token in a file; session may be NULL. */
FALLIBLE aws_from_web_identity(struct cloud *cloud, const char *file, const char *role,
		const char *session, struct aws_credentials *ret);

struct aws_role {
	const char *arn;
	const char *session, *external_id, *seconds; /* NULL: what is usual */
	const char *region; /* of the token service; NULL: the global one */
};

/* The role, asked for by who. */
FALLIBLE aws_assume_role(struct cloud *cloud, const struct aws_role *role,
		const struct aws_credentials *who, struct aws_credentials *ret);
