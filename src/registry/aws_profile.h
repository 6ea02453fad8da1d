/*
 * aws_profile: one profile of ~/.aws/credentials and ~/.aws/config.
 *
 * Floor: registry, private (pure, but for aws_profile_read).
 * Spec: docs.aws.amazon.com, "Configuration and credential file settings".
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

/*
 * Add the settings ("key=value") of a profile to *ret, unless an earlier file has them. In a config
 * file a section is [profile NAME], [default] or (a profile "sso-session NAME") [sso-session NAME],
 * in a credentials file [NAME]. Lines that are indented belong to a nested setting and are read
 * over; a line that is none is ERR_INVALID with its number and nothing of it.
 */
FALLIBLE aws_profile_parse(struct str text, const char *file, const char *profile, bool is_config,
		struct list *ret);
/* The same from a file; one that is not there has nothing. */
FALLIBLE aws_profile_read(const char *file, const char *profile, bool is_config, struct list *ret);
