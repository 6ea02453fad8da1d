#include "oci/purl.h"
#include "unit.h"

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void names_images(void **state)
{
	static const struct {
		const char *name, *platform, *wanted;
	} cases[] = {
		{ "alpine", NULL, "pkg:docker/alpine@latest" },
		{ "alpine:3.17", "linux/amd64", "pkg:docker/alpine@3.17?platform=linux%2Famd64" },
		{ "docker.io/library/alpine:3.17", NULL, "pkg:docker/alpine@3.17" },
		{ "team/app", NULL, "pkg:docker/team/app@latest" },
		{ "r.example/team/app:1", "linux/arm/v7",
				"pkg:docker/r.example/team/app@1?platform=linux%2Farm%2Fv7" },
		{ "localhost:5000/app", NULL, "pkg:docker/localhost:5000/app@latest" },
		{ "alpine@" DIGEST, NULL, "pkg:docker/alpine?digest=" DIGEST },
		{ "alpine:3.17@" DIGEST, "linux/amd64",
				"pkg:docker/alpine@3.17?digest=" DIGEST "&platform=linux%2Famd64" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(reference) struct reference reference = { 0 };
		struct platform platform;

		assert_ok(reference_parse(str_of(cases[i].name), &reference));
		if (cases[i].platform)
			assert_ok(platform_parse(str_of(cases[i].platform), &platform));
		AUTO_FREE char *purl = purl_of(&reference, cases[i].platform ? &platform : NULL);
		assert_string_equal(purl, cases[i].wanted);
	}
}

UNIT_TESTS(names_images)
