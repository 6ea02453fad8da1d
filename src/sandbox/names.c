#include "sandbox/names.h"

static bool is_loopback(struct str address)
{
	return str_starts(address, "127.") || str_is(address, "::1") ||
	       str_starts(address, "::ffff:127.");
}

static struct str first_word(struct str line, struct str *rest)
{
	struct str trimmed = str_trim(line);
	size_t n = 0;

	while (n < trimmed.n && trimmed.p[n] != ' ' && trimmed.p[n] != '\t')
		n++;
	*rest = str_trim(str_slice(trimmed, n, trimmed.n));
	return str_slice(trimmed, 0, n);
}

static void add_line(struct strbuf *out, const char *key, const char *const *words)
{
	strbuf_add(out, key);
	for (; *words; words++)
		strbuf_addf(out, " %s", *words);
	strbuf_add_char(out, '\n');
}

void names_resolv(const char *host, const struct sandbox_step *step, const char *fallback,
		struct strbuf *out)
{
	bool has_server = false;
	bool has_no_host =
			step->network == SANDBOX_NET_PRIVATE || step->network == SANDBOX_NET_JOINED;

	if (step->network == SANDBOX_NET_NONE)
		return;
	for (struct str rest = str_of(host), line; rest.n;) {
		struct str value;

		(void)str_cut(rest, '\n', &line, &rest);
		struct str key = first_word(line, &value);
		if (str_is(key, "nameserver")) {
			if (step->dns)
				continue;
			if (has_no_host && is_loopback(value))
				continue;
			has_server = true;
		}
		if (step->dns_search && (str_is(key, "search") || str_is(key, "domain")))
			continue;
		if (step->dns_options && str_is(key, "options"))
			continue;
		if (key.n && key.p[0] != '#' && key.p[0] != ';')
			strbuf_addf(out, "%.*s\n", STR_ARG(line));
	}
	for (const char *const *server = step->dns; server && *server; server++) {
		strbuf_addf(out, "nameserver %s\n", *server);
		has_server = true;
	}
	if (!has_server && fallback && step->network == SANDBOX_NET_PRIVATE)
		strbuf_addf(out, "nameserver %s\n", fallback);
	if (step->dns_search)
		add_line(out, "search", step->dns_search);
	if (step->dns_options)
		add_line(out, "options", step->dns_options);
}

void names_hosts(const struct sandbox_step *step, const char *hostname, struct strbuf *out)
{
	if (step->own_name)
		strbuf_add(out, "127.0.0.1\tlocalhost\n");
	else
		strbuf_addf(out, "127.0.0.1\tlocalhost %s\n", hostname);
	strbuf_add(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	if (step->own_name)
		strbuf_addf(out, "127.0.0.1\t%s %s\n", hostname, step->own_name);
	for (size_t i = 0; i < step->n_hosts; i++)
		strbuf_addf(out, "%s\t%s\n", step->hosts[i].address, step->hosts[i].name);
}
