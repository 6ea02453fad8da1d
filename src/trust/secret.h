/*
 * secret: bytes that are wiped before they are freed.
 *
 * Floor: trust.
 */
#pragma once
#include "base/auto.h"
#include <stddef.h>

struct secret {
	unsigned char *p;
	size_t n;
};

void secret_done(struct secret *secret);

DEFINE_AUTO_VALUE(secret)
