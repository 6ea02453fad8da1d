/*
 * codec: compression as filters.
 *
 * Compressing is parallel over fixed-size blocks of input, whose bytes depend on the input and the
 * level alone: the same digest on 1 core or 64. The result of gzip is one RFC 1952 member; of zstd,
 * frames of RFC 8878.
 *
 * The same digest on any CPU, too, with one exception: gzip's default and level 1 are ISA-L's,
 * whose bytes are one thing on every x86-64 CPU with SSE4.2 (2008) and another on arm64. zstd and
 * the other levels of gzip are the same everywhere.
 *
 * Floor: stream.
 */
#pragma once
#include "oci/mediatype.h"
#include "stream/pool.h"
#include "stream/reader.h"
#include "stream/writer.h"

enum { CODEC_LEVEL_DEFAULT = -1 };

/*
 * The libraries are loaded when a stream of their kind begins. This loads all of them now, for who
 * is about to lose the files: ERR_NOT_FOUND where one of those for gzip and zstd is not installed.
 */
FALLIBLE codec_load(void);

/*
 * Compress what is written (takes below). level: CODEC_LEVEL_DEFAULT, gzip 0..9, zstd 1..22; others
 * are ERR_INVALID. COMPRESSION_NONE hands below back. pool may be NULL: everything on this thread;
 * otherwise it must outlive the writer, and below is written to by another thread until the writer
 * is closed or freed; it is closed by the caller's.
 */
FALLIBLE codec_writer(struct writer *below, enum compression compression, int level,
		struct pool *pool, struct writer **ret);

/*
 * Decompress what is read (takes below). The kind is told by the first bytes, not by a name: gzip,
 * zstd, bzip2, xz, or none of them (passed through). Several members or frames in a row are one
 * stream. Garbage behind the end is ERR_INVALID (zeros behind gzip are padding); a truncated stream
 * is ERR_INVALID. One that needs more memory than limits.h allows is ERR_LIMIT; how much comes out
 * is the caller's to bound (reader_limit). xz and bzip2 are ERR_UNSUPPORTED where their library is
 * not installed.
 * *ret_kind may be NULL; it says what was found once the first read was done inside this call.
 */
enum codec_kind { CODEC_PLAIN = 1, CODEC_GZIP, CODEC_ZSTD, CODEC_BZIP2, CODEC_XZ };
FALLIBLE codec_reader(struct reader *below, struct reader **ret, enum codec_kind *ret_kind);
