/*
 * lint_shell: what a RUN runs, as far as a check needs to know: a shell text cut into simple
 * commands, each into words. No expansion; quotes hold words together and are dropped. What is no
 * command by itself (if, then, "sudo", "env", A=B in front) is skipped. For lint_own.c only.
 *
 * Floor: dockerfile (pure). Time is linear in the text.
 */
#pragma once
#include "base/arena.h"
#include "base/vec.h"
#include "dockerfile/instruction.h"

struct shell_command {
	const char *const *words; /* words[0] is the program's name, without its folder */
	size_t word_count;
	bool is_piped_on; /* its output goes to the command behind it */
};

struct shell_commands {
	struct arena *arena;
	struct shell_command *p;
	size_t n, capacity;
};

/* All commands of a RUN, exec form and heredocs included. */
void shell_commands_of(const struct instruction *run, struct shell_commands *ret);
void shell_commands_done(struct shell_commands *commands);

/* Is the word among the command's arguments? */
bool shell_has_word(const struct shell_command *command, const char *word);
/* Is it PROGRAM … VERB, options between them allowed? */
bool shell_is(const struct shell_command *command, const char *program, const char *verb);

DEFINE_AUTO_VALUE(shell_commands)
