/*
 * kiln check on any text: frontend, parser, plan of every stage with base images unknown, all
 * rules, outline, and what JSON and SARIF make of it. Beyond not crashing: every warning has a
 * place, and both documents are JSON.
 */
#include "dockerfile/frontend.h"
#include "dockerfile/ignore.h"
#include "dockerfile/lint.h"
#include "graph/outline.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static struct error *leave_closed(void *user, struct plan_image *const *images, size_t n)
{
	(void)user;
	(void)images;
	(void)n;
	return NULL;
}

static void is_json(struct strbuf *text)
{
	json_t *tree = json_loadb(text->p, text->n, 0, NULL);

	require(tree != NULL);
	json_decref(tree);
	strbuf_clear(text);
}

static void print_all(const struct lint *lint, struct str text, const struct error *error)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < lint->warnings.n; i++)
		require(lint->warnings.p[i].at.line > 0);
	lint_print_json(lint, "Dockerfile", text, error, text.n % 2, &out);
	is_json(&out);
	lint_print_sarif(lint, "Dockerfile", "1", error, &out);
	is_json(&out);
}

static void check_file(const struct dockerfile *file, struct str text)
{
	AUTO(arena) struct arena *arena = arena_new();
	AUTO(ignore) struct ignore *ignore = NULL;
	AUTO(lint_config) struct lint_config config = { 0 };
	AUTO(lint) struct lint lint = { 0 };
	AUTO(plan) struct plan *plan = NULL;
	AUTO(strbuf) struct strbuf out = { 0 };
	struct plan_input input = {
		.file = file,
		.platform = platform_host(),
		.build_platform = platform_host(),
		.open_images = leave_closed,
		.lint = &lint,
		.all_stages = true,
	};

	error_free(ignore_parse(STR("a\nb*\n"), ".dockerignore", &ignore));
	input.ignore = ignore;
	error_free(lint_config_parse(str_of(file->directives.check.text), &config));
	lint_init(&lint, file, &config, arena);
	lint.with_own = true;
	struct error *error = plan_new(&input, &plan);
	lint_run(&lint);
	print_all(&lint, text, error);
	if (!error)
		outline_print(file, plan, OUTLINE_JSON, &out);
	if (!error)
		is_json(&out);
	targets_print(file, OUTLINE_JSON, &out);
	is_json(&out);
	error_free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	struct str text = { (const char *)bytes, size };

	error_free(frontend_check(text, "Dockerfile", NULL));
	struct error *error = dockerfile_parse(text, "Dockerfile", &file);
	if (!error)
		check_file(file, text);
	error_free(error);
	return 0;
}
