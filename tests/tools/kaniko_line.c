/*
 * kaniko_line: reads a command line of the executor as main does, with all its checks, and builds
 * nothing. For tests of files that hold such lines (tests/tools/deploy.bats).
 */
#include "kaniko/executor.h"
#include "ui/config.h"
#include "ui/report.h"

#include <stdio.h>
#include <unistd.h>

static FALLIBLE read_line(const char *const *words, size_t n)
{
	struct parsed parsed = { 0 };
	AUTO(list) struct list settings = { 0 };
	AUTO(config) struct config *config = NULL;
	AUTO(request) struct request request = { .stdin_fd = -1 };
	struct kaniko_log log;
	struct error *error = options_parse(
			&executor_program, executor_program.fallback, words, n, &parsed);

	if (!error)
		error = kaniko_settings(parsed.global_opts, &settings);
	if (!error)
		error = config_load(&(struct config_origin){ NULL, (const char *const *)environ,
						    &settings },
				&config);
	if (!error) {
		kaniko_log_init(parsed.global_opts, &log);
		error = request_make(parsed.global_opts, parsed.opts, &log, &request);
	}
	parsed_done(&parsed);
	return error;
}

int main(int argc, char **argv)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct error *error = read_line((const char *const *)argv + 1, (size_t)argc - 1);

	if (!error)
		return 0;
	error_text(error, &text);
	(void)fprintf(stderr, "%s\n", strbuf_text(&text));
	error_free(error);
	return 1;
}
