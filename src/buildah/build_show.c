#include "buildah/build_show.h"

#include "base/str.h"
#include "buildah/build_logs.h"
#include "ui/renderer.h"

#include <stdio.h>
#include <unistd.h>

FALLIBLE build_show_open(
		const struct config *config, const struct build_view *view, struct show *ret)
{
	bool is_seen = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
	bool is_ours = is_seen || !text_equal(config->progress, "auto");
	bool is_split = view->logs && view->logs->is_split;
	const struct steps_view steps = { view->commit, view->tells_usage,
		view->logs ? build_logs_take : NULL, view->logs };

	if (view->quiet || (is_ours && !view->tells_usage && !is_split))
		return show_open(config, view->quiet, ret);
	return show_open_on(view->spares_stdout ? STDERR_FILENO : STDOUT_FILENO,
			renderer_steps(&steps), ret);
}

void build_show_made(const struct build_view *view, const struct build_result *result)
{
	FILE *out = view->spares_stdout ? stderr : stdout;
	char hex[DIGEST_HEX];

	if (view->quiet || !digest_known(&result->image_id))
		return;
	(void)fprintf(out, "--> %.12s\n", digest_hex(&result->image_id, hex));
	for (size_t i = 0; i < result->names.n; i++)
		(void)fprintf(out, "Successfully tagged %s\n", result->names.p[i]);
}
