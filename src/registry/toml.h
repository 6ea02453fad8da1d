/*
 * toml: the part of TOML that the container tools' files use: [table], [[table]], key = "text",
 * 'text', true, false, number, ["list", "of", "text"] over several lines, quoted and dotted keys,
 * comments. Other values (fractions, dates, inline tables, lists of such) are read over and come as
 * TOML_OTHER: whoever wants the key refuses them. Strings of several lines are ERR_UNSUPPORTED with
 * their line.
 *
 * Events instead of a tree: each key arrives with the table it stands in.
 *
 * Floor: registry (pure).
 * Spec: TOML 1.0.0.
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"

struct toml_value {
	enum toml_kind { TOML_TEXT = 1, TOML_BOOL, TOML_NUMBER, TOML_LIST, TOML_OTHER } kind;
	char *text; /* TOML_TEXT */
	bool flag;
	int64_t number;
	struct list list;
	/* Of a list: what an item {append = true} says, as containers.conf has it. */
	enum toml_append { APPEND_UNSAID = 0, APPEND_YES, APPEND_NO } append;
};

struct toml_events {
	/* [name] or [[name]]; name is dotted ("registry.mirror"). */
	struct error *(*table)(void *user, const char *name, bool is_array);
	struct error *(*value)(void *user, const char *key, const struct toml_value *value);
	void *user;
};

/* what names the text in messages, which have the line. An event's error ends the parse. */
FALLIBLE toml_parse(struct str text, const char *what, const struct toml_events *events);
/* For value: text in place of *ret; ERR_INVALID when it is none. */
FALLIBLE toml_take_text(const struct toml_value *value, char **ret);
FALLIBLE toml_take_bool(const struct toml_value *value, bool *ret);
