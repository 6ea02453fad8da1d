#include "ui/build_after.h"
#include "base/log.h"
#include "build/explain.h"
#include "store/prune.h"
#include "ui/explain_show.h"
#include "ui/plain_text.h"

#include <stdio.h>

enum { FILES_SHOWN = 10 };

static FALLIBLE explain(struct store *store, const char *id)
{
	AUTO(explained_list) struct explained_list told = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };

	TRY(explain_build(store, id, &told));
	explain_show(&told, EXPLAIN_TEXT, FILES_SHOWN, &out);
	(void)fputs(strbuf_text(&out), stderr);
	return NULL;
}

static void warn(const char *what, struct error *error)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!error)
		return;
	error_text(error, &text);
	(void)fprintf(stderr, "kiln: warning: %s: %s\n", what, strbuf_text(&text));
	error_free(error);
}

static FALLIBLE prune(const struct session *session)
{
	const struct config *config = session->config;
	struct gc_bounds bounds = { config->gc_max_used_space, config->gc_min_free_space,
		(uint64_t)config->gc_keep_duration / 1000000000 };
	struct prune_report report = { 0 };
	bool ran = false;

	TRY(store_gc(session->store, &bounds, &ran, &report));
	if (ran)
		log_info("pruned %llu bytes, kept %llu", (unsigned long long)report.bytes,
				(unsigned long long)report.kept_bytes);
	return NULL;
}

void build_after(const struct session *session, const struct build_result *result,
		const struct build_after *wanted)
{
	if (wanted->explain && result->build_id[0])
		warn("explain the build", explain(session->store, result->build_id));
	warn("prune the store", prune(session));
}

FALLIBLE build_verdict(const struct build_result *result)
{
	const struct build_verified *verified = &result->verified;

	for (size_t i = 0; i < verified->texts.n; i++) {
		AUTO(strbuf) struct strbuf line = { 0 };

		plain_text_escape(str_of(verified->texts.p[i]), &line);
		(void)fprintf(stderr, "%s\n", strbuf_text(&line));
	}
	(void)fprintf(stderr, "%zu cached steps were run again: %zu make the same files",
			verified->steps, verified->steps - verified->unlike);
	if (verified->timed)
		(void)fprintf(stderr, " (%zu with other times)", verified->timed);
	(void)fprintf(stderr, ", %zu do not\n", verified->unlike);
	if (!verified->unlike)
		return NULL;
	return error_hint(
			error_code(ERR_EXIT, EXIT_UNLIKE, "%zu step%s not reproducible",
					verified->unlike, verified->unlike == 1 ? " is" : "s are"),
			"the image has the cached results; on another machine it would be another");
}
