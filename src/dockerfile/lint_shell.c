#include "dockerfile/lint_shell.h"

#include "base/strbuf.h"

#include <string.h>

/* Words in front of a command that say nothing about which one it is. */
static const char *const in_front[] = { "if", "then", "else", "elif", "do", "while", "until", "!",
	"{", "(", "sudo", "env", "exec", "time", "nice", "eatmydata", "command" };

struct cutter {
	struct arena *arena;
	struct shell_commands *commands;
	VEC(const char *) words;
	struct strbuf word;
	bool has_word;
	bool in_comment;
};

static bool is_in_front(const char *word)
{
	const char *equal = strchr(word, '=');

	/* "sudo -E bash" */
	if (word[0] == '-')
		return true;
	if (equal && equal != word && !memchr(word, '/', (size_t)(equal - word)))
		return true;
	for (size_t i = 0; i < COUNT(in_front); i++)
		if (in_front[i][0] == word[0] && strcmp(in_front[i], word) == 0)
			return true;
	return false;
}

static void end_word(struct cutter *cutter)
{
	if (!cutter->has_word)
		return;
	const char *text = strbuf_text(&cutter->word);
	bool is_first = cutter->words.n == 0;

	if (!is_first || !is_in_front(text)) {
		const char *slash = is_first ? strrchr(text, '/') : NULL;

		vec_push(&cutter->words, arena_text(cutter->arena, slash ? slash + 1 : text));
	}
	strbuf_clear(&cutter->word);
	cutter->has_word = false;
}

static void end_command(struct cutter *cutter, bool is_piped_on)
{
	end_word(cutter);
	if (!cutter->words.n)
		return;
	const char **words = arena_array(cutter->arena, cutter->words.n, sizeof(*words));

	memcpy(words, cutter->words.p, cutter->words.n * sizeof(*words));
	vec_push(cutter->commands, ((struct shell_command){ words, cutter->words.n, is_piped_on }));
	cutter->words.n = 0;
}

static void add_byte(struct cutter *cutter, char c)
{
	strbuf_add_char(&cutter->word, c);
	cutter->has_word = true;
}

/* Past the quote that closes; what is inside belongs to the word. */
static size_t take_quoted(struct cutter *cutter, struct str text, size_t at)
{
	char quote = text.p[at++];

	cutter->has_word = true;
	for (; at < text.n && text.p[at] != quote; at++) {
		if (text.p[at] == '\\' && quote == '"' && at + 1 < text.n)
			at++;
		strbuf_add_char(&cutter->word, text.p[at]);
	}
	return at + 1;
}

static size_t take_operator(struct cutter *cutter, struct str text, size_t at)
{
	char c = text.p[at], next = at + 1 < text.n ? text.p[at + 1] : '\0';
	bool is_double = next == c && (c == '|' || c == '&' || c == ';');

	/* "2>&1" and "&>" are no ends of commands. */
	if (c == '&' && ((at > 0 && text.p[at - 1] == '>') || next == '>')) {
		add_byte(cutter, c);
		return at + 1;
	}
	end_command(cutter, c == '|' && !is_double);
	return at + (is_double || (c == '|' && next == '&') ? 2 : 1);
}

static void cut(struct cutter *cutter, struct str text)
{
	for (size_t at = 0; at < text.n;) {
		char c = text.p[at];

		if (cutter->in_comment && c != '\n') {
			at++;
		} else if (c == '\n' || c == ';' || c == '&' || c == '|' || c == ')' || c == '(') {
			cutter->in_comment = false;
			at = take_operator(cutter, text, at);
		} else if (c == '\'' || c == '"') {
			at = take_quoted(cutter, text, at);
		} else if (c == ' ' || c == '\t' || c == '\r') {
			end_word(cutter);
			at++;
		} else if (c == '#' && !cutter->has_word) {
			cutter->in_comment = true;
		} else {
			at += c == '\\' && at + 1 < text.n;
			add_byte(cutter, text.p[at++]);
		}
	}
	end_command(cutter, false);
}

void shell_commands_of(const struct instruction *run, struct shell_commands *ret)
{
	*ret = (struct shell_commands){ .arena = arena_new() };
	struct cutter cutter = { .arena = ret->arena, .commands = ret };
	const struct command_line *command = &run->run.command;

	for (size_t i = 0; i < command->argv.n; i++) {
		const char *text = command->argv.p[i].text;
		bool is_shell_text = command->is_shell ||
				     (i == 2 && strcmp(command->argv.p[1].text, "-c") == 0);

		if (is_shell_text) {
			end_command(&cutter, false);
			cut(&cutter, str_of(text));
			continue;
		}
		strbuf_add(&cutter.word, text);
		cutter.has_word = true;
		end_word(&cutter);
	}
	end_command(&cutter, false);
	for (size_t i = 0; i < run->heredoc_count; i++)
		cut(&cutter, str_of(run->heredocs[i].content));
	vec_done(&cutter.words);
	strbuf_done(&cutter.word);
}

void shell_commands_done(struct shell_commands *commands)
{
	arena_free(commands->arena);
	commands->arena = NULL;
	vec_done(commands);
}

bool shell_has_word(const struct shell_command *command, const char *word)
{
	for (size_t i = 1; i < command->word_count; i++)
		if (strcmp(command->words[i], word) == 0)
			return true;
	return false;
}

bool shell_is(const struct shell_command *command, const char *program, const char *verb)
{
	/* Asked of each command for each rule: the first byte mostly tells. */
	return command->words[0][0] == program[0] && strcmp(command->words[0], program) == 0 &&
	       (!verb || shell_has_word(command, verb));
}
