#include "sandbox/sandbox.h"

#include <sys/resource.h>

static const struct {
	const char *name;
	int resource;
} names[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static FALLIBLE parse_bound(struct str text, struct str whole, uint64_t *ret)
{
	if (str_is(text, "-1") || str_is(text, "unlimited")) {
		*ret = RLIM_INFINITY;
		return NULL;
	}
	TRY_WRAP(parse_u64(text, RLIM_INFINITY - 1, ret), "limit '%.*s'", STR_ARG(whole));
	return NULL;
}

FALLIBLE sandbox_limit_parse(struct str text, struct sandbox_limit *ret)
{
	struct str name, bounds, soft, hard;
	struct sandbox_limit limit = { .resource = -1 };

	if (!str_cut(text, '=', &name, &bounds))
		return error_hint(error_new(ERR_INVALID, "limit '%.*s' has no '='", STR_ARG(text)),
				"write it as nofile=1024:2048");
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_is(name, names[i].name))
			limit.resource = names[i].resource;
	if (limit.resource < 0)
		return error_new(ERR_INVALID, "limit '%.*s' is of an unknown kind", STR_ARG(text));
	bool has_hard = str_cut(bounds, ':', &soft, &hard);
	TRY(parse_bound(soft, text, &limit.soft));
	limit.hard = limit.soft;
	if (has_hard)
		TRY(parse_bound(hard, text, &limit.hard));
	if (limit.soft > limit.hard)
		return error_new(ERR_INVALID, "limit '%.*s' is higher soft than hard",
				STR_ARG(text));
	*ret = limit;
	return NULL;
}
