/*
 * aws_elsewhere: credentials of a profile that are kept elsewhere: what a program prints
 * (credential_process), and what IAM Identity Center gives for a login of 'aws sso login'. Neither
 * a program's output nor a token gets into a message.
 *
 * Floor: registry, private. Any thread.
 * Spec: docs.aws.amazon.com, "Sourcing credentials with an external process", "IAM Identity Center
 * Portal API", GetRoleCredentials.
 */
#pragma once
#include "registry/aws.h"

/* Run by the shell, as the command-line tools do. *ret is empty after an error. */
FALLIBLE aws_from_process(struct cloud *cloud, const char *profile, const char *command,
		struct aws_credentials *ret);

struct aws_sso {
	const char *profile;        /* for messages */
	const char *session;        /* sso_session, or NULL: the older form, by start_url */
	const char *start_url;      /* sso_start_url */
	const char *region;         /* sso_region */
	const char *account, *role; /* sso_account_id, sso_role_name */
};

/* A login that ended, or was never made, is ERR_DENIED with a hint. */
FALLIBLE aws_from_sso(struct cloud *cloud, const struct aws_sso *sso, struct aws_credentials *ret);
