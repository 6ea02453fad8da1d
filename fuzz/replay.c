/*
 * replay: a fuzz target's corpus as one plain test, with whatever compiler and sanitizer the build
 * has: replay DIR runs the target once for every file in it. An empty or missing corpus fails.
 */
#include "base/auto.h"
#include "base/xalloc.h"
#include "sys/fd.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size);

/* Targets with a mutator of their own name it; nothing is mutated here. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size)
{
	(void)bytes;
	(void)max_size;
	return size;
}

static void replay(int dir_fd, const char *name)
{
	static const size_t largest = 64 << 20;
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(dir_fd, name, largest, &text, &n);

	if (error) {
		(void)fprintf(stderr, "cannot read '%s'\n", name);
		abort();
	}
	/* A block of just that size, so that a sanitizer sees one byte too many. */
	AUTO_FREE uint8_t *bytes = xmalloc(n ? n : 1);
	if (n)
		memcpy(bytes, text, n);
	(void)fprintf(stderr, "%s\n", name);
	(void)LLVMFuzzerTestOneInput(bytes, n);
}

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	size_t n = 0;

	if (!dir) {
		(void)fprintf(stderr, "replay: no corpus '%s'\n", argc == 2 ? argv[1] : "");
		return 1;
	}
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		replay(dirfd(dir), entry->d_name);
		n++;
	}
	(void)closedir(dir);
	(void)printf("%zu inputs\n", n);
	return n ? 0 : 1;
}
