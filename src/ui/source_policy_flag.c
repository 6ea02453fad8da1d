#include "ui/source_policy_flag.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/options.h"

#include <fcntl.h>

FALLIBLE source_policy_load(const char *path, bool first_wins, struct source_policy **ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_RULES_BYTES, &text, &n);

	if (!error)
		error = source_policy_parse((struct str){ text, n }, path, first_wins, ret);
	return error ? usage_of_option(error_wrap(error, "loading source policy '%s'", path),
				       "--source-policy-file")
		     : NULL;
}
