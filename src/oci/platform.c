/*
 * Names are brought to one spelling when they come in (parse, documents), so that comparing is
 * comparing text. What serves what is a number: the variant's distance below the wanted one.
 */
#include "oci/platform.h"

#include "base/xalloc.h"
#include "oci/platform_norm.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static const struct {
	const char *name, *architecture, *variant; /* variant NULL: leave as it is */
} spellings[] = {
	{ "x86_64", "amd64", NULL },
	{ "x86-64", "amd64", NULL },
	{ "i386", "386", "" },
	{ "i486", "386", "" },
	{ "i586", "386", "" },
	{ "i686", "386", "" },
	{ "x86", "386", "" },
	{ "aarch64", "arm64", NULL },
	{ "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },
	{ "armv5l", "arm", "v5" },
	{ "armv5tel", "arm", "v5" },
	{ "armv6l", "arm", "v6" },
	{ "armv7l", "arm", "v7" },
	{ "armv8l", "arm", "v8" },
	{ "mips64el", "mips64le", NULL },
	{ "mipsel", "mipsle", NULL },
	{ "loongarch64", "loong64", NULL },
};

static const char *const known_architectures[] = { "386", "amd64", "arm", "arm64", "loong64",
	"mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm" };

static const char *const known_systems[] = { "linux", "windows", "darwin", "freebsd", "wasi" };

static bool one_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void set(char part[static PLATFORM_PART], const char *text)
{
	(void)snprintf(part, PLATFORM_PART, "%s", text);
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

static void normalise_variant(struct platform *platform)
{
	char *variant = platform->variant;

	if (isdigit((unsigned char)variant[0]) && !variant[1]) {
		variant[1] = variant[0];
		variant[0] = 'v';
		variant[2] = '\0';
	}
	bool is_usual = (strcmp(platform->architecture, "arm64") == 0 &&
					strcmp(variant, "v8") == 0) ||
			(strcmp(platform->architecture, "amd64") == 0 &&
					strcmp(variant, "v1") == 0);
	if (is_usual)
		variant[0] = '\0';
	else if (strcmp(platform->architecture, "arm") == 0 && !variant[0])
		set(platform->variant, "v7");
}

void platform_normalise(struct platform *platform)
{
	lower(platform->os);
	lower(platform->architecture);
	lower(platform->variant);
	if (strcmp(platform->os, "macos") == 0)
		set(platform->os, "darwin");
	for (size_t i = 0; i < COUNT(spellings); i++) {
		if (strcmp(platform->architecture, spellings[i].name) != 0)
			continue;
		set(platform->architecture, spellings[i].architecture);
		if (spellings[i].variant)
			set(platform->variant, spellings[i].variant);
		break;
	}
	normalise_variant(platform);
}

enum { SHOWN = 200 };

static struct error *explain(struct error *error)
{
	return error_hint(error,
			"write OS/ARCHITECTURE[/VARIANT], for example linux/amd64, linux/arm64, "
			"linux/arm/v7, linux/386, linux/ppc64le, linux/riscv64 or linux/s390x");
}

static FALLIBLE refuse(struct str text, const char *why)
{
	return explain(error_new(ERR_INVALID, "platform '%.*s' %s",
			STR_ARG(str_slice(text, 0, SHOWN)), why));
}

/* In containerd's words. */
static FALLIBLE refuse_part(struct str text, struct str part)
{
	return explain(error_new(ERR_INVALID,
			"\"%.*s\" is an invalid component of \"%.*s\": platform specifier "
			"component "
			"must match \"^[A-Za-z0-9_.-]+$\"",
			STR_ARG(str_slice(part, 0, SHOWN)), STR_ARG(str_slice(text, 0, SHOWN))));
}

static FALLIBLE copy_part(struct str text, struct str part, char ret[static PLATFORM_PART])
{
	if (part.n >= PLATFORM_PART)
		return refuse(text, "has a part that is too long");
	for (size_t i = 0; i < part.n; i++) {
		unsigned char c = (unsigned char)part.p[i];

		if (!isalnum(c) && (!i || (c != '_' && c != '.' && c != '-')))
			return refuse_part(text, part);
	}
	if (!part.n)
		return refuse_part(text, part);
	memcpy(ret, part.p, part.n);
	ret[part.n] = '\0';
	return NULL;
}

/* "windows(10.0.17763.1)": the version is cut from the end of *os. */
static FALLIBLE take_version(struct str text, struct str *os, char ret[static 2 * PLATFORM_PART])
{
	size_t open = str_find(*os, '(');
	char part[PLATFORM_PART];

	if (open == os->n || !str_ends(*os, ")"))
		return NULL;
	TRY(copy_part(text, str_slice(*os, open + 1, os->n - 1), part));
	(void)snprintf(ret, PLATFORM_PART, "%s", part);
	*os = str_slice(*os, 0, open);
	return NULL;
}

/* "arm64" or "linux" alone: the other half is ours. */
static FALLIBLE from_one_part(struct str text, struct platform *platform)
{
	struct platform host = platform_host();

	TRY(copy_part(text, text, platform->os));
	lower(platform->os);
	if (one_of(known_systems, COUNT(known_systems), platform->os)) {
		set(platform->architecture, host.architecture);
		set(platform->variant, host.variant);
		return NULL;
	}
	TRY(copy_part(text, text, platform->architecture));
	set(platform->os, "linux");
	platform_normalise(platform);
	if (!one_of(known_architectures, COUNT(known_architectures), platform->architecture))
		return refuse(text, "is neither an operating system nor an architecture");
	return NULL;
}

FALLIBLE platform_parse(struct str text, struct platform *ret)
{
	struct platform platform = { 0 };
	struct str os, rest, architecture, variant;

	if (!str_cut(text, '/', &os, &rest)) {
		TRY(from_one_part(text, &platform));
		*ret = platform;
		return NULL;
	}
	bool has_variant = str_cut(rest, '/', &architecture, &variant);
	TRY(take_version(text, &os, platform.os_version));
	TRY(copy_part(text, os, platform.os));
	TRY(copy_part(text, architecture, platform.architecture));
	if (has_variant)
		TRY(copy_part(text, variant, platform.variant));
	platform_normalise(&platform);
	*ret = platform;
	return NULL;
}

struct platform platform_host(void)
{
	struct platform platform = { .os = "linux" };
	struct utsname names;

	if (uname(&names) == 0)
		(void)snprintf(platform.architecture, sizeof(platform.architecture), "%.31s",
				names.machine);
		/* A 32-bit program on a 64-bit kernel is told the kernel's machine. */
#if defined(__i386__)
	set(platform.architecture, "386");
#elif defined(__arm__)
	if (strcmp(platform.architecture, "aarch64") == 0)
		set(platform.architecture, "armv8l");
#endif
	platform_normalise(&platform);
	return platform;
}

char *platform_text(const struct platform *platform, char buf[static PLATFORM_TEXT])
{
	bool has_version = platform->os_version[0];

	(void)snprintf(buf, PLATFORM_TEXT, "%s%s%s%s/%s%s%s", platform->os, has_version ? "(" : "",
			platform->os_version, has_version ? ")" : "", platform->architecture,
			platform->variant[0] ? "/" : "", platform->variant);
	return buf;
}

bool platform_equal(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
	       strcmp(a->variant, b->variant) == 0 && strcmp(a->os_version, b->os_version) == 0;
}

/* "v7" is 7; "" is what the architecture means without one; -1 for another form. */
static int level(const struct platform *platform)
{
	const char *variant = platform->variant;

	if (!variant[0])
		return strcmp(platform->architecture, "arm64") == 0 ? 8 : 1;
	if (variant[0] == 'v' && isdigit((unsigned char)variant[1]) && !variant[2])
		return variant[1] - '0';
	return -1;
}

enum { MATCH_EXACT = 100, MATCH_LOWER = 90, MATCH_COMPATIBLE = 20 };

int platform_match(const struct platform *want, const struct platform *have)
{
	if (strcmp(want->os, have->os) != 0)
		return 0;
	if (want->os_version[0] && have->os_version[0] &&
			strcmp(want->os_version, have->os_version) != 0)
		return 0;
	int wanted = level(want), offered = level(have);
	if (strcmp(want->architecture, have->architecture) == 0) {
		if (strcmp(want->variant, have->variant) == 0)
			return MATCH_EXACT;
		bool leveled = strcmp(want->architecture, "arm") == 0 ||
			       strcmp(want->architecture, "arm64") == 0 ||
			       strcmp(want->architecture, "amd64") == 0;
		if (leveled && wanted > 0 && offered > 0 && offered < wanted)
			return MATCH_LOWER - (wanted - offered);
		return 0;
	}
	if (strcmp(want->architecture, "arm64") == 0 && strcmp(have->architecture, "arm") == 0 &&
			offered > 0 && offered <= 8)
		return MATCH_COMPATIBLE - (8 - offered);
	if (strcmp(want->architecture, "amd64") == 0 && strcmp(have->architecture, "386") == 0)
		return MATCH_COMPATIBLE;
	return 0;
}
