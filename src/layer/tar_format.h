/*
 * tar_format: the 512-byte header that tar_read, tar_write and podman/split_write share, and what
 * its fields say.
 *
 * Floor: layer (private to those). Spec: POSIX.1-2017 pax, "ustar Interchange Format".
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum { TAR_BLOCK = 512 };

struct tar_header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6], version[2]; /* "ustar\0" "00"; GNU: "ustar  \0" over both */
	char user[32], group[32];
	char major[8], minor[8];
	char prefix[155]; /* GNU keeps two times and its sparse map from here on */
	char rest[12];
};

_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

/* A field that ends at its first NUL or its end; borrows. */
struct str tar_text(const char *field, size_t width);
bool tar_checksum_fits(const struct tar_header *header);
/* One block of nothing but zeros. */
bool tar_is_zero(const void *block);
/*
 * What stands before the name, "" for nothing. ustar and pax have it; and GNU's form where the
 * times in its place are none: Go before 1.8, and so Docker of 2016, wrote long names that way.
 */
struct str tar_prefix(const struct tar_header *header);
/* Octal, or GNU's base-256 where the first bit is set; ERR_INVALID unless within min and max. */
FALLIBLE tar_number(const char *field, size_t n, int64_t min, int64_t max, int64_t *ret);
