/* --annotation: types, platforms, keys with colons, and what is refused. */
#include "ui/annotation_flag.h"
#include "ui/options.h"
#include "unit.h"

static char *show(const struct annotation_flags *flags)
{
	static const char *const kinds[] = { "manifest", "index", "manifest-descriptor",
		"index-descriptor" };
	AUTO(strbuf) struct strbuf out = { 0 };
	char text[PLATFORM_TEXT];

	for (size_t i = 0; i < flags->annotations.n; i++) {
		const struct build_annotation *one = &flags->annotations.p[i];

		strbuf_addf(&out, "%s%s %s%s%s", i ? "; " : "", kinds[one->kind],
				one->has_platform ? platform_text(&one->platform, text) : "",
				one->has_platform ? " " : "", one->pair);
	}
	return strbuf_take(&out);
}

static void understands(void **state)
{
	static const struct {
		const char *value, *shown;
	} cases[] = {
		{ "a=b", "manifest a=b" },
		{ "a=", "manifest a=" },
		{ "index:a=b=c", "index a=b=c" },
		{ "manifest,manifest-descriptor:a=b", "manifest a=b; manifest-descriptor a=b" },
		{ "manifest[linux/arm64]:a=b", "manifest linux/arm64 a=b" },
		{ "org.example:x=1", "manifest org.example:x=1" },
		{ "index:org.example:x=1", "index org.example:x=1" },
		{ "a=b:c", "manifest a=b:c" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(annotation_flags) struct annotation_flags flags = { 0 };

		note("%s", cases[i].value);
		assert_ok(annotation_flags_add(&flags, cases[i].value));
		AUTO_FREE char *shown = show(&flags);
		assert_string_equal(shown, cases[i].shown);
	}
}

/* As a field of --output. */
static void understands_outputs(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "annotation.a=b", "manifest a=b" },
		{ "annotation.org.example.x=1=2", "manifest org.example.x=1=2" },
		{ "annotation[linux/arm64].a.b=c", "manifest linux/arm64 a.b=c" },
		{ "annotation-index.a=b", "index a=b" },
		{ "annotation-manifest-descriptor.a=", "manifest-descriptor a=" },
		{ "annotation-manifest[linux/arm/v7].a=b", "manifest linux/arm/v7 a=b" },
		{ "annotation.a[0].b=c", "manifest a[0].b=c" },
	};
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{ "annotation=a", "names no annotation" },
		{ "annotation.=a", "names no annotation" },
		{ "annotations.a=b", "names no annotation" },
		{ "annotation-index=a.b", "names no annotation" },
		{ "annotation-indx.a=b", "option '--output': unknown type 'indx'" },
		{ "annotation-index[linux/amd64].a=b", "an index is of no platform" },
		{ "annotation[linux.a=b", "a bracket is not closed" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(annotation_flags) struct annotation_flags flags = { 0 };

		note("%s", cases[i].text);
		assert_ok(annotation_flags_add_output(&flags, cases[i].text));
		AUTO_FREE char *shown = show(&flags);
		assert_string_equal(shown, cases[i].shown);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		AUTO(annotation_flags) struct annotation_flags flags = { 0 };

		note("%s", wrong[i].text);
		assert_error(annotation_flags_add_output(&flags, wrong[i].text), ERR_INVALID,
				wrong[i].message);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *value, *message;
	} cases[] = {
		{ "", "is not KEY=VALUE" },
		{ "a", "is not KEY=VALUE" },
		{ "=b", "has no key" },
		{ "index:=b", "has no key" },
		{ "indx:a=b", "unknown type 'indx'" },
		{ "manifest,:a=b", "unknown type ''" },
		{ "manifest[linux:a=b", "a bracket is not closed" },
		{ "manifest[]:a=b", "--annotation" },
		{ "index[linux/amd64]:a=b", "an index is of no platform" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(annotation_flags) struct annotation_flags flags = { 0 };
		struct error *error = annotation_flags_add(&flags, cases[i].value);

		note("%s", cases[i].value);
		assert_non_null(error);
		assert_int_equal(error->code, EXIT_USAGE);
		assert_error(error, ERR_INVALID, cases[i].message);
	}
}

UNIT_TESTS(understands, understands_outputs, refuses)
