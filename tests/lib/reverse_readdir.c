/*
 * A preload that gives the entries of every directory in the opposite order: what a test puts under
 * a program whose output must not depend on the order of a directory.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPEN = 256 };

static struct reversed {
	DIR *of;
	struct dirent64 *entries;
	size_t left;
} open_dirs[MAX_OPEN];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct reversed *find(DIR *dir)
{
	for (size_t i = 0; i < MAX_OPEN; i++)
		if (open_dirs[i].of == dir)
			return &open_dirs[i];
	return NULL;
}

static struct reversed *read_all(DIR *dir)
{
	struct dirent64 *(*next)(DIR *) = dlsym(RTLD_NEXT, "readdir64");
	struct reversed *all = find(NULL);
	struct dirent64 *entry;

	if (!all)
		abort();
	*all = (struct reversed){ .of = dir };
	while ((entry = next(dir))) {
		all->entries = realloc(all->entries, (all->left + 1) * sizeof(*all->entries));
		if (!all->entries)
			abort();
		memcpy(&all->entries[all->left++], entry, entry->d_reclen);
	}
	return all;
}

static void forget(DIR *dir)
{
	pthread_mutex_lock(&lock);
	struct reversed *all = find(dir);
	if (all) {
		free(all->entries);
		*all = (struct reversed){ 0 };
	}
	pthread_mutex_unlock(&lock);
}

struct dirent64 *readdir64(DIR *dir)
{
	pthread_mutex_lock(&lock);
	struct reversed *all = find(dir);
	if (!all)
		all = read_all(dir);
	struct dirent64 *entry = all->left > 0 ? &all->entries[--all->left] : NULL;
	pthread_mutex_unlock(&lock);
	return entry;
}

struct dirent *readdir(DIR *dir)
{
	return (struct dirent *)readdir64(dir);
}

void rewinddir(DIR *dir)
{
	void (*real)(DIR *) = dlsym(RTLD_NEXT, "rewinddir");

	forget(dir);
	real(dir);
}

int closedir(DIR *dir)
{
	int (*real)(DIR *) = dlsym(RTLD_NEXT, "closedir");

	forget(dir);
	return real(dir);
}

/* The entries of one buffer the other way round; they are of different lengths. */
ssize_t getdents64(int fd, void *buffer, size_t size)
{
	ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "getdents64");
	ssize_t n = real(fd, buffer, size);
	char *copy = n > 0 ? malloc((size_t)n) : NULL;

	if (!copy)
		return n;
	memcpy(copy, buffer, (size_t)n);
	char *to = (char *)buffer + n;
	for (char *from = copy; from < copy + n; from += ((struct dirent64 *)from)->d_reclen) {
		to -= ((struct dirent64 *)from)->d_reclen;
		memcpy(to, from, ((struct dirent64 *)from)->d_reclen);
	}
	free(copy);
	return n;
}
