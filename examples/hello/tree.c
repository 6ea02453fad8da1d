#define _GNU_SOURCE
#include "tree.h"
#include <ftw.h>
#include <string.h>

static struct tree found;

static int visit(const char *path, const struct stat *stat, int type, struct FTW *at)
{
	(void)at;
	if (strcmp(path, "/proc") == 0 || strcmp(path, "/dev") == 0)
		return FTW_SKIP_SUBTREE;
	if (type == FTW_D) {
		found.directories++;
	} else {
		found.files++;
		found.bytes += (unsigned long)stat->st_size;
	}
	return FTW_CONTINUE;
}

int tree_count(const char *path, struct tree *tree)
{
	memset(&found, 0, sizeof(found));
	if (nftw(path, visit, 16, FTW_PHYS | FTW_ACTIONRETVAL) != 0)
		return -1;
	*tree = found;
	return 0;
}
