/*
 * instruction: one instruction of a Dockerfile, what it says and where.
 *
 * Nothing is expanded or given meaning: arguments keep their quotes and $names (words.h expands
 * them). Everything lives in the arena of the dockerfile (parser.h) or of the caller
 * (instruction_parse_onbuild) and is read-only once parsed.
 *
 * Flags: a table per instruction says which exist; an unknown, repeated or valueless one is
 * ERR_INVALID at its place, with the nearest known name as hint. The parsed value is in the union.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference; features.md 3.2.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "dockerfile/heredoc.h"

enum instruction_kind {
	INSTRUCTION_ADD,
	INSTRUCTION_ARG,
	INSTRUCTION_CMD,
	INSTRUCTION_COPY,
	INSTRUCTION_ENTRYPOINT,
	INSTRUCTION_ENV,
	INSTRUCTION_EXPOSE,
	INSTRUCTION_FROM,
	INSTRUCTION_HEALTHCHECK,
	INSTRUCTION_LABEL,
	INSTRUCTION_MAINTAINER,
	INSTRUCTION_ONBUILD,
	INSTRUCTION_RUN,
	INSTRUCTION_SHELL,
	INSTRUCTION_STOPSIGNAL,
	INSTRUCTION_USER,
	INSTRUCTION_VOLUME,
	INSTRUCTION_WORKDIR,
};

/* One argument, quotes and escapes not processed. */
struct word {
	const char *text;
	struct source_range at;
};

struct words {
	const struct word *p;
	size_t n;
};

/* --name or --name=value; quotes around the value are gone, $names are not. */
struct flag {
	const char *name;
	const char *value; /* NULL without "=" */
	const char *text;  /* "--name=value" as written */
	struct source_range at;
};

/* NAME=value of ENV, LABEL, ARG; value is NULL for an ARG without one. */
struct pair {
	const char *name, *value;
	const char *comment; /* ARG: its description, from the comment above; or NULL */
	struct source_range at;
};

struct pairs {
	const struct pair *p;
	size_t n;
	bool is_legacy; /* "ENV name value": no "=" between */
};

/* RUN, CMD, ENTRYPOINT, HEALTHCHECK CMD: one word of shell text, or the argv of the exec form. */
struct command_line {
	bool is_shell;
	struct words argv;
};

/* A source of COPY or ADD: a path as written, or a heredoc whose file is called path. */
struct copy_source {
	const char *path;
	const struct heredoc *heredoc; /* NULL for a path */
	struct source_range at;
};

enum tristate { TRISTATE_UNSET = 0, TRISTATE_NO, TRISTATE_YES };

struct from {
	const char *image;        /* as written */
	const char *platform;     /* --platform as written, or NULL */
	const struct flag *after; /* Buildah's --after=STAGE, or NULL */
	const char *name;         /* AS name in lower case, or NULL */
	const char *name_text;    /* as written, or NULL */
	const char *as_text;      /* the word AS as written, or NULL */
	const char *comment;      /* the stage's description, or NULL */
	struct source_range image_at, name_at;
};

struct run {
	struct command_line command;
	const struct flag *const *mounts; /* --mount, in order; run_mount_parse() reads each */
	size_t mount_count;
	const struct flag *const *devices; /* --device, in order */
	size_t device_count;
	const struct flag *network;  /* or NULL; default, none or host */
	const struct flag *security; /* or NULL; sandbox or insecure */
};

/* COPY and ADD. The flags that only one of them has are unset in the other. */
struct copy {
	const struct copy_source *sources; /* in the order written */
	size_t source_count;
	struct word dest;
	const struct flag *from, *chown, *chmod, *checksum; /* or NULL */
	bool link, parents;
	enum tristate unpack, keep_git_dir;
	const struct flag *const *excludes; /* --exclude, in order */
	size_t exclude_count;
};

struct healthcheck {
	bool is_none;
	struct command_line command;
	/* 0 when not given. */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	unsigned retries;
};

struct onbuild {
	const char *text; /* the trigger as the image config keeps it, heredoc bodies included */
	const struct instruction *trigger;
};

struct instruction {
	enum instruction_kind kind;
	struct source_range at; /* from the keyword to the end, heredoc bodies included */
	const char *keyword;    /* as written: "Run" */
	const char *original;   /* the whole logical line, its keyword in capitals: what is shown */
	const struct flag *flags;
	size_t flag_count;
	struct words args; /* as the instruction splits them; JSON form: the decoded strings */
	bool is_json;
	const struct heredoc *heredocs;
	size_t heredoc_count;
	unsigned empty_continuation; /* its last line, when it has an empty one inside; or 0 */
	const char *const *comments; /* directly above */
	size_t comment_count;
	union {
		struct from from;
		struct run run;
		struct copy copy;            /* COPY and ADD */
		struct pairs pairs;          /* ENV, LABEL, ARG */
		struct command_line command; /* CMD, ENTRYPOINT */
		struct words words;          /* EXPOSE, VOLUME, SHELL */
		struct word word;            /* WORKDIR, USER, STOPSIGNAL, MAINTAINER */
		struct healthcheck healthcheck;
		struct onbuild onbuild;
	};
};

/* "RUN", in upper case. */
const char *instruction_name(enum instruction_kind kind);

/*
 * Parse a trigger that comes from a base image's config. Places are in a file named by
 * source_name, which is borrowed; the result lives in arena. FROM, ONBUILD and MAINTAINER are
 * ERR_INVALID.
 */
FALLIBLE instruction_parse_onbuild(struct arena *arena, struct str text, const char *source_name,
		const struct instruction **ret);
