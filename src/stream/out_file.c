#include "stream/out_file.h"

#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FALLIBLE out_file_open(const char *dest, struct out_file *ret)
{
	AUTO_FD int fd = -1;
	struct stat st;

	*ret = (struct out_file){ .dest = dest };
	if (strcmp(dest, "-") == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return error_sys("write to standard output");
	} else if (stat(dest, &st) == 0 && !S_ISREG(st.st_mode)) {
		TRY(file_open(AT_FDCWD, dest, O_WRONLY | O_CLOEXEC, 0, &fd));
	} else {
		ret->draft = xasprintf("%s.kiln-%d", dest, (int)getpid());
		struct error *error = file_open(AT_FDCWD, ret->draft,
				O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644, &fd);
		if (error) {
			free(TAKE(ret->draft));
			return error_wrap(error, "make the output '%s'", dest);
		}
	}
	ret->writer = writer_to_fd(TAKE_FD(fd));
	return NULL;
}

FALLIBLE out_file_commit(struct out_file *out)
{
	if (out->draft && rename(out->draft, out->dest) != 0)
		return error_sys("name the output '%s'", out->dest);
	free(TAKE(out->draft));
	return NULL;
}

void out_file_done(struct out_file *out)
{
	writer_free(out->writer);
	if (out->draft)
		(void)unlink(out->draft);
	free(out->draft);
}
