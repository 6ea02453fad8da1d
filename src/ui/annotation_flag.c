#include "ui/annotation_flag.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <string.h>

static const char *const kind_names[] = {
	[ANNOTATE_MANIFEST] = "manifest",
	[ANNOTATE_INDEX] = "index",
	[ANNOTATE_MANIFEST_DESCRIPTOR] = "manifest-descriptor",
	[ANNOTATE_INDEX_DESCRIPTOR] = "index-descriptor",
};

static FALLIBLE find_kind(const char *option, struct str name, enum annotation_kind *ret)
{
	AUTO_FREE char *text = str_dup(name);

	for (size_t i = 0; i < COUNT(kind_names); i++)
		if (str_is(name, kind_names[i])) {
			*ret = (enum annotation_kind)i;
			return NULL;
		}
	const char *near = text_nearest(text, kind_names, COUNT(kind_names));
	struct error *error = error_usage("option '%s': unknown type '%s'", option, text);
	return near ? error_hint(error, "did you mean '%s'?", near)
		    : error_hint(error, "one of manifest, index, manifest-descriptor, "
					"index-descriptor");
}

/* "manifest" or "manifest[linux/arm64]". */
static FALLIBLE parse_type(const char *option, struct str type, struct build_annotation *ret)
{
	struct str name = type, platform = { 0 };

	if (str_cut(type, '[', &name, &platform)) {
		if (!str_ends(platform, "]"))
			return error_usage("option '%s': a bracket is not closed in '%.*s'", option,
					STR_ARG(type));
		platform = str_slice(platform, 0, platform.n - 1);
		TRY(usage_of_option(platform_parse(platform, &ret->platform), option));
		ret->has_platform = true;
	}
	TRY(find_kind(option, name, &ret->kind));
	if (ret->has_platform &&
			(ret->kind == ANNOTATE_INDEX || ret->kind == ANNOTATE_INDEX_DESCRIPTOR))
		return error_usage("option '%s': an index is of no platform: '%.*s'", option,
				STR_ARG(type));
	return NULL;
}

static FALLIBLE add_types(struct annotation_flags *flags, struct str types, struct str pair)
{
	struct str type = { 0 };

	for (bool more = true; more;) {
		struct build_annotation annotation = { 0 };

		more = str_cut(types, ',', &type, &types);
		TRY(parse_type("--annotation", type, &annotation));
		annotation.pair = str_dup(pair);
		vec_push(&flags->annotations, annotation);
	}
	return NULL;
}

/* "manifest,index[linux/amd64]": small letters, "-" and ",", anything in brackets. */
static bool looks_like_types(struct str text)
{
	bool in_bracket = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		in_bracket = c == '[' || (in_bracket && c != ']');
		if (!in_bracket && c != ']' && c != '-' && c != ',' && (c < 'a' || c > 'z'))
			return false;
	}
	return text.n > 0;
}

FALLIBLE annotation_flags_add(struct annotation_flags *flags, const char *value)
{
	struct str all = str_of(value), key = { 0 }, types = { 0 }, name = { 0 };

	if (!str_cut(all, '=', &key, &name))
		return error_usage("option '--annotation': '%s' is not KEY=VALUE", value);
	/* A key may hold a colon as well: "org.example:x" has no types, for none has a dot. */
	if (!str_cut(key, ':', &types, &name) || !looks_like_types(types)) {
		types = STR("manifest");
		name = key;
	}
	if (!name.n)
		return error_usage("option '--annotation': '%s' has no key", value);
	return add_types(flags, types, str_slice(all, (size_t)(name.p - all.p), all.n));
}

/* "annotation-manifest[linux/arm64]." without its ends: "manifest[linux/arm64]". */
static FALLIBLE split_key(const char *text, struct str *ret_type, const char **ret_pair)
{
	const char *rest = text + strlen("annotation");
	const char *bracket = strchr(rest, '[');
	const char *dot = strchr(rest, '.');
	const char *equals = strchr(rest, '=');

	/* A platform may have a dot, too. */
	if (bracket && dot && bracket < dot) {
		const char *end = strchr(bracket, ']');

		dot = end ? strchr(end, '.') : dot;
	}
	if (!dot || dot > equals || dot + 1 == equals || !strchr("-.[", *rest))
		return error_hint(error_usage("option '--output': '%s' names no annotation", text),
				"write annotation.KEY=VALUE, or annotation-TYPE.KEY=VALUE");
	rest += *rest == '-';
	*ret_type = (struct str){ rest, (size_t)(dot - rest) };
	*ret_pair = dot + 1;
	return NULL;
}

FALLIBLE annotation_flags_add_output(struct annotation_flags *flags, const char *text)
{
	struct build_annotation annotation = { 0 };
	struct str type = { 0 };
	const char *pair = NULL;

	TRY(split_key(text, &type, &pair));
	AUTO_FREE char *whole = xasprintf(
			"%s%.*s", !type.n || *type.p == '[' ? "manifest" : "", STR_ARG(type));
	TRY(parse_type("--output", str_of(whole), &annotation));
	annotation.pair = xstrdup(pair);
	vec_push(&flags->annotations, annotation);
	return NULL;
}

void annotation_flags_done(struct annotation_flags *flags)
{
	for (size_t i = 0; i < flags->annotations.n; i++)
		free(flags->annotations.p[i].pair);
	vec_done(&flags->annotations);
}
