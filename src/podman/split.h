/*
 * split: a tar taken apart and put together again, byte for byte. What a layer's tar holds besides
 * the contents of its files (headers, padding, the end) is kept as lines of JSON, gzipped:
 *
 *	{"type":2,"payload":BASE64,"position":0}                       bytes of the tar
 *	{"type":1,"name":"a/b","size":5,"payload":CRC64,"position":1}  the content of a file
 *
 * so that the directory that was unpacked and these lines make the tar whose digest is the diffID.
 *
 * Floor: podman. Spec: github.com/vbatts/tar-split 0.11, tar/storage and tar/asm.
 */
#pragma once
#include "stream/reader.h"
#include "stream/writer.h"

/*
 * The tar again. lines: the gzipped lines (takes). dirs: where the files are, the first that has a
 * name counts (takes the fds and the array). What does not fit is ERR_INVALID naming the file; the
 * bytes are the caller's to verify.
 */
FALLIBLE split_reader(struct reader *lines, int *dirs, size_t n_dirs, struct reader **ret);
/* The tar with zeros for what files hold: its headers, for who asks no more. lines: taken. */
FALLIBLE split_outline(struct reader *lines, struct reader **ret);

/*
 * Take apart what is written, a tar: lines go to out (takes it), plain. A name that comes twice is
 * ERR_UNSUPPORTED: of two contents the directory keeps one. What the tar's own reader would refuse
 * need not be noticed here.
 */
struct writer *split_writer(struct writer *out);

/* Everything that is read goes to `to` as well (takes below, borrows to). */
struct reader *copying_reader(struct reader *below, struct writer *to);
