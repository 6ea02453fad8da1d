#include "verbs/identity_label.h"

#include "base/str.h"

FALLIBLE identity_label(const char *program, const char *given, bool sets_times, const char **ret)
{
	bool is_wanted = text_equal(program, "buildah") && !sets_times;

	if (given)
		TRY(usage_of_option(parse_bool(given, &is_wanted), "--identity-label"));
	*ret = is_wanted ? KILN_VERSION : NULL;
	return NULL;
}
