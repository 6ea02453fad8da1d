/*
 * help: what --help, the completions and the manual say, all from the tables of ui/options.h.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/strbuf.h"
#include "ui/options.h"

/* No line is wider than this. */
enum { HELP_COLUMNS = 80 };

/* "kiln help": the commands. */
void help_program(const struct program *program, struct strbuf *out);
/* "kiln image --help": the commands whose names begin with that word. */
void help_group(const struct program *program, const char *group, struct strbuf *out);
/* "kiln CMD --help": usage, options by heading, examples. */
void help_command(const struct program *program, const struct command *command, struct strbuf *out);
/* "kiln help [WORD...]": one of these; error_usage of words that are neither command nor group. */
FALLIBLE help_words(const struct program *program, const struct list *words, struct strbuf *out);
/* kiln(1) in roff (man macros). */
void help_manual(const struct program *program, const char *version, struct strbuf *out);

/* Shells that help_completion() knows, "bash|zsh|fish". */
#define HELP_SHELLS "bash|zsh|fish"
/* A completion script; ERR_INVALID for a shell that is not one of HELP_SHELLS. */
FALLIBLE help_completion(const struct program *program, const char *shell, struct strbuf *out);
