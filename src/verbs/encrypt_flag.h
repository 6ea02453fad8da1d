/*
 * encrypt_flag: --encryption-key and --encrypt-layer of what sends images away.
 *
 * Floor: verbs.
 */
#pragma once
#include "image/encrypt.h"
#include "trust/seal_key.h"
#include "ui/options.h"
#include "verbs/destination.h"

/* Members of the command's struct, filled by ENCRYPTION_ROWS. */
struct encrypt_flags {
	struct list keys, layers;
};

#define ENCRYPTION_ROWS                                                           \
	OPT_LIST(0, "encryption-key", encrypt.keys, "jwe:FILE",                   \
			"encrypt the layers for this public key or certificate"), \
			OPT_LIST(0, "encrypt-layer", encrypt.layers, "N",         \
					"only layer N: 0 is the first, -1 the last")

struct encryption {
	struct seal_keys recipients;
	VEC(int64_t) layers;
	struct image_sealing sealing;
};

/*
 * Read the keys, and let what goes to *to be encrypted for them (borrows ret). Nothing is said when
 * flags are empty. error_usage for what is wrong with them, for an image in Docker's format, and
 * for a destination that has no place for encrypted layers.
 */
FALLIBLE encryption_begin(const struct encrypt_flags *flags, const char *format,
		struct destination *to, struct encryption *ret);
void encryption_done(struct encryption *encryption);

DEFINE_AUTO_VALUE(encryption)
