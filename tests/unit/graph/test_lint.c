/* The checks that need a plan: what they say, and where they keep still. */
#include "dockerfile/ignore.h"
#include "dockerfile/lint.h"
#include "graph/plan.h"
#include "unit.h"

/* "base" sets BASE and is for this machine; "other" is for another; "unknown" is not opened. */
static struct error *open_images(void *user, struct plan_image *const *images, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct image *image = NULL;

		if (strcmp(images[i]->name, "unknown") == 0)
			continue;
		image = xcalloc(1, sizeof(*image));
		assert_ok(platform_parse(strcmp(images[i]->name, "other") == 0 ? STR("linux/s390x")
									       : STR("linux/amd64"),
				&image->config.platform));
		list_add(&image->config.env, "BASE=1");
		images[i]->image = image;
	}
	return NULL;
}

static char *warnings_of(const char *text, const char *ignored)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(arena) struct arena *arena = arena_new();
	AUTO(ignore) struct ignore *ignore = NULL;
	AUTO(lint_config) struct lint_config config = { 0 };
	AUTO(lint) struct lint lint = { 0 };
	AUTO(plan) struct plan *plan = NULL;
	AUTO(strbuf) struct strbuf out = { 0 };
	struct plan_input input = { .open_images = open_images, .lint = &lint, .all_stages = true };

	assert_ok(platform_parse(STR("linux/amd64"), &input.platform));
	assert_ok(platform_parse(STR("linux/amd64"), &input.build_platform));
	assert_ok(dockerfile_parse(str_of(text), "Dockerfile", &file));
	assert_ok(ignore_parse(str_of(ignored), ".dockerignore", &ignore));
	assert_ok(lint_config_parse(str_of(file->directives.check.text), &config));
	lint_init(&lint, file, &config, arena);
	input.file = file;
	input.ignore = ignore;
	assert_ok(plan_new(&input, &plan));
	for (size_t i = 0; i < lint.warnings.n; i++)
		strbuf_addf(&out, "%u:%u %s: %s\n", lint.warnings.p[i].at.line,
				lint.warnings.p[i].at.column, lint.warnings.p[i].rule->name,
				lint.warnings.p[i].message);
	return strbuf_take(&out);
}

static void warns(void **state)
{
	static const struct {
		const char *why, *text, *ignored, *wants;
	} cases[] = {
		{ "what is set, declared, given a default or a proxy is no mistake",
				"FROM base\nARG A\nARG B=1\nENV C=$A$B$BASE$PATH "
				"D=${X:-1}${Y+2}$http_proxy\n",
				"", "" },
		{ "an unset variable, once an instruction",
				"FROM base\nENV C=$X D=$X\nWORKDIR /$X\n", "",
				"2:5 UndefinedVar: Usage of undefined variable '$X'\n"
				"3:9 UndefinedVar: Usage of undefined variable '$X'\n" },
		{ "with the nearest name", "FROM base\nUSER u$BSE\n", "",
				"2:6 UndefinedVar: Usage of undefined variable '$BSE' (did you "
				"mean $BASE?)\n" },
		{ "a stage hands its declarations on", "FROM base AS a\nARG X\nFROM a\nENV Y=$X\n",
				"", "" },
		{ "another stage's are not seen",
				"FROM base AS a\nARG XYZ=1\nFROM base\nENV Y=$XYZ\n", "",
				"4:5 UndefinedVar: Usage of undefined variable '$XYZ'\n" },
		{ "an unknown base may set anything",
				"FROM unknown AS a\nENV P=$GOPATH/x\nFROM a\nUSER $APP_UID\nEXPOSE "
				"$PORT\nWORKDIR $HERE\n",
				"", "" },
		{ "but not what one letter parts from a name of the file",
				"FROM unknown\nARG VERSION\nENV V=$VERSIN\n", "",
				"3:5 UndefinedVar: Usage of undefined variable '$VERSIN' (did you "
				"mean $VERSION?)\n" },
		{ "skipped", "# check=skip=UndefinedVar\nFROM base\nENV A=$X\n", "", "" },
		{ "a base for another machine", "FROM other\n", "",
				"1:6 InvalidBaseImagePlatform: Base image other was pulled with "
				"platform \"linux/s390x\", expected \"linux/amd64\" for current "
				"build\n" },
		{ "asked for", "FROM --platform=linux/s390x other\n", "", "" },
		{ "files that are left out, also below what is",
				"FROM base\nCOPY a/b ./c /x/\nADD d*.tar /y\n", "a\nc\n",
				"2:6 CopyIgnoredFile: Attempting to Copy file \"a/b\" that is "
				"excluded by .dockerignore\n"
				"2:10 CopyIgnoredFile: Attempting to Copy file \"c\" that is "
				"excluded by .dockerignore\n" },
		{ "the whole context, when nothing of it is left", "FROM base\nCOPY . /x\n", "*\n",
				"2:6 CopyIgnoredFile: Attempting to Copy file \".\" that is "
				"excluded by .dockerignore\n" },
		{ "hidden files are not the whole", "FROM base\nCOPY . /x\n", ".*\n", "" },
		{ "nobody can tell with exceptions", "FROM base\nCOPY a /x\n", "a\n!a/b\n", "" },
		{ "stages, heredocs and the whole context are not left out",
				"FROM base AS s\nFROM base\nCOPY --from=s a /x\nCOPY . /y\nCOPY "
				"<<a /z\nA\na\n",
				"a\n", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *got = warnings_of(cases[i].text, cases[i].ignored);

		note("%s", cases[i].why);
		assert_string_equal(got, cases[i].wants);
	}
}

UNIT_TESTS(warns)
