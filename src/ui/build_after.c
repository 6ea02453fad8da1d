#include "ui/build_after.h"
#include "base/log.h"
#include "build/explain.h"
#include "ui/explain_show.h"

#include <stdio.h>

enum { FILES_SHOWN = 10 };

static FALLIBLE explain(struct store *store, const char *id)
{
	AUTO(explained) struct explained told = { 0 };
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

void build_after(const struct session *session, const struct build_result *result,
		const struct build_after *wanted)
{
	if (wanted->explain && result->build_id[0])
		warn("explain the build", explain(session->store, result->build_id));
}
