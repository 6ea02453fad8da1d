#include "stream/out_file.h"

#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A link may be /dev/stdout, and what is mounted over a name cannot be replaced. */
static bool is_file_of_its_own(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) < 0 ||
	       (S_ISREG(st.stx_mode) && !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT));
}

/* An error names dest: nobody knows the draft's name. */
static FALLIBLE open_as(const char *dest, const char *path, int flags, int *ret_fd)
{
	struct error *error = file_open(AT_FDCWD, path, O_WRONLY | flags, 0644, ret_fd);

	if (!error)
		return NULL;
	int number = error->code;
	error_free(error);
	return error_errno(number, "make the output '%s'", dest);
}

/* Where something is, nothing is created: in /tmp the kernel refuses that for others' pipes. */
static FALLIBLE open_in_place(const char *dest, int *ret_fd)
{
	return open_as(dest, dest, access(dest, F_OK) == 0 ? O_TRUNC : O_TRUNC | O_CREAT, ret_fd);
}

static FALLIBLE open_draft(struct out_file *out, int *ret_fd)
{
	out->draft = file_name_beside(out->dest);
	struct error *error = open_as(out->dest, out->draft, O_CREAT | O_EXCL, ret_fd);

	if (!error)
		return NULL;
	free(TAKE(out->draft));
	if (!file_is_held(error, out->dest))
		return error;
	error_ignore(error, "the file itself can be written");
	return open_in_place(out->dest, ret_fd);
}

FALLIBLE out_file_open(const char *dest, struct out_file *ret)
{
	AUTO_FD int fd = -1;

	*ret = (struct out_file){ .dest = dest };
	if (strcmp(dest, "-") == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return error_sys("write to standard output");
	} else if (is_file_of_its_own(dest)) {
		TRY(open_draft(ret, &fd));
	} else {
		TRY(open_in_place(dest, &fd));
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
