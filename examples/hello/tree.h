#pragma once

/* What a walk over a directory tree found. */
struct tree {
	unsigned long files, directories, bytes;
};

/* Counts everything below path into *tree; -1 when path cannot be read. */
int tree_count(const char *path, struct tree *tree);
