/*
 * options: the command line as tables. A command is one struct; its options are rows that fill the
 * fields of one struct. The same rows render --help (ui/help.h), completions (ui/complete.h) and
 * the manual, so that they cannot disagree.
 *
 *	#define OPTS build_opts
 *	static const struct option options[] = {
 *		OPT_LIST('t', "tag", tags, "NAME[:TAG]", "name the image; may be repeated"),
 *		OPT_FLAG(0, "no-cache", no_cache, "run every step again"),
 *		OPT_END,
 *	};
 *
 * A row of the wrong type for its field does not compile. Field types: OPT_TEXT and OPT_CHOICE
 * char *, OPT_LIST struct list, OPT_FLAG bool, OPT_SIZE uint64_t, OPT_INT int64_t.
 *
 * What a user may type: --name=value, --name value, -n value, -nvalue, -n=value, bundled flags
 * (-qf x), --flag=true|false, --no-flag for a flag (and --flag for one named no-flag), options
 * behind arguments, -- to end options. A row with an implied value takes its value by = only.
 *
 * Words: "setting" rows fill no field; their values go to ui/config.h, which has the precedence of
 * files, environment and flags. "later" rows are known by name only, so that the message can say
 * "not there yet" instead of "unknown".
 *
 * Floor: ui. Tables are constant; a parsed struct belongs to its caller.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status of a wrong command line, and the error->code of the ERR_INVALID that says so. */
enum { EXIT_USAGE = 2 };
#define error_usage(...) error_code(ERR_INVALID, EXIT_USAGE, __VA_ARGS__)
/* What is wrong with the value of an option ("--tag", "-t") or of a variable ("KANIKO_DIR"), as
 * error_usage. Takes cause; NULL is NULL. */
struct error *usage_of_option(struct error *cause, const char *option);
/* What a message calls it: "option", or "environment variable" where no dash begins the name. */
const char *option_kind(const char *name);

enum option_kind {
	OPTION_END = 0,
	OPTION_TEXT,
	OPTION_LIST,
	OPTION_FLAG,
	OPTION_SIZE,
	OPTION_CHOICE,
	OPTION_INT,
	OPTION_SETTING, /* value (or flag, when it has none) of the setting of that name */
	OPTION_LATER,   /* refused by name */
	OPTION_HEADING, /* a line in --help */
};

struct option {
	enum option_kind kind;
	char letter;         /* or 0 */
	bool is_hidden;      /* works, not shown */
	bool is_path;        /* completions offer files */
	bool empty_is_none;  /* text or choice: "" is as if it were not given */
	const char *name;    /* long name without dashes */
	size_t offset;       /* of the field in the struct */
	const char *value;   /* "PATH"; "a|b|c" for a choice; NULL for a flag */
	const char *help;    /* one line, lower case; for OPTION_LATER: what it waits for */
	const char *implied; /* value of the option without one: --pull is --pull=always */
	int64_t min, max;    /* OPT_INT */
};

#define OPT_FIELD_(field, type) \
	offsetof(struct OPTS, field) + 0 * _Generic(((struct OPTS *)0)->field, type : 1)
/* Further members may follow: OPT_TEXT('f', "file", file, "PATH", "…", .is_path = true) */
#define OPT_ROW_(k, l, n, f, type, v, h, ...)                                           \
	{                                                                               \
		.kind = (k), .letter = (l), .name = (n), .offset = OPT_FIELD_(f, type), \
		.value = (v), .help = (h), ##__VA_ARGS__                                \
	}
