/*
 * codec_libraries: ISA-L, zlib and libzstd, each loaded on first use: most commands neither
 * compress nor expand anything, and to bind the three takes every start a fifth of a millisecond.
 *
 * X_load() where a codec begins; X_loaded() behind that, as often as wanted. ERR_NOT_FOUND with a
 * hint where the library is not installed.
 *
 * Floor: stream. Safe on any thread; the tables are constant once loaded.
 */
#pragma once
#include "base/error.h"

#include <isa-l.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ISAL_CALLS(X)            \
	X(crc32_gzip_refl)       \
	X(crc64_iso_refl)        \
	X(isal_deflate)          \
	X(isal_deflate_init)     \
	X(isal_deflate_set_dict) \
	X(isal_inflate)          \
	X(isal_inflate_init)     \
	X(isal_inflate_reset)

/* deflateInit2() is a macro around the one here. */
#define ZLIB_CALLS(X)    \
	X(crc32_combine) \
	X(deflate)       \
	X(deflateEnd)    \
	X(deflateInit2_) \
	X(deflateReset)  \
	X(deflateSetDictionary)

#define ZSTD_CALLS(X)             \
	X(ZSTD_CCtx_setParameter) \
	X(ZSTD_DCtx_setParameter) \
	X(ZSTD_compress)          \
	X(ZSTD_compress2)         \
	X(ZSTD_createCCtx)        \
	X(ZSTD_createDCtx)        \
	X(ZSTD_decompressStream)  \
	X(ZSTD_freeCCtx)          \
	X(ZSTD_freeDCtx)          \
	X(ZSTD_getErrorCode)      \
	X(ZSTD_getErrorName)      \
	X(ZSTD_isError)

#define CODEC_MEMBER(name) __typeof__(&name) name;
struct isal_calls {
	ISAL_CALLS(CODEC_MEMBER)
};
struct zlib_calls {
	ZLIB_CALLS(CODEC_MEMBER)
};
struct zstd_calls {
	ZSTD_CALLS(CODEC_MEMBER)
};
#undef CODEC_MEMBER

FALLIBLE isal_load(void);
FALLIBLE zlib_load(void);
FALLIBLE zstd_load(void);
const struct isal_calls *isal_loaded(void);
const struct zlib_calls *zlib_loaded(void);
const struct zstd_calls *zstd_loaded(void);
