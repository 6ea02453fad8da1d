/* EXPOSE: ports and ranges of them, each once. */
#include "graph/lower.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum { TOLD_PORTS = 100 };

struct range {
	uint64_t from, to;
};

/* "ip:host:80-90/tcp" in its parts; "" where one is not there. */
struct port_spec {
	struct str ip, host, container, protocol;
};

static struct error *bad_port(const char *what, struct str text, struct source_range at)
{
	return error_hint(error_at(error_new(ERR_INVALID, "invalid %s: %.*s", what, STR_ARG(text)),
					  at),
			"PORT, FIRST-LAST, each with /tcp, /udp or /sctp behind it if need be");
}

/* Where the bit of a port is in lowered.ports: three protocols of 65,536 each. */
static size_t port_bit(uint64_t port, struct str protocol)
{
	return port + 65536 * (str_is_nocase(protocol, "udp")                   ? 1u
					      : str_is_nocase(protocol, "sctp") ? 2u
										: 0u);
}

/* What the base image exposes, as bits. */
static void read_ports(struct lowered *stage)
{
	const struct list *known = &stage->out->config.exposed_ports;

	stage->ports = xcalloc(3, 65536 / 8);
	for (size_t i = 0; i < known->n; i++) {
		struct str number = { 0 }, protocol = { 0 };
		uint64_t port = 0;

		(void)str_cut(str_of(known->p[i]), '/', &number, &protocol);
		struct error *error = parse_u64(number, 65535, &port);
		size_t bit = port_bit(port, protocol);
		if (!error)
			stage->ports[bit / 8] |= (unsigned char)(1u << bit % 8);
		error_ignore(error, "a base image may say what it likes");
	}
}

static void expose_range(struct lowered *stage, uint64_t from, uint64_t to, struct str protocol)
{
	static const char *const names[] = { "tcp", "udp", "sctp" };
	static const unsigned char all[8] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	size_t first = port_bit(from, protocol), last = port_bit(to, protocol);

	if (!stage->ports)
		read_ports(stage);
	for (size_t bit = first; bit <= last; bit++) {
		/* Sixty-four at once that are exposed already. */
		if (bit % 64 == 0 && memcmp(stage->ports + bit / 8, all, sizeof(all)) == 0) {
			bit += 63;
			continue;
		}
		if (stage->ports[bit / 8] & 1u << bit % 8)
			continue;
		stage->ports[bit / 8] |= (unsigned char)(1u << bit % 8);
		list_addf(&stage->out->config.exposed_ports, "%u/%s", (unsigned)(bit % 65536),
				names[bit / 65536]);
	}
}

/* As history has it: each port with its protocol, but for ranges that nobody would read out. */
static void tell_range(struct list *told, uint64_t from, uint64_t to, struct str protocol)
{
	AUTO_FREE char *name = str_dup(protocol);

	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (to - from >= TOLD_PORTS)
		list_addf(told, "%u-%u/%s", (unsigned)from, (unsigned)to, name);
	else
		for (uint64_t port = from; port <= to; port++)
			list_addf(told, "%u/%s", (unsigned)port, name);
}

/* What is behind the last colon of rest, or all of it; rest is then what was before it. */
static struct str cut_last(struct str *rest)
{
	size_t colon = str_find_last(*rest, ':');
	struct str last = *rest;

	if (colon >= rest->n) {
		*rest = (struct str){ 0 };
		return last;
	}
	last = str_slice(*rest, colon + 1, SIZE_MAX);
	*rest = str_slice(*rest, 0, colon);
	return last;
}

static struct port_spec split_spec(struct str text)
{
	struct port_spec spec = { 0 };

	spec.container = cut_last(&text);
	spec.host = cut_last(&text);
	spec.ip = text;
	if (!str_cut(spec.container, '/', &spec.container, &spec.protocol) || !spec.protocol.n)
		spec.protocol = STR("tcp");
	return spec;
}

static bool is_address(struct str text)
{
	bool has_brackets = text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
	AUTO_FREE char *copy = str_dup(has_brackets ? str_slice(text, 1, text.n - 1) : text);
	struct in6_addr address;

	return (!has_brackets && inet_pton(AF_INET, copy, &address) == 1) ||
	       inet_pton(AF_INET6, copy, &address) == 1;
}

static bool read_range(struct str text, struct range *ret)
{
	struct str first, last;

	if (!str_cut(text, '-', &first, &last))
		last = first;
	struct error *error = parse_u64(first, 65535, &ret->from);
	error = error ? error : parse_u64(last, 65535, &ret->to);
	bool is_good = !error && ret->from <= ret->to;
	error_ignore(error, "said better by who asked");
	return is_good;
}

/* Mapping is the business of docker run: of no effect here, but no nonsense either. */
static FALLIBLE check_mapping(
		const struct port_spec *spec, struct range ports, struct source_range at)
{
	struct range host = { 0 };

	if (spec->ip.n && !is_address(spec->ip))
		return bad_port("IP address", spec->ip, at);
	if (!spec->host.n)
		return NULL;
	if (!read_range(spec->host, &host))
		return bad_port("hostPort", spec->host, at);
	if (ports.from != ports.to && ports.to - ports.from != host.to - host.from)
		return error_at(error_new(ERR_INVALID,
						"invalid ranges specified for container and host "
						"Ports: %.*s and %.*s",
						STR_ARG(spec->container), STR_ARG(spec->host)),
				at);
	return NULL;
}

static FALLIBLE expose_one(
		struct lowered *stage, const char *text, struct source_range at, struct list *told)
{
	const struct port_spec spec = split_spec(str_of(text));
	struct range ports = { 0 };

	if (!str_is_nocase(spec.protocol, "tcp") && !str_is_nocase(spec.protocol, "udp") &&
			!str_is_nocase(spec.protocol, "sctp"))
		return bad_port("proto", spec.protocol, at);
	if (!spec.container.n)
		return error_at(error_new(ERR_INVALID, "no port specified: %s<empty>", text), at);
	if (!read_range(spec.container, &ports))
		return bad_port("containerPort", spec.container, at);
	TRY(check_mapping(&spec, ports, at));
	expose_range(stage, ports.from, ports.to, spec.protocol);
	tell_range(told, ports.from, ports.to, spec.protocol);
	return NULL;
}

FALLIBLE lower_expose(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	AUTO(strbuf) struct strbuf history = { 0 };
	AUTO(list) struct list ports = { 0 }, told = { 0 };

	for (size_t i = 0; i < in->words.n; i++)
		TRY(scope_words(lower, &stage->scope, in->words.p[i].text, in->words.p[i].at,
				&ports));
	for (size_t i = 0; i < ports.n; i++)
		TRY(expose_one(stage, ports.p[i], in->at, &told));
	list_sort(&told);
	strbuf_add(&history, "EXPOSE [");
	for (size_t i = 0; i < told.n; i++)
		if (i == 0 || strcmp(told.p[i - 1], told.p[i]) != 0)
			strbuf_addf(&history, "%s%s", i ? " " : "", told.p[i]);
	strbuf_add(&history, "]");
	lower_add_history(stage, strbuf_text(&history), true);
	return NULL;
}
