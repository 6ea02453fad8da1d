#include "ui/platform_flag.h"

#include "ui/options.h"

static FALLIBLE add_one(struct platform_flags *flags, struct str text)
{
	struct platform platform = { 0 };

	TRY(usage_of_option(platform_parse(text, &platform), "--platform"));
	for (size_t i = 0; i < flags->n; i++)
		if (platform_equal(&flags->p[i], &platform))
			return NULL;
	if (flags->n == BUILD_MOST_PLATFORMS)
		return error_usage("option '--platform': more than %d platforms",
				BUILD_MOST_PLATFORMS);
	vec_push(flags, platform);
	return NULL;
}

FALLIBLE platform_flags_add(struct platform_flags *flags, const char *text)
{
	struct str rest = str_of(text), head;

	for (bool more = true; more;) {
		more = str_cut(rest, ',', &head, &rest);
		TRY(add_one(flags, str_trim(head)));
	}
	return NULL;
}

void platform_flags_give(const struct platform_flags *flags, struct build_options *options)
{
	if (!flags->n)
		return;
	options->platform = &flags->p[0];
	options->platforms = flags->p;
	options->platform_count = flags->n > 1 ? flags->n : 0;
}

void platform_flags_done(struct platform_flags *flags)
{
	vec_done(flags);
}
