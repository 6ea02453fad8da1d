#include "unit.h"

#include "sandbox/names.h"

static const char host[] = "# by hand\n"
			   "nameserver 127.0.0.53\n"
			   "nameserver 10.0.0.1\n"
			   "search example.org\n"
			   "options edns0\n";

static const char *const servers[] = { "9.9.9.9", "1.1.1.1", NULL };
static const char *const domains[] = { "a.test", "b.test", NULL };
static const char *const options[] = { "ndots:2", NULL };

static void resolv_conf(void **state)
{
	static const struct {
		const char *why, *host;
		struct sandbox_step step;
		const char *fallback, *wanted;
	} cases[] = {
		{ "the host's network takes all", host, { .network = SANDBOX_NET_HOST }, "10.0.2.3",
				"nameserver 127.0.0.53\nnameserver 10.0.0.1\n"
				"search example.org\noptions edns0\n" },
		{ "no network needs nothing", host, { .network = SANDBOX_NET_NONE }, NULL, "" },
		{ "a private one has no host loopback", host, { .network = SANDBOX_NET_PRIVATE },
				"10.0.2.3",
				"nameserver 10.0.0.1\nsearch example.org\noptions edns0\n" },
		{ "and where nothing is left, the fallback", "nameserver ::1\n",
				{ .network = SANDBOX_NET_PRIVATE }, "10.0.2.3",
				"nameserver 10.0.2.3\n" },
		{ "given ones replace", host,
				{ .dns = servers, .dns_search = domains, .dns_options = options },
				NULL,
				"nameserver 9.9.9.9\nnameserver 1.1.1.1\n"
				"search a.test b.test\noptions ndots:2\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf text = { 0 };

		note("%s", cases[i].why);
		names_resolv(cases[i].host, &cases[i].step, cases[i].fallback, &text);
		assert_string_equal(strbuf_text(&text), cases[i].wanted);
	}
}

static void hosts(void **state)
{
	static const struct sandbox_host extra[] = { { "db", "10.1.2.3" }, { "six", "fd00::1" } };
	const struct sandbox_step step = { .hosts = extra, .n_hosts = 2 };
	AUTO(strbuf) struct strbuf text = { 0 };

	names_hosts(&step, "box", &text);
	assert_string_equal(strbuf_text(&text),
			"127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n"
			"10.1.2.3\tdb\nfd00::1\tsix\n");
	const struct sandbox_step named = { .own_name = "base-working-container" };
	strbuf_clear(&text);
	names_hosts(&named, "box", &text);
	assert_string_equal(strbuf_text(&text),
			"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
			"127.0.0.1\tbox base-working-container\n");
}

UNIT_TESTS(resolv_conf, hosts)
