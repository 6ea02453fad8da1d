#include "oci/platform.h"
#include "unit.h"

#include <sys/utsname.h>

static struct platform parse(const char *text)
{
	struct platform platform = { 0 };

	assert_ok(platform_parse(str_of(text), &platform));
	return platform;
}

static void normalises(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "Linux/X86_64", "linux/amd64" },
		{ "linux/amd64/v1", "linux/amd64" },
		{ "linux/amd64/v3", "linux/amd64/v3" },
		{ "linux/aarch64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/8", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9" },
		{ "arm64", "linux/arm64" },
		{ "armhf", "linux/arm/v7" },
		{ "linux/armel", "linux/arm/v6" },
		{ "linux/arm", "linux/arm/v7" },
		{ "linux/arm/6", "linux/arm/v6" },
		{ "linux/i686", "linux/386" },
		{ "s390x", "linux/s390x" },
		{ "windows/amd64", "windows/amd64" },
		{ "macos/arm64", "darwin/arm64" },
		{ "linux/sparc64", "linux/sparc64" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct platform platform = parse(cases[i].text);
		char text[PLATFORM_TEXT];

		assert_string_equal(platform_text(&platform, text), cases[i].wanted);
		struct platform again = parse(text);
		assert_true(platform_equal(&platform, &again));
	}
}

static void refuses(void **state)
{
	static const char *const cases[] = { "", "/", "linux/", "/amd64", "linux//v7",
		"linux/arm/v7/x", "quux", "linux/am d64", "linux/amd64\n",
		"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "linux/arm/", "../amd64" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct platform platform = { .os = "untouched" };

		note("'%s'", cases[i]);
		assert_error(platform_parse(str_of(cases[i]), &platform), ERR_INVALID, "platform");
		assert_string_equal(platform.os, "untouched");
	}
}

static void of_the_host(void **state)
{
	struct platform host = platform_host(), parsed;
	char text[PLATFORM_TEXT];
	struct utsname names;

	assert_int_equal(uname(&names), 0);
	assert_string_equal(host.os, "linux");
	assert_true(host.architecture[0]);
	if (strcmp(names.machine, "x86_64") == 0)
		assert_string_equal(platform_text(&host, text), "linux/amd64");
	assert_ok(platform_parse(STR("linux"), &parsed));
	assert_true(platform_equal(&host, &parsed));
}

static void matches(void **state)
{
	static const struct {
		const char *want, *better, *worse; /* worse "" is no match at all */
	} cases[] = {
		{ "linux/amd64", "linux/amd64", "linux/386" },
		{ "linux/amd64", "linux/386", "" },
		{ "linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v2" },
		{ "linux/amd64/v3", "linux/amd64/v2", "linux/amd64" },
		{ "linux/arm/v7", "linux/arm/v7", "linux/arm/v6" },
		{ "linux/arm/v7", "linux/arm/v6", "linux/arm/v5" },
		{ "linux/arm64", "linux/arm64", "linux/arm/v7" },
		{ "linux/arm64", "linux/arm/v7", "linux/arm/v6" },
	};
	static const char *const nothing[][2] = {
		{ "linux/amd64", "linux/arm64" },
		{ "linux/amd64", "windows/amd64" },
		{ "linux/amd64", "linux/amd64/v2" },
		{ "linux/arm/v6", "linux/arm/v7" },
		{ "linux/386", "linux/amd64" },
		{ "linux/arm/v7", "linux/arm64" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct platform want = parse(cases[i].want), better = parse(cases[i].better);
		int low = 0, high = platform_match(&want, &better);

		if (cases[i].worse[0]) {
			struct platform worse = parse(cases[i].worse);

			low = platform_match(&want, &worse);
			assert_true(low > 0);
		}
		note("%s: %s %d, %s %d", cases[i].want, cases[i].better, high, cases[i].worse, low);
		assert_true(high > low);
	}
	for (size_t i = 0; i < COUNT(nothing); i++) {
		struct platform want = parse(nothing[i][0]), have = parse(nothing[i][1]);

		note("%s is not served by %s", nothing[i][0], nothing[i][1]);
		assert_int_equal(platform_match(&want, &have), 0);
	}
}

UNIT_TESTS(normalises, refuses, of_the_host, matches)
