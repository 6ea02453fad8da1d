/* EXPOSE: ports and ranges of them, each once. */
#include "graph/lower.h"

#include <ctype.h>
#include <string.h>

enum { TOLD_PORTS = 100 };

static struct error *bad_port(const char *text, struct source_range at)
{
	return error_hint(error_at(error_new(ERR_INVALID, "invalid containerPort: %s", text), at),
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

static FALLIBLE expose_one(
		struct lowered *stage, const char *text, struct source_range at, struct list *told)
{
	struct str range, protocol, first, last;
	uint64_t from = 0, to = 0;

	/* "ip:host:80/tcp": mapping is the business of docker run; the container's port counts. */
	struct str spec = str_slice(str_of(text),
			str_find_last(str_of(text), ':') < strlen(text)
					? str_find_last(str_of(text), ':') + 1
					: 0,
			SIZE_MAX);
	if (!str_cut(spec, '/', &range, &protocol))
		protocol = STR("tcp");
	if (!str_is_nocase(protocol, "tcp") && !str_is_nocase(protocol, "udp") &&
			!str_is_nocase(protocol, "sctp"))
		return bad_port(text, at);
	if (!str_cut(range, '-', &first, &last))
		last = first;
	struct error *error = parse_u64(first, 65535, &from);
	error = error ? error : parse_u64(last, 65535, &to);
	if (error || to < from) {
		error_ignore(error, "said better here");
		return bad_port(text, at);
	}
	expose_range(stage, from, to, protocol);
	tell_range(told, from, to, protocol);
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
