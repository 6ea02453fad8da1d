/*
 * lint: checks on a Dockerfile that parses: BuildKit's rules by their names, and kiln's own.
 *
 * Rules that need the file alone run in lint_run(). Those that need expanded arguments, images or
 * the context are known here too (for # check=skip and for the tables in the docs) and are reported
 * by the plan through lint_add().
 *
 * kiln's own rules run where with_own is set: in 'kiln check', never in a build, so that a build
 * warns of what BuildKit's would. docs/checks.md has a section for each rule.
 *
 * Floor: dockerfile (pure). Spec: docs.docker.com/reference/build-checks; features.md 3.9.
 */
#pragma once
#include "base/arena.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "dockerfile/parser.h"

struct lint;

struct lint_rule {
	const char *name, *description, *url;
	/* What lint_run() calls, once a file; NULL for rules that the plan reports. */
	void (*check)(struct lint *lint, const struct lint_rule *rule);
	bool is_experimental; /* runs only when "# check=experimental=" asks for it */
	bool is_own;          /* kiln's, not BuildKit's */
	bool is_early;        /* BuildKit runs it while it parses: lint_run_early() */
	bool is_staged; /* about what a stage does: unsaid of stages that a build leaves out */
};

struct lint_warning {
	const struct lint_rule *rule;
	const char *message;
	struct source_range at;
	const char *detail; /* what to write instead, or NULL */
};

/* What "# check=skip=A,B;error=true;experimental=C" and BUILDKIT_DOCKERFILE_CHECK say. */
struct lint_config {
	struct list skip, experimental;
	bool skip_all, experimental_all, is_error;
};

struct lint {
	const struct dockerfile *file;
	const struct lint_config *config;
	struct arena *arena; /* of the messages; borrowed */
	bool with_own;       /* run kiln's own rules as well */
	const bool *built;   /* by number of stage, borrowed; NULL is all of them */
	VEC(struct lint_warning) warnings;
};

/* "skip=A,B;error=true": ERR_INVALID quoting what is wrong. The empty text is the default. */
FALLIBLE lint_config_parse(struct str text, struct lint_config *ret);
/* Further names to skip, "A,B" or "all". */
void lint_config_skip(struct lint_config *config, struct str names);
void lint_config_done(struct lint_config *config);

/* All borrowed; warnings are { 0 } at first. */
void lint_init(struct lint *lint, const struct dockerfile *file, const struct lint_config *config,
		struct arena *arena);
void lint_done(struct lint *lint);

/* Run every rule that needs the file alone; warnings, the plan's too, are sorted by place then. */
void lint_run(struct lint *lint);

/*
 * For a file that does not parse: on what stands before the mistake, run those rules alone that
 * BuildKit would have run by then.
 */
void lint_run_early(struct lint *lint);

/*
 * Report, unless config skips the rule, or "# check=skip=..." right above the instruction does, or
 * a staged rule speaks of a stage that is not built.
 */
void lint_add(struct lint *lint, const struct lint_rule *rule, struct source_range at,
		const char *detail, const char *format, ...) PRINTF_LIKE(5, 6);

const struct lint_rule *lint_rule_find(const char *name); /* NULL when unknown */
/* BuildKit's rules, and kiln's own. */
const struct lint_rule *lint_rules(size_t *ret_count);
const struct lint_rule *lint_own_rules(size_t *ret_count);

/*
 * The error that "# check=error=true" asks for, naming the rules that warned, each once. NULL when
 * nobody asked, or nothing was found.
 */
struct error *lint_violation(const struct lint *lint);

/* Is a comment one of "check=..."? *ret is what stands behind the "=". */
bool lint_is_options(const char *comment, struct str *ret);

/*
 * As BuildKit's subrequest "lint" prints it (warnings, sources, buildError), and as SARIF 2.1.0.
 * error is what stopped the parser (is_parse_error) or the plan, or NULL; version is kiln's. Lines
 * end the output.
 */
void lint_print_json(const struct lint *lint, const char *name, struct str text,
		const struct error *error, bool is_parse_error, struct strbuf *out);
void lint_print_sarif(const struct lint *lint, const char *name, const char *version,
		const struct error *error, struct strbuf *out);

DEFINE_AUTO_VALUE(lint_config)
DEFINE_AUTO_VALUE(lint)
