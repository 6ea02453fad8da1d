#include "unit.h"

#include "ui/help.h"
#include "ui/options.h"

struct test_opts {
	struct list tags;
	char *file, *pull, *progress;
	uint64_t memory;
	int64_t level;
	bool quiet, no_cache, push;
};

#define OPTS test_opts
static const struct option options[] = {
	OPT_HEADING("What"),
	OPT_TEXT('f', "file", file, "PATH", "the Dockerfile; - reads standard input",
			.is_path = true),
	OPT_LIST('t', "tag", tags, "NAME[:TAG]", "name the image; may be repeated"),
	OPT_CHOICE(0, "pull", pull, "always|missing|never", "when to ask", .implied = "always"),
	OPT_SIZE('m', "memory", memory, "BYTES", "memory limit of each RUN"),
	OPT_INT(0, "level", level, -1, 22, "N", "a level"),
	OPT_HEADING("How"),
	OPT_CHOICE(0, "progress", progress, "auto|plain|tty", "how to show progress"),
	OPT_FLAG('q', "quiet", quiet, "say nothing"),
	OPT_FLAG(0, "no-cache", no_cache, "run every step again"),
	OPT_FLAG(0, "push", push, "it's pushed"),
	OPT_SETTING(0, "jobs", "N", "steps at once"),
	OPT_SETTING(0, "tls-verify", NULL, "check certificates"),
	OPT_TEXT(0, "dockerfile", file, "PATH", "another name of file", .is_hidden = true),
	OPT_LATER(0, "secret", "secrets come with another release"),
	OPT_END,
};
#undef OPTS

static const struct test_opts defaults = { .level = -1 };

static const struct command command = {
	.name = "build",
	.alias = "bud",
	.args = "CONTEXT",
	.summary = "Build an image",
	.description = "A paragraph of more than eighty columns, so that it has to be wrapped "
		       "somewhere before its end.",
	.examples = "kiln build .\tthe simplest\nkiln build -q .\n",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct test_opts),
	.max_args = 1,
};

static const struct command stopping = {
	.name = "run",
	.args = "CONTAINER COMMAND...",
	.summary = "Run a command",
	.options = options,
	.opts_size = sizeof(struct test_opts),
	.min_args = 2,
	.max_args = ARGS_ANY,
	.stops_at_argument = true,
};

static const struct command *const commands[] = { &command, &stopping, NULL };

static const struct option global_options[] = {
	OPT_SETTING(0, "root", "DIR", "the store"),
	OPT_SETTING('D', "debug", NULL, "tell all"),
	OPT_END,
};

static const struct program program = {
	.name = "kiln",
	.summary = "Build images.",
	.options = global_options,
	.commands = commands,
};

enum { WORDS = 8 };

static size_t count(const char *const *words)
{
	size_t n = 0;

	while (n < WORDS && words[n])
		n++;
	return n;
}

/* Everything that a command line set, as text. */
static char *show(const struct parsed *parsed)
{
	const struct test_opts *opts = parsed->opts;
	struct strbuf out = { 0 };

	if (parsed->help)
		strbuf_add(&out, "help ");
	if (opts->file)
		strbuf_addf(&out, "file=%s ", opts->file);
	for (size_t i = 0; i < opts->tags.n; i++)
		strbuf_addf(&out, "tag=%s ", opts->tags.p[i]);
	if (opts->pull)
		strbuf_addf(&out, "pull=%s ", opts->pull);
	if (opts->progress)
		strbuf_addf(&out, "progress=%s ", opts->progress);
	if (opts->memory)
		strbuf_addf(&out, "memory=%llu ", (unsigned long long)opts->memory);
	if (opts->level != -1)
		strbuf_addf(&out, "level=%lld ", (long long)opts->level);
	strbuf_addf(&out, "%s%s%s", opts->quiet ? "quiet " : "", opts->no_cache ? "no-cache " : "",
			opts->push ? "push " : "");
	for (size_t i = 0; i < parsed->settings.n; i++)
		strbuf_addf(&out, "[%s] ", parsed->settings.p[i]);
	for (size_t i = 0; i < parsed->args.n; i++)
		strbuf_addf(&out, "<%s> ", parsed->args.p[i]);
	if (out.n)
		strbuf_truncate(&out, out.n - 1);
	return strbuf_take(&out);
}

