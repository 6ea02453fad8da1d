#include "registry/url.h"
#include "unit.h"

static void parses(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "https://r.example", "https://r.example/" },
		{ "HTTPS://R.Example:443/V2/", "https://r.example/V2/" },
		{ "http://r.example:80?a=b", "http://r.example/?a=b" },
		{ "http://r.example:443/x#part", "http://r.example:443/x" },
		{ "https://[::1]:5000/x", "https://[::1]:5000/x" },
		{ "https://r.example/a%20b?x=%2F", "https://r.example/a%20b?x=%2F" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(url) struct url url = { 0 };
		AUTO_FREE char *text = NULL;

		assert_ok(url_parse(str_of(cases[i].text), &url));
		text = url_text(&url);
		assert_string_equal(text, cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "", "neither http nor https" },
		{ "ftp://r.example/", "neither http nor https" },
		{ "file:///etc/passwd", "neither http nor https" },
		{ "https://", "neither http nor https" },
		{ "https:///x", "no host" },
		{ "https://:5000/x", "no host" },
		{ "https://user:s3cr3t@r.example/", "user name or password" },
		{ "https://r.example/a b", "space or control" },
		{ "https://r.example/\r\nX: y", "space or control" },
		{ "https://r.example:99999/", "port" },
		{ "https://r.example:x/", "port" },
		{ "https://r.example\\@evil/", "user name" },
		{ "https://r%2eexample/", "bad host" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(url) struct url url = { 0 };
		struct error *error;
		AUTO(strbuf) struct strbuf text = { 0 };

		note("%s", cases[i].text);
		error = url_parse(str_of(cases[i].text), &url);
		assert_non_null(error);
		error_text(error, &text);
		assert_non_null(strstr(strbuf_text(&text), cases[i].part));
		assert_null(strstr(strbuf_text(&text), "s3cr3t"));
		error_free(error);
	}
}

static void resolves(void **state)
{
	static const struct {
		const char *base, *location, *wanted;
	} cases[] = {
		{ "https://r/v2/a/b?x", "/v2/up/1?s=2", "https://r/v2/up/1?s=2" },
		{ "https://r/v2/a/b?x=/y/z", "up", "https://r/v2/a/up" },
		{ "https://r/v2/a/b?x", "?y", "https://r/v2/a/b?y" },
		{ "https://r/v2/a", "//o:1/x", "https://o:1/x" },
		{ "https://r/v2/a", "https://cdn.example/x?sig=1", "https://cdn.example/x?sig=1" },
		{ "http://r/v2/a", "http://o/x", "http://o/x" },
		{ "http://r/v2/a", "https://o/x", "https://o/x" },
		/* A proxy that ends TLS: the registry behind it does not know. */
		{ "https://r/v2/a", "http://r/v2/up/1", "https://r/v2/up/1" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(url) struct url base = { 0 }, url = { 0 };
		AUTO_FREE char *text = NULL;

		note("%s + %s", cases[i].base, cases[i].location);
		assert_ok(url_parse(str_of(cases[i].base), &base));
		assert_ok(url_resolve(&base, str_of(cases[i].location), &url));
		text = url_text(&url);
		assert_string_equal(text, cases[i].wanted);
	}
	AUTO(url) struct url base = { 0 }, url = { 0 };
	assert_ok(url_parse(STR("https://r/v2/a"), &base));
	assert_error(url_resolve(&base, STR("http://o/x"), &url), ERR_DENIED, "https on to http");
	assert_error(url_resolve(&base, STR("javascript:x"), &url), ERR_INVALID, "neither");
	assert_error(url_resolve(&base, STR("//u:p@o/"), &url), ERR_INVALID, "user name");
}

static void origins(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "https://r/x", "https://R:443/y", true },
		{ "https://r/x", "http://r/x", false },
		{ "https://r/x", "https://r:444/x", false },
		{ "https://r/x", "https://r.evil/x", false },
		{ "https://r/x", "https://sub.r/x", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(url) struct url a = { 0 }, b = { 0 };

		assert_ok(url_parse(str_of(cases[i].a), &a));
		assert_ok(url_parse(str_of(cases[i].b), &b));
		assert_int_equal(url_same_origin(&a, &b), cases[i].same);
	}
}

static void queries(void **state)
{
	AUTO(url) struct url url = url_make(true, "r", "/t");
	AUTO_FREE char *text = NULL, *shown = NULL;

	url_add_query(&url, "scope", "repository:a/b:pull,push");
	url_add_query(&url, "x", "a b&c");
	text = url_text(&url);
	assert_string_equal(text, "https://r/t?scope=repository%3Aa%2Fb%3Apull%2Cpush&x=a%20b%26c");
	shown = url_shown(&url);
	assert_string_equal(shown, "https://r/t");
}

static void loopback(void **state)
{
	static const char *const here[] = { "localhost", "LOCALHOST:5000", "127.0.0.1",
		"127.1.2.3:80", "[::1]", "[::1]:5000" };
	static const char *const there[] = { "localhost.evil.example", "127.evil.example", "r",
		"128.0.0.1", "[::2]", "127.0.0.1.evil.example:5000", "" };

	for (size_t i = 0; i < COUNT(here); i++)
		assert_true(host_is_loopback(here[i]));
	for (size_t i = 0; i < COUNT(there); i++)
		assert_false(host_is_loopback(there[i]));
}

static void same_hosts(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "r", "r:5000", true },
		{ "r:1", "r:5000", true },
		{ "r", "rr", false },
		{ "r.a", "r.b", false },
		{ "[2001:db8::1]", "[2001:db8::1]:5000", true },
		{ "[2001:db8::1]:1", "[2001:db8::1]:5000", true },
		{ "[2001:db8::1]:5000", "[2001:dead::1]:5000", false },
		{ "[::1]", "[::2]", false },
		{ "[", "r", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(host_is_same(cases[i].a, cases[i].b), cases[i].same);
}

UNIT_TESTS(parses, refuses, resolves, origins, queries, loopback, same_hosts)
