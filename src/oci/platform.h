/*
 * platform: os/architecture[/variant], normalised as containerd does (x86_64 -> amd64, aarch64 ->
 * arm64, armhf -> arm/v7, arm64/v8 -> arm64, amd64/v1 -> amd64 …). Fixed-size plain value.
 *
 * Floor: oci (pure).
 * Spec: OCI image-spec v1.1, image-index.md, "platform"; containerd/platforms for normalisation.
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>

enum { PLATFORM_PART = 32, PLATFORM_TEXT = 5 * PLATFORM_PART + 5 };

struct platform {
	char os[PLATFORM_PART];
	char architecture[PLATFORM_PART];
	char variant[PLATFORM_PART];        /* "" when none */
	char os_version[PLATFORM_PART * 2]; /* "" when none */
};

/* "linux/amd64", "arm64", "linux/arm/v7", "windows(10.0.17763.1)/amd64". ERR_INVALID with the known
 * names as hint. */
FALLIBLE platform_parse(struct str text, struct platform *ret);
/* Of the machine we run on. */
struct platform platform_host(void);
char *platform_text(const struct platform *platform, char buf[static PLATFORM_TEXT]);
bool platform_equal(const struct platform *a, const struct platform *b);
/*
 * How well `have` serves `want`: 0 not at all; larger is better (exact variant first, then lower
 * arm variants downwards, as containerd's OnlyStrict does not but Only does).
 */
int platform_match(const struct platform *want, const struct platform *have);
