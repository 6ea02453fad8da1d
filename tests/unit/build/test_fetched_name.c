#include "build/fetched.h"
#include "unit.h"

static void check(char *got, const char *wanted, const char *of)
{
	AUTO_FREE char *name = got;

	if (!text_equal(name, wanted))
		fail_msg("'%s': '%s' instead of '%s'", of, name ? name : "(none)",
				wanted ? wanted : "(none)");
}

static void by_address(void **state)
{
	static const struct {
		const char *url, *name;
	} cases[] = {
		{ "https://h/a/b.txt", "b.txt" },
		{ "https://h/a/b.txt?x=/y#/z", "b.txt" },
		{ "https://h/a%20b", "a b" },
		{ "https://h/100%", "100%" },
		{ "https://h/%zz", "%zz" },
		{ "https://h/", NULL },
		{ "https://h", NULL },
		{ "https://h?x=/y", NULL },
		{ "https://h/..", NULL },
		{ "https://h/a/%2e%2E", NULL },
		{ "https://h/a%2fb", NULL },
		{ "https://h/a%00b", NULL },
		{ "https://h/a%0ab", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		check(fetched_url_name(cases[i].url), cases[i].name, cases[i].url);
}

static void by_disposition(void **state)
{
	static const struct {
		const char *header, *name;
	} cases[] = {
		{ "attachment; filename=a.txt", "a.txt" },
		{ "attachment; FileName=\"a b.txt\"", "a b.txt" },
		{ "attachment; filename*=UTF-8''a%20b", "a b" },
		{ "attachment; filename=\"../../etc/passwd\"", "passwd" },
		{ "attachment; filename=\"..\"", NULL },
		{ "attachment; filename=\"a/\"", NULL },
		{ "attachment; filename*=UTF-8''..%2Fx", NULL },
		{ "attachment; filename=", NULL },
		{ "attachment", NULL },
		{ "", NULL },
		{ ";;=;\"", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		check(fetched_disposition_name(cases[i].header), cases[i].name, cases[i].header);
}

UNIT_TESTS(by_address, by_disposition)
