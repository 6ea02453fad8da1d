/*
 * Where a profile leads. One with a role leads on to another profile or place for the credentials
 * that ask for the role; that one may have a role of its own, so the way is bounded.
 */
#include "registry/aws_elsewhere.h"
#include "registry/aws_inner.h"
#include "registry/aws_profile.h"

#include <string.h>

enum { FARTHEST = 8 }; /* profiles on the way; nobody has more than two or three */

/* The file that a variable names, or the one in ~/.aws. */
static char *file_of(const struct cloud *cloud, const char *variable, const char *name)
{
	const char *path = cloud_env(cloud, variable), *home = cloud_env(cloud, "HOME");

	return path ? xstrdup(path) : xasprintf("%s/.aws/%s", home ? home : "/root", name);
}

const char *aws_profile_name(const struct cloud *cloud)
{
	const char *named = cloud_env(cloud, "AWS_PROFILE");

	return named ? named : "default";
}

static FALLIBLE read_settings(struct cloud *cloud, const char *profile, struct list *ret)
{
	AUTO_FREE char *credentials = file_of(cloud, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	AUTO_FREE char *config = file_of(cloud, "AWS_CONFIG_FILE", "config");

	TRY(aws_profile_read(credentials, profile, false, ret));
	return aws_profile_read(config, profile, true, ret);
}

FALLIBLE aws_profile_settings(struct cloud *cloud, const char *profile, struct list *ret)
{
	TRY(read_settings(cloud, profile, ret));
	if (cloud_env(cloud, "AWS_PROFILE") && !ret->n)
		return error_hint(error_new(ERR_NOT_FOUND, "AWS_PROFILE: there is no profile '%s'",
						  profile),
				"it is looked for in ~/.aws/credentials and ~/.aws/config");
	return NULL;
}

/* What a profile says of a login, and its session, which is a section of its own. */
static FALLIBLE from_login(struct cloud *cloud, const char *profile, const struct list *settings,
		struct aws_credentials *ret)
{
	const char *session = list_env_get(settings, "sso_session");
	AUTO_FREE char *config = file_of(cloud, "AWS_CONFIG_FILE", "config");
	AUTO(list) struct list all = { 0 };

	list_add_all(&all, settings);
	if (session) {
		AUTO_FREE char *section = xasprintf("sso-session %s", session);

		TRY(aws_profile_read(config, section, true, &all));
	}
	const struct aws_sso sso = { .profile = profile,
		.session = session,
		.start_url = list_env_get(&all, "sso_start_url"),
		.region = list_env_get(&all, "sso_region"),
		.account = list_env_get(&all, "sso_account_id"),
		.role = list_env_get(&all, "sso_role_name") };
	return aws_from_sso(cloud, &sso, ret);
}

/* Keys; a copy, since the texts end with the settings. */
static void from_keys(const char *profile, const struct list *settings, struct aws_credentials *ret)
{
	const char *id = list_env_get(settings, "aws_access_key_id");
	const char *secret = list_env_get(settings, "aws_secret_access_key");

	if (!id || !secret)
		return;
	ret->key_id = xstrdup(id);
	ret->secret = xstrdup(secret);
	ret->token = xstrdup(list_env_get(settings, "aws_session_token"));
	ret->source = xasprintf("AWS profile '%s'", profile);
}

static FALLIBLE from_source(struct cloud *cloud, const char *source, struct aws_credentials *ret)
{
	static const struct {
		const char *name;
		struct error *(*find)(struct cloud *, struct aws_credentials *);
	} places[] = { { "Environment", aws_from_variables },
		{ "Ec2InstanceMetadata", aws_from_instance },
		{ "EcsContainer", aws_from_container } };

	for (size_t i = 0; i < COUNT(places); i++) {
		if (!text_equal(source, places[i].name))
			continue;
		TRY(places[i].find(cloud, ret));
		return ret->key_id ? NULL
				   : error_new(ERR_NOT_FOUND,
						     "credential_source '%s' has no credentials",
						     source);
	}
	return error_new(ERR_INVALID,
			"credential_source is '%s', not Environment, Ec2InstanceMetadata or "
			"EcsContainer",
			source);
}

static FALLIBLE lead(struct cloud *cloud, const char *profile, const struct list *settings,
		unsigned way, struct aws_credentials *ret);

static FALLIBLE from_other(
		struct cloud *cloud, const char *other, unsigned way, struct aws_credentials *ret)
{
	AUTO(list) struct list settings = { 0 };

	if (way >= FARTHEST)
		return error_new(ERR_LIMIT, "source_profile leads in a circle, or too far");
	TRY(read_settings(cloud, other, &settings));
	if (!settings.n)
		return error_new(ERR_NOT_FOUND, "source_profile: there is no profile '%s'", other);
	TRY(lead(cloud, other, &settings, way + 1, ret));
	return ret->key_id ? NULL
			   : error_new(ERR_NOT_FOUND, "source_profile '%s' has no credentials",
					     other);
}

/* Who asks for the role that the profile names. */
static FALLIBLE find_asker(struct cloud *cloud, const char *profile, const struct list *settings,
		unsigned way, struct aws_credentials *ret)
{
	const char *other = list_env_get(settings, "source_profile");
	const char *source = list_env_get(settings, "credential_source");

	if (other && source)
		return error_new(ERR_INVALID,
				"'source_profile' and 'credential_source' exclude each other");
	if (other && !text_equal(other, profile))
		return from_other(cloud, other, way, ret);
	if (source)
		return from_source(cloud, source, ret);
	from_keys(profile, settings, ret);
	return ret->key_id ? NULL
			   : error_new(ERR_INVALID, "'role_arn' needs 'source_profile', "
						    "'credential_source' or "
						    "'web_identity_token_file'");
}

static FALLIBLE from_role(struct cloud *cloud, const char *profile, const struct list *settings,
		unsigned way, struct aws_credentials *ret)
{
	const char *region = aws_env_region(cloud);
	AUTO(aws_credentials) struct aws_credentials asker = { 0 };
	const struct aws_role role = { .arn = list_env_get(settings, "role_arn"),
		.session = list_env_get(settings, "role_session_name"),
		.external_id = list_env_get(settings, "external_id"),
		.seconds = list_env_get(settings, "duration_seconds"),
		.region = region ? region : list_env_get(settings, "region") };

	if (list_env_get(settings, "mfa_serial"))
		return error_hint(error_new(ERR_UNSUPPORTED, "'mfa_serial' is not supported"),
				"'aws configure export-credentials --format env' asks for the code "
				"and prints variables that work");
	TRY(find_asker(cloud, profile, settings, way, &asker));
	return aws_assume_role(cloud, &role, &asker, ret);
}

static FALLIBLE lead(struct cloud *cloud, const char *profile, const struct list *settings,
		unsigned way, struct aws_credentials *ret)
{
	const char *file = list_env_get(settings, "web_identity_token_file");
	const char *role = list_env_get(settings, "role_arn");

	if (file && role)
		return aws_from_web_identity(cloud, file, role,
				list_env_get(settings, "role_session_name"), ret);
	if (role) {
		TRY_WRAP(from_role(cloud, profile, settings, way, ret), "AWS profile '%s'",
				profile);
		return NULL;
	}
	if (list_env_get(settings, "sso_session") || list_env_get(settings, "sso_start_url"))
		return from_login(cloud, profile, settings, ret);
	from_keys(profile, settings, ret);
	const char *command = list_env_get(settings, "credential_process");
	return command && !ret->key_id ? aws_from_process(cloud, profile, command, ret) : NULL;
}

FALLIBLE aws_from_profile(struct cloud *cloud, struct aws_credentials *ret)
{
	const char *profile = aws_profile_name(cloud);
	AUTO(list) struct list settings = { 0 };

	TRY(aws_profile_settings(cloud, profile, &settings));
	return lead(cloud, profile, &settings, 0, ret);
}
