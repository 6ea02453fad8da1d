#include "ui/home.h"

#include "base/auto.h"
#include "base/xalloc.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

char *home_of_user(void)
{
	char buf[16384];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(getuid(), &entry, buf, sizeof(buf), &found) == 0 && found && found->pw_dir)
		return xstrdup(found->pw_dir);
	return xstrdup("/");
}

void home_settle(void)
{
	const char *home =
			getenv("HOME"); // NOLINT(concurrency-mt-unsafe): before there are threads

	if (!home || access(home, X_OK) == 0 || errno != EACCES)
		return;
	AUTO_FREE char *own = home_of_user();
	(void)setenv("HOME", own, 1); // NOLINT(concurrency-mt-unsafe): before there are threads
}
