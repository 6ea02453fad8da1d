#include "trust/yaml.h"

#include "base/auto.h"
#include "base/xalloc.h"
#include "sys/library.h"

#include <string.h>
#include <yaml.h>

#define YAML_CALLS(X)              \
	X(parser_initialize)       \
	X(parser_delete)           \
	X(parser_set_input_string) \
	X(parser_parse)            \
	X(event_delete)

struct yaml_calls {
#define YAML_MEMBER(name) __typeof__(&yaml_##name) name;
	YAML_CALLS(YAML_MEMBER)
#undef YAML_MEMBER
};

static const char *const names[] = {
#define YAML_NAME(name) "yaml_" #name,
	YAML_CALLS(YAML_NAME)
#undef YAML_NAME
};

static FALLIBLE load(struct yaml_calls *ret)
{
	struct error *error = library_load("libyaml-0.so.2", names, COUNT(names), ret);

	if (!error)
		return NULL;
	return error_hint(error_wrap(error, "load libyaml, which registries.d needs"),
			"install it, for example with apt-get install libyaml-0-2");
}

struct reading {
	struct yaml_calls calls;
	yaml_parser_t parser;
	const char *what;
	yaml_told *told;
	void *user;
	char *keys[YAML_DEPTH];
	bool has_key[YAML_DEPTH]; /* the value comes next */
	size_t depth;             /* of maps that are open */
};

static void reading_done(struct reading *reading)
{
	for (size_t i = 0; i < YAML_DEPTH; i++)
		free(reading->keys[i]);
	if (reading->calls.parser_delete)
		reading->calls.parser_delete(&reading->parser);
}

DEFINE_AUTO_VALUE(reading)

static struct error *wrong(const struct reading *reading, size_t line, const char *problem)
{
	return error_new(ERR_INVALID, "%s:%zu: %s", reading->what, line + 1, problem);
}

static FALLIBLE on_map(struct reading *reading, size_t line)
{
	if (reading->depth == YAML_DEPTH ||
			(reading->depth && !reading->has_key[reading->depth - 1]))
		return wrong(reading, line, "a map where none belongs");
	reading->has_key[reading->depth++] = false;
	return NULL;
}

static FALLIBLE on_text(struct reading *reading, const char *text, size_t line)
{
	size_t top = reading->depth - 1;

	if (!reading->depth)
		return wrong(reading, line, "no map");
	if (!reading->has_key[top]) {
		free(reading->keys[top]);
		reading->keys[top] = xstrdup(text);
		reading->has_key[top] = true;
		return NULL;
	}
	reading->has_key[top] = false;
	return reading->told(reading->user, (const char *const *)reading->keys, reading->depth,
			text, (unsigned)line + 1);
}

static FALLIBLE on_event(struct reading *reading, const yaml_event_t *event, bool *ret_end)
{
	size_t line = event->start_mark.line;

	switch (event->type) {
	case YAML_MAPPING_START_EVENT:
		return on_map(reading, line);
	case YAML_MAPPING_END_EVENT:
		reading->depth--;
		if (reading->depth)
			reading->has_key[reading->depth - 1] = false;
		return NULL;
	case YAML_SCALAR_EVENT:
		if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
			return wrong(reading, line, "a text with a NUL in it");
		return on_text(reading, (const char *)event->data.scalar.value, line);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_ALIAS_EVENT:
		return wrong(reading, line, "lists and aliases do not belong there");
	case YAML_STREAM_END_EVENT:
		*ret_end = true;
		return NULL;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return NULL;
	}
	return NULL;
}

FALLIBLE yaml_read(struct str text, const char *what, yaml_told *told, void *user)
{
	AUTO(reading) struct reading reading = { .what = what, .told = told, .user = user };
	struct yaml_calls calls = { 0 };
	bool ended = false;

	TRY(load(&calls));
	if (!calls.parser_initialize(&reading.parser))
		return error_new(ERR_INVALID, "%s: libyaml does not start", what);
	reading.calls = calls;
	calls.parser_set_input_string(&reading.parser, (const unsigned char *)text.p, text.n);
	while (!ended) {
		yaml_event_t event;

		if (!calls.parser_parse(&reading.parser, &event))
			return wrong(&reading, reading.parser.problem_mark.line,
					reading.parser.problem ? reading.parser.problem
							       : "no YAML");
		struct error *error = on_event(&reading, &event, &ended);
		calls.event_delete(&event);
		TRY(error);
	}
	return NULL;
}
