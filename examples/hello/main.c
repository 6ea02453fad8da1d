#include "tree.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct tree tree;

	if (argc > 1 && strcmp(argv[1], "--test") == 0) {
		if (tree_count("/src", &tree) != 0 || tree.files < 4) {
			fprintf(stderr, "hello: the sources are not here\n");
			return 1;
		}
		printf("tested: %lu files in /src\n", tree.files);
		return 0;
	}
	if (tree_count("/", &tree) != 0) {
		perror("hello");
		return 1;
	}
	printf("Hello from a container. My whole world is %lu files in %lu directories, %lu "
	       "bytes;\n"
	       "I run as uid %d, and nobody needed root to build me.\n",
			tree.files, tree.directories, tree.bytes, (int)getuid());
	return 0;
}
