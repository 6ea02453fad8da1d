#include "ui/prune_flags.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "ui/options.h"

/* Docker's words for what they have beside ours for what we have. */
static const struct {
	const char *name;
	unsigned kinds;
} types[] = {
	{ "blobs", 1u << PRUNE_BLOBS | 1u << PRUNE_REMOTE },
	{ "cache", 1u << PRUNE_CACHE },
	{ "digests", 1u << PRUNE_HINTS },
	{ "exec.cachemount", 1u << PRUNE_MOUNTS },
	{ "history", 1u << PRUNE_HISTORY },
	{ "images", 1u << PRUNE_UNTAGGED },
	{ "layers", 1u << PRUNE_TREES | 1u << PRUNE_DUPLICATES },
	{ "leftovers", 1u << PRUNE_LEFTOVERS },
	{ "mounts", 1u << PRUNE_MOUNTS },
	{ "regular", 1u << PRUNE_TREES | 1u << PRUNE_DUPLICATES | 1u << PRUNE_CACHE |
					1u << PRUNE_BLOBS | 1u << PRUNE_REMOTE },
	{ "source.local", 1u << PRUNE_HINTS },
};

FALLIBLE prune_flags_duration(const char *text, const char *option, uint64_t *ret)
{
	int64_t ns = 0;

	if (!text)
		return NULL;
	TRY(usage_of_option(clock_parse_duration(str_of(text), &ns), option));
	if (ns < 0)
		return error_usage("option '%s': '%s' is negative", option, text);
	*ret = (uint64_t)ns / 1000000000;
	return NULL;
}

static FALLIBLE until(const char *text, struct prune_options *ret)
{
	int64_t when = 0, now = clock_now_seconds();
	struct error *error = parse_i64(str_of(text), 0, INT64_MAX, &when);

	if (error) {
		error_free(error);
		error = clock_parse_rfc3339(text, &when);
	}
	if (error) {
		error_free(error);
		return prune_flags_duration(text, "--filter until", &ret->older_than_seconds);
	}
	if (when > now)
		return error_usage("option '--filter': 'until=%s' is in the future", text);
	ret->older_than_seconds = (uint64_t)(now - when);
	return NULL;
}

static FALLIBLE type(const char *text, struct prune_options *ret)
{
	AUTO(strbuf) struct strbuf names = { 0 };

	for (size_t i = 0; i < COUNT(types); i++) {
		strbuf_addf(&names, "%s%s", i ? ", " : "", types[i].name);
		if (!text_equal(types[i].name, text))
			continue;
		ret->kinds |= types[i].kinds;
		return NULL;
	}
	return error_hint(error_usage("option '--filter': there is no type '%s' here", text),
			"it is one of %s", strbuf_text(&names));
}

FALLIBLE prune_flags_filter(const char *text, struct prune_options *ret)
{
	struct str name, value;

	if (!str_cut(str_of(text), '=', &name, &value))
		return error_usage("option '--filter': '%s' is not NAME=VALUE", text);
	if (str_is(name, "until"))
		return until(value.p, ret);
	if (str_is(name, "unused-for"))
		return prune_flags_duration(
				value.p, "--filter unused-for", &ret->older_than_seconds);
	if (str_is(name, "type"))
		return type(value.p, ret);
	return error_hint(error_usage("option '--filter': '%.*s' is not known", STR_ARG(name)),
			"it is one of until, unused-for and type");
}
