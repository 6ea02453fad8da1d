#include "unit.h"

#include "build/unused_args.h"
#include "dockerfile/parser.h"

static void tells_what_no_arg_takes(void **state)
{
	static const char text[] = "ARG g=1\nFROM scratch AS a\nARG one two=2\nARG g\nFROM a AS "
				   "not_used\nARG three\nONBUILD ARG four\n";
	static const struct {
		const char *given, *unused;
	} cases[] = {
		{ "g=1", "" },
		{ "two=1", "" },
		{ "three=1", "" },
		{ "four=1", "" },
		{ "http_proxy=x", "" },
		{ "BUILDKIT_INLINE_CACHE=1", "" },
		{ "SOURCE_DATE_EPOCH=1", "" },
		{ "TARGETARCH=arm64", "" },
		{ "five=secret", "[Warning] One or more build-args [five] were not consumed" },
		{ "Two=1", "[Warning] One or more build-args [Two] were not consumed" },
	};
	struct dockerfile *file = NULL;

	assert_ok(dockerfile_parse(str_of(text), "Dockerfile", &file));
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(list) struct list args = { 0 }, names = { 0 };
		AUTO(strbuf) struct strbuf out = { 0 };

		note("%s", cases[i].given);
		list_add(&args, cases[i].given);
		unused_args_find(file, NULL, &args, &names);
		assert_int_equal(unused_args_say(&names, false, &out), *cases[i].unused != '\0');
		assert_string_equal(strbuf_text(&out), cases[i].unused);
	}
	AUTO(list) struct list args = { 0 }, names = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	list_add(&args, "x=1");
	list_add(&args, "x=2");
	list_add(&args, "y=");
	unused_args_find(file, NULL, &args, &names);
	assert_true(unused_args_say(&names, false, &out));
	assert_non_null(strstr(strbuf_text(&out), "[x y]"));
	dockerfile_free(file);
}

UNIT_TESTS(tells_what_no_arg_takes)
