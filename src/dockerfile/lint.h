/*
 * lint: checks on a Dockerfile that parses: BuildKit's rules by their names.
 *
 * Rules that need the file alone run in lint_run(). Those that need expanded arguments, images or
 * the context are known here too (for # check=skip and for the tables in the docs) and are reported
 * by the plan through lint_add().
 *
 * Floor: dockerfile (pure). Spec: docs.docker.com/reference/build-checks; features.md 3.9.
 */
#pragma once
#include "base/arena.h"
#include "base/vec.h"
#include "dockerfile/parser.h"

struct lint;

struct lint_rule {
	const char *name, *description, *url;
	bool is_experimental; /* runs only when "# check=experimental=" asks for it */
	/* What lint_run() calls, once a file; NULL for rules that the plan reports. */
	void (*check)(struct lint *lint, const struct lint_rule *rule);
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
	VEC(struct lint_warning) warnings;
};

/* "skip=A,B;error=true": ERR_INVALID quoting what is wrong. The empty text is the default. */
FALLIBLE lint_config_parse(struct str text, struct lint_config *ret);
void lint_config_done(struct lint_config *config);

/* All borrowed; warnings are { 0 } at first. */
void lint_init(struct lint *lint, const struct dockerfile *file, const struct lint_config *config,
		struct arena *arena);
void lint_done(struct lint *lint);

/* Run every rule that needs the file alone; warnings are sorted by place. */
void lint_run(struct lint *lint);

/* Report, unless config skips the rule. */
void lint_add(struct lint *lint, const struct lint_rule *rule, struct source_range at,
		const char *detail, const char *format, ...) PRINTF_LIKE(5, 6);

const struct lint_rule *lint_rule_find(const char *name); /* NULL when unknown */
const struct lint_rule *lint_rules(size_t *ret_count);

DEFINE_AUTO_VALUE(lint_config)
DEFINE_AUTO_VALUE(lint)