#define OPT_TEXT(l, n, f, v, h, ...) OPT_ROW_(OPTION_TEXT, l, n, f, char *, v, h, ##__VA_ARGS__)
#define OPT_LIST(l, n, f, v, h, ...) \
	OPT_ROW_(OPTION_LIST, l, n, f, struct list, v, h, ##__VA_ARGS__)
#define OPT_FLAG(l, n, f, h, ...)      OPT_ROW_(OPTION_FLAG, l, n, f, bool, NULL, h, ##__VA_ARGS__)
#define OPT_SIZE(l, n, f, v, h, ...)   OPT_ROW_(OPTION_SIZE, l, n, f, uint64_t, v, h, ##__VA_ARGS__)
#define OPT_CHOICE(l, n, f, v, h, ...) OPT_ROW_(OPTION_CHOICE, l, n, f, char *, v, h, ##__VA_ARGS__)
#define OPT_INT(l, n, f, lo, hi, v, h, ...) \
	OPT_ROW_(OPTION_INT, l, n, f, int64_t, v, h, .min = (lo), .max = (hi), ##__VA_ARGS__)
#define OPT_SETTING(l, n, v, h, ...)                                                           \
	{                                                                                      \
		.kind = OPTION_SETTING, .letter = (l), .name = (n), .value = (v), .help = (h), \
		##__VA_ARGS__                                                                  \
	}
#define OPT_LATER(l, n, h)                                                    \
	{                                                                     \
		.kind = OPTION_LATER, .letter = (l), .name = (n), .help = (h) \
	}
#define OPT_HEADING(text)                              \
	{                                              \
		.kind = OPTION_HEADING, .help = (text) \
	}
#define OPT_END                    \
	{                          \
		.kind = OPTION_END \
	}

/* Any number of arguments. */
enum { ARGS_ANY = 1000000 };

struct config;
struct report_source;

/* What a command's function gets. */
struct invocation {
	const struct command *command;
	const struct config *config;
	const void *opts;        /* the command's struct, filled */
	const void *global_opts; /* the program's, or NULL */
	const struct list *args; /* what was not an option */
	const char *program;     /* "kiln" */
	/* For a command that reads standard input: what its errors may want to show. */
	struct report_source *source;
};

struct command {
	const char *name;        /* one word, or two: "manifest create" */
	const char *alias;       /* more names, of one word each, with blanks between; or NULL */
	const char *args;        /* "CONTEXT", "[IMAGE…]", or NULL */
	const char *summary;     /* one line, starts with a capital letter */
	const char *description; /* paragraphs for --help and the manual, or NULL */
	const char *examples;    /* lines "command\tcomment\n", or NULL */
	const struct option *options;
	const void *defaults; /* a whole struct; its char * and lists must be empty. NULL: zeros */
	size_t opts_size;
	size_t min_args, max_args;
	const char *missing;   /* what is said when there are too few, or NULL: in general words */
	bool counts_arguments; /* Buildah's users are told how many too many there are */
	bool is_hidden;
	bool stops_at_argument; /* what follows the first argument is not ours */
	struct error *(*run)(const struct invocation *call);
};

/*
 * A name that kiln is called by and its commands, sorted by name. The members that are NULL in
 * kiln's own are how another tool's users know theirs.
 */
struct program {
	const char *name;             /* "kiln" */
	const char *summary;          /* one line */
	const struct option *options; /* settings and flags for every command (OPTS global_opts) */
	size_t opts_size;
	const struct command *const *commands; /* NULL-terminated */
	/* Runs when the first word is no command's name: what is typed is its options. Or NULL. */
	const struct command *fallback;
	/* The command that global options are alone ("--version"), or NULL for none. Or NULL. */
	const struct command *(*alone)(const void *global_opts);
	const char *error_prefix; /* "Error"; NULL: name */
	bool has_buildah_words;   /* report.h */
	/* Commands whose options all stand before the first argument, NULL-terminated; or NULL. */
	const char *const *options_first;
	/* Exit status of an error; NULL: report_exit_status(). */
	int (*exit_status)(const struct error *error);
	/*
	 * Further settings ("name=value"), from the environment that this tool reads and from its
	 * global options; the command line's come behind and win. Or NULL.
	 */
	struct error *(*settings)(const void *global_opts, struct list *ret);
	const char *podman; /* as in config_origin */
};

/* The result of one command line. All members are owned. */
struct parsed {
	void *opts, *global_opts; /* filled structs, or NULL where the table has none */
	const struct option *options, *global_options;
	struct list args;
	struct list settings; /* "name=value" in the order given, for config_load() */
	bool help;            /* --help or -h was given; nothing was checked then */
};

/*
 * Parse argv[0..n) (without program and command names) for a command. Every failure is
 * error_usage. global: the program's own table, or NULL. Free *ret with parsed_done(), also after a
 * failure.
 */
FALLIBLE options_parse(const struct program *program, const struct command *command,
		const char *const *argv, size_t n, struct parsed *ret);
/*
 * Only the program's own options, up to the first word that is none: *ret_used words. For what
 * stands before the command's name.
 */
FALLIBLE options_parse_global(const struct program *program, const char *const *argv, size_t n,
		struct parsed *ret, size_t *ret_used);
/*
 * How many words stand before the command's name, when one of them is an option that is not the
 * program's own, else 0. As in Buildah such an option takes the word behind it as its value.
 */
size_t options_before_command(const struct program *program, const char *const *argv, size_t n);
void parsed_done(struct parsed *parsed);

/*
 * The command that words[0..n) begin with, by name or alias; NULL when there is none. A name may
 * have two words ("manifest create"). *ret_used: how many words it took.
 */
const struct command *command_match(const struct program *program, const char *const *words,
		size_t n, size_t *ret_used);
/* Is that the first word of names of two words? */
bool command_is_group(const struct program *program, const char *word);
/* error_usage that names the nearest command, or those of the group that words[0] is. */
struct error *command_unknown(const struct program *program, const char *const *words, size_t n);
/* Length of the first word of a name of two words, else 0. */
size_t command_group(const struct command *command);
/* "kiln build [OPTION...] CONTEXT" */
void command_usage(
		const struct program *program, const struct command *command, struct strbuf *out);
/* True for a row that takes no value: a flag, or a setting that is one. */
bool option_is_flag(const struct option *option);
/* Go's spellings of a boolean: 1, t, true, 0, f, false in any case. */
FALLIBLE parse_bool(const char *text, bool *ret);
DEFINE_AUTO_VALUE(parsed)
