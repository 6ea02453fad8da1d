/*
 * Checks that need to know what variables and base images are: UndefinedVar,
 * InvalidBaseImagePlatform, CopyIgnoredFile. The texts are BuildKit's.
 */
#include "base/nearest.h"
#include "dockerfile/ignore.h"
#include "dockerfile/lint.h"
#include "graph/lower.h"

#include <string.h>

/* Names that BuildKit's scanner reads by itself; a Dockerfile need not declare them. */
static const char *const not_variables[] = { "BUILDKIT_SBOM_SCAN_CONTEXT",
	"BUILDKIT_SBOM_SCAN_STAGE" };

/* Suggestions for the first mistakes: work stays bounded. */
enum { SUGGEST_TIMES = 200, SUGGEST_NAMES = 1000, REPORT_TIMES = 100 };

static void add_names(const struct list *assignments, struct list *names)
{
	for (size_t i = 0; i < assignments->n && names->n < SUGGEST_NAMES; i++) {
		AUTO_FREE char *name = xstrndup(assignments->p[i], strcspn(assignments->p[i], "="));

		list_add(names, name);
	}
}

/*
 * "" when nothing comes near, or the very name is known to the file: then it is not misspelt but
 * missing here, as the global ARGs are in a stage that does not declare them.
 */
static const char *suggestion(struct lower *lower, const struct scope *scope, const char *name)
{
	AUTO(list) struct list names = { 0 };

	if (++lower->guesses > SUGGEST_TIMES)
		return "";
	add_names(&lower->globals.visible, &names);
	add_names(&scope->visible, &names);
	add_names(&scope->declared, &names);
	const char *nearest = text_nearest(name, (const char *const *)names.p, names.n);
	return nearest && strcmp(nearest, name) != 0
			       ? arena_printf(lower->arena, " (did you mean $%s?)", nearest)
			       : "";
}

/* One letter wrong, missing or too many, or two that changed places. */
static bool is_slip(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), same = 0;

	if (strcmp(a, b) == 0)
		return false;
	while (a[same] && a[same] == b[same])
		same++;
	if (n == m)
		return strcmp(a + same + 1, b + same + 1) == 0 ||
		       (a[same] == b[same + 1] && a[same + 1] == b[same] && a[same + 1] &&
				       strcmp(a + same + 2, b + same + 2) == 0);
	return n > m ? n == m + 1 && strcmp(a + same + 1, b + same) == 0
		     : m == n + 1 && strcmp(a + same, b + same + 1) == 0;
}

/* A name of the file itself that this one surely meant. */
static bool is_misspelt(const struct list *names, const char *name)
{
	for (size_t i = 0; i < names->n && i < SUGGEST_NAMES; i++) {
		AUTO_FREE char *other = xstrndup(names->p[i], strcspn(names->p[i], "="));

		if (strlen(other) > 3 && is_slip(name, other))
			return true;
	}
	return false;
}

void lower_lint_variable(
		struct lower *lower, struct scope *scope, const char *name, struct source_range at)
{
	/* UndefinedArgInFrom speaks of what FROM lines name. */
	if (!lower->input->lint || scope == &lower->globals ||
			named_has(&scope->declared, &scope->declared_at, name) ||
			lower->reported.n >= REPORT_TIMES || list_has(&lower->reported, name))
		return;
	for (size_t i = 0; i < COUNT(not_variables); i++)
		if (strcmp(not_variables[i], name) == 0)
			return;
	if (plan_is_proxy_arg(name))
		return;
	/* A base image that was not opened may well set it; a slip of the pen is still odd. */
	if (scope->has_unknown_env &&
			(++lower->guesses > SUGGEST_TIMES ||
					(!is_misspelt(&scope->visible, name) &&
							!is_misspelt(&scope->declared, name))))
		return;
	const char *meant = suggestion(lower, scope, name);
	list_add(&lower->reported, name);
	lint_add(lower->input->lint, lint_rule_find("UndefinedVar"), at, NULL,
			"Usage of undefined variable '$%s'%s", name, meant);
}

/* The variable that a word of FROM begins with "$": the nearest one that there is, or NULL. */
const char *lower_meant_global(const struct lower *lower, const char *word)
{
	AUTO(list) struct list names = { 0 };
	const char *start = strchr(word, '$');

	if (!start)
		return NULL;
	start += start[1] == '{' ? 2 : 1;
	AUTO_FREE char *name = xstrndup(start, strspn(start, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							     "abcdefghijklmnopqrstuvwxyz"
							     "0123456789_"));
	add_names(&lower->globals.visible, &names);
	const char *nearest =
			list_has(&names, name)
					? NULL
					: text_nearest(name, (const char *const *)names.p, names.n);
	return nearest ? arena_text(lower->arena, nearest) : NULL;
}

void lower_lint_base(struct lower *lower, const struct lowered *stage)
{
	const struct plan_image *base = stage->out->base.image;
	char wanted[PLATFORM_TEXT], got[PLATFORM_TEXT];

	if (!lower->input->lint || !base->image)
		return;
	const struct platform *platform = &base->image->config.platform;
	if (!platform->os[0] ||
			(strcmp(platform->os, stage->out->platform.os) == 0 &&
					strcmp(platform->architecture,
							stage->out->platform.architecture) == 0))
		return;
	lint_add(lower->input->lint, lint_rule_find("InvalidBaseImagePlatform"), base->at, NULL,
			"Base image %s was pulled with platform \"%s\", expected \"%s\" for "
			"current "
			"build",
			base->name, platform_text(platform, got),
			platform_text(&stage->out->platform, wanted));
}

/* Of a pattern the directory that all it can match is in, "" for the context. */
static const char *literal_part(const struct lower *lower, const char *path)
{
	struct str part = str_slice(str_of(path), 0, strcspn(path, "*?[\\"));

	if (part.n == strlen(path))
		return path;
	size_t slash = str_find_last(part, '/');
	return arena_str(lower->arena, str_slice(part, 0, slash < part.n ? slash : 0));
}

/* Left out, and no exception of the ignore file can bring back something of it. */
static bool is_left_out(const struct lower *lower, const char *path)
{
	const struct ignore *ignore = lower->input->ignore;
	const char *literal = literal_part(lower, path);

	if (!*path || !*literal)
		return !ignore_has_exceptions(ignore) &&
		       (*path ? ignore_matches(ignore, path) : ignore_has_everything(ignore));
	return ignore_matches(ignore, path) && ignore_may_skip_dir(ignore, literal);
}

void lower_lint_copy(struct lower *lower, const struct instruction *in, const char *path,
		struct source_range at)
{
	const struct ignore *ignore = lower->input->ignore;

	if (!lower->input->lint || ignore_is_empty(ignore))
		return;
	const char *clean = lower_path(lower->arena, "/", path) + 1;
	if (is_left_out(lower, clean))
		lint_add(lower->input->lint, lint_rule_find("CopyIgnoredFile"), at,
				"name another file, or take the pattern out of .dockerignore",
				"Attempting to %s file \"%s\" that is excluded by .dockerignore",
				in->kind == INSTRUCTION_ADD ? "Add" : "Copy", *clean ? clean : ".");
}