static void understands(void **state)
{
	static const struct {
		const char *words[WORDS];
		const char *wanted;
	} cases[] = {
		{ { 0 }, "" },
		{ { "." }, "<.>" },
		{ { "-f", "x", "." }, "file=x <.>" },
		{ { "-fx" }, "file=x" },
		{ { "-f=x" }, "file=x" },
		{ { "--file=x" }, "file=x" },
		{ { "--file", "x" }, "file=x" },
		{ { "--file", "-" }, "file=-" },
		{ { "--file=" }, "file=" },
		{ { "--dockerfile=y" }, "file=y" },
		{ { "-f", "x", "-f", "y" }, "file=y" },
		{ { "-t", "a:1", "--tag=b" }, "tag=a:1 tag=b" },
		{ { ".", "-q", "--no-cache" }, "quiet no-cache <.>" },
		{ { "-qf", "x" }, "file=x quiet" },
		{ { "-qtx" }, "tag=x quiet" },
		{ { "--quiet=false" }, "" },
		{ { "--quiet=TRUE" }, "quiet" },
		{ { "-q=0" }, "" },
		{ { "-q", "--no-quiet" }, "" },
		{ { "--no-quiet=false" }, "quiet" },
		{ { "--no-cache", "--cache" }, "" },
		{ { "--cache=false" }, "no-cache" },
		{ { "--push", "--no-push" }, "" },
		{ { "--pull" }, "pull=always" },
		{ { "--pull", "." }, "pull=always <.>" },
		{ { "--pull=never" }, "pull=never" },
		{ { "-m", "64m" }, "memory=67108864" },
		{ { "--level", "-1" }, "" },
		{ { "--level=22" }, "level=22" },
		{ { "--", "-q" }, "<-q>" },
		{ { "-" }, "<->" },
		{ { "-D", "--root=/x" }, "[debug=true] [root=/x]" },
		{ { "--no-debug" }, "[debug=false]" },
		{ { "--tls-verify=false", "--jobs", "3" }, "[tls-verify=false] [jobs=3]" },
		{ { "--no-tls-verify" }, "[tls-verify=false]" },
		{ { "--help", "--nonsense" }, "help" },
		{ { "-h" }, "help" },
		{ { "-qh" }, "help quiet" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(parsed) struct parsed parsed = { 0 };

		assert_ok(options_parse(&program, &command, cases[i].words, count(cases[i].words),
				&parsed));
		AUTO_FREE char *text = show(&parsed);
		assert_string_equal(text, cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *words[WORDS];
		const char *message, *hint;
	} cases[] = {
		{ { "--no-cash" }, "unknown option '--no-cash' of 'kiln build'",
				"did you mean '--no-cache'?" },
		{ { "--xyzzy" }, "unknown option '--xyzzy'", "'kiln build --help' lists" },
		{ { "--rot=x" }, "unknown option '--rot'", "did you mean '--root'?" },
		{ { "-z" }, "unknown option '-z'", "--help" },
		{ { "-qz" }, "unknown option '-z'", "--help" },
		{ { "--file" }, "option '--file' needs a value (PATH)", NULL },
		{ { "-f" }, "option '-f' needs a value (PATH)", NULL },
		{ { "--quiet=maybe" }, "option '--quiet': 'maybe' is neither true nor false",
				NULL },
		{ { "--no-file=x" }, "unknown option '--no-file'", NULL },
		{ { "--progress=ttyy" },
				"option '--progress' cannot be 'ttyy'; it is one of "
				"auto|plain|tty",
				"did you mean 'tty'?" },
		{ { "--pull=" }, "option '--pull' cannot be ''", NULL },
		{ { "-m", "much" }, "option '-m': ", NULL },
		{ { "--level=23" }, "option '--level': ", NULL },
		{ { "--secret=id=x" }, "option '--secret' is not there yet",
				"secrets come with another release" },
		{ { "a", "b" }, "takes at most 1 argument; 'b' is one too many",
				"usage: kiln build [OPTION...] CONTEXT" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(parsed) struct parsed parsed = { 0 };
		struct error *error = options_parse(
				&program, &command, cases[i].words, count(cases[i].words), &parsed);
		const char *hint = error_find_hint(error);

		assert_non_null(error);
		assert_int_equal(error->code, EXIT_USAGE);
		if (cases[i].hint)
			assert_non_null(strstr(hint ? hint : "", cases[i].hint));
		assert_error(error, ERR_INVALID, cases[i].message);
	}
}

static void stops_at_the_first_argument(void **state)
{
	static const char *const words[] = { "-q", "ctr", "ls", "--file", "-z", "--" };
	AUTO(parsed) struct parsed parsed = { 0 };

	assert_ok(options_parse(&program, &stopping, words, COUNT(words), &parsed));
	assert_true(((struct test_opts *)parsed.opts)->quiet);
	assert_int_equal(parsed.args.n, 5);
	assert_string_equal(parsed.args.p[0], "ctr");
	assert_string_equal(parsed.args.p[4], "--");
}

static void wants_enough_arguments(void **state)
{
	static const char *const words[] = { "ctr" };
	AUTO(parsed) struct parsed parsed = { 0 };

	assert_error(options_parse(&program, &stopping, words, 1, &parsed), ERR_INVALID,
			"'kiln run' needs 2 arguments (CONTAINER COMMAND...)");
}

static void takes_options_before_the_command(void **state)
{
	static const char *const words[] = { "--root", "/x", "-D", "build", "-q" };
	AUTO(parsed) struct parsed parsed = { 0 };
	size_t used = 0;

	assert_ok(options_parse_global(&program, words, COUNT(words), &parsed, &used));
	assert_int_equal(used, 3);
	assert_ok(options_parse(&program, &command, words + 4, 1, &parsed));
	assert_true(((struct test_opts *)parsed.opts)->quiet);
	assert_int_equal(parsed.settings.n, 2);
	assert_string_equal(parsed.settings.p[0], "root=/x");
}

static void finds_commands(void **state)
{
	static const char *const words[] = { "build", "bud", "buil", "biuld" };
	size_t used = 0;

	assert_ptr_equal(command_match(&program, words, 3, &used), &command);
	assert_int_equal(used, 1);
	assert_ptr_equal(command_match(&program, words + 1, 1, &used), &command);
	assert_null(command_match(&program, words + 2, 2, &used));

	struct error *error = command_unknown(&program, words + 3, 1);

	assert_string_equal(error_find_hint(error), "did you mean 'kiln build'?");
	assert_error(error, ERR_INVALID, "unknown command 'biuld'");
}

/* A name of two words is found by both, and its group alone says what there is. */
static void finds_commands_of_two_words(void **state)
{
	static const struct command make = { .name = "list make" };
	static const struct command *const grouped[] = { &command, &make, NULL };
	static const struct program with_group = { .name = "kiln", .commands = grouped };
	static const char *const words[] = { "list", "make", "it" };
	static const char *const wrong[] = { "list", "mkae" };
	size_t used = 0;

	assert_ptr_equal(command_match(&with_group, words, 3, &used), &make);
	assert_int_equal(used, 2);
	assert_null(command_match(&with_group, words, 1, &used));

	struct error *error = command_unknown(&with_group, words, 1);

	assert_string_equal(error_find_hint(error), "there are: make");
	assert_error(error, ERR_INVALID, "'kiln list' wants a command");
	assert_error(command_unknown(&with_group, wrong, 2), ERR_INVALID,
			"'kiln list' has no command 'mkae'");
}

static void helps(void **state)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	help_command(&program, &command, &out);
	assert_string_equal(strbuf_text(&out),
			"Usage: kiln build [OPTION...] CONTEXT\n"
			"\n"
			"Build an image\n"
			"\n"
			"A paragraph of more than eighty columns, so that it has to be wrapped "
			"somewhere\n"
			"before its end.\n"
			"\n"
			"What:\n"
			"  -f, --file PATH             the Dockerfile; - reads standard input\n"
			"  -t, --tag NAME[:TAG]        name the image; may be repeated\n"
			"      --pull[=always|missing|never]\n"
			"                              when to ask\n"
			"  -m, --memory BYTES          memory limit of each RUN\n"
			"      --level N               a level\n"
			"\n"
			"How:\n"
			"      --progress auto|plain|tty\n"
			"                              how to show progress\n"
			"  -q, --quiet                 say nothing\n"
			"      --no-cache              run every step again\n"
			"      --push                  it's pushed\n"
			"      --jobs N                steps at once\n"
			"      --tls-verify            check certificates\n"
			"\n"
			"Options of every command:\n"
			"      --root DIR              the store\n"
			"  -D, --debug                 tell all\n"
			"  -h, --help                  show this help\n"
			"\n"
			"Examples:\n"
			"  # the simplest\n"
			"  kiln build .\n"
			"  kiln build -q .\n");
}

static void completes(void **state)
{
	AUTO(strbuf) struct strbuf bash = { 0 }, zsh = { 0 }, fish = { 0 }, none = { 0 };

	assert_ok(help_completion(&program, "bash", &bash));
	assert_non_null(strstr(strbuf_text(&bash), "build\\ --progress) words='auto plain tty'"));
	assert_null(strstr(strbuf_text(&bash), "--secret"));
	assert_null(strstr(strbuf_text(&bash), "--dockerfile"));
	assert_ok(help_completion(&program, "zsh", &zsh));
	assert_non_null(strstr(strbuf_text(&zsh), "'--push[it'\\''s pushed]'"));
	assert_ok(help_completion(&program, "fish", &fish));
	assert_non_null(strstr(strbuf_text(&fish), "-l push -d 'it\\'s pushed'"));
	assert_error(help_completion(&program, "tcsh", &none), ERR_INVALID, "'tcsh'");
}

static void writes_the_manual(void **state)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	help_manual(&program, "1.2", &out);
	assert_non_null(strstr(strbuf_text(&out), ".SS kiln build [OPTION...] CONTEXT\n"));
	assert_non_null(strstr(
			strbuf_text(&out), "\\fB\\-\\-no\\-cache\\fR\nrun every step again"));
	assert_null(strstr(strbuf_text(&out), "secret"));
}

UNIT_TESTS(understands, refuses, stops_at_the_first_argument, wants_enough_arguments,
		takes_options_before_the_command, finds_commands, finds_commands_of_two_words,
		helps, completes, writes_the_manual)
