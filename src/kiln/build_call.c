#include "kiln/build_call.h"

#include "base/nearest.h"
#include "build/context.h"
#include "graph/outline.h"
#include "oci/json.h"
#include "sys/fd.h"
#include "ui/check_report.h"
#include "ui/session.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum call_kind kind;
} kinds[] = {
	{ "build", CALL_BUILD },
	{ "check", CALL_CHECK },
	{ "lint", CALL_CHECK },
	{ "outline", CALL_OUTLINE },
	{ "targets", CALL_TARGETS },
	{ "subrequests.describe", CALL_DESCRIBE },
};

static FALLIBLE find_kind(struct str name, enum call_kind *ret)
{
	const char *names[COUNT(kinds)];
	AUTO_FREE char *text = str_dup(name);

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (str_is(name, kinds[i].name)) {
			*ret = kinds[i].kind;
			return NULL;
		}
		names[i] = kinds[i].name;
	}
	const char *near = text_nearest(text, names, COUNT(kinds));
	struct error *error = error_usage("option '--call': unknown '%s'", text);
	return near ? error_hint(error, "did you mean '%s'?", near)
		    : error_hint(error, "one of build, check, outline, targets, "
					"subrequests.describe");
}

FALLIBLE build_call_parse(const char *text, struct build_call *ret)
{
	struct str rest = str_of(text ? text : "build"), field = { 0 };
	bool more = str_cut(rest, ',', &field, &rest);

	/* buildx accepts the kind behind the format as well. */
	for (;; more = str_cut(rest, ',', &field, &rest)) {
		struct str name = { 0 }, value = { 0 };

		if (!str_cut(field, '=', &name, &value))
			TRY(find_kind(field, &ret->kind));
		else if (!str_is(name, "format"))
			return error_usage("option '--call': unknown field '%.*s'", STR_ARG(name));
		else if (str_is(value, "json"))
			ret->is_json = true;
		else if (!str_is(value, "text"))
			return error_usage("option '--call': format is text or json, not '%.*s'",
					STR_ARG(value));
		if (!more)
			return NULL;
	}
}

/* A base image may set variables and have another platform: look at them, as a build would. */
static FALLIBLE open_check(const struct session *session, const struct build_options *options,
		struct check *check)
{
	struct build_options filled = *options;
	const struct check_options check_options = { .build = &filled, .all_stages = true };

	filled.store = session->store;
	filled.registry = session->registry;
	filled.trust = session->trust;
	filled.podman = &session->podman;
	filled.cancel = session->cancel;
	struct error *error = check_open(&check_options, check);
	/* Its images borrow the store. */
	plan_free(TAKE(check->plan));
	return error;
}

/* What is no directory is unpacked, with owners that only a user namespace has. */
static FALLIBLE open_session(const struct invocation *invocation,
		const struct build_options *options, struct session *session)
{
	return session_open(invocation->config,
			SESSION_STORE | SESSION_REGISTRY |
					(context_is_directory(options->context) ? 0
										: SESSION_TREES),
			session);
}

/* As buildx has it of what is no build: {"result.json": ANSWER}. */
static FALLIBLE write_metadata(const char *path, const struct strbuf *answer)
{
	AUTO(json_out) struct json_out json = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	json_out_open(&json, NULL, '{');
	json_out_raw(&json, "result.json", strbuf_text(answer));
	json_out_close(&json, '}');
	json_out_indented(&json, &text);
	return file_write_named(path, strbuf_text(&text), text.n, 0644);
}

static FALLIBLE answer_check(const struct invocation *invocation, const struct build_call *call,
		const struct build_options *options, const char *metadata_file)
{
	/* The check's context lies in the store: it goes first. */
	AUTO(session) struct session session = { 0 };
	AUTO(check) struct check check = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 }, json = { 0 };

	TRY(open_session(invocation, options, &session));
	TRY(open_check(&session, options, &check));
	check_report(&check, call->is_json ? CHECK_JSON : CHECK_TEXT, invocation->config, &out);
	(void)fputs(strbuf_text(&out), stdout);
	if (metadata_file) {
		check_report(&check, CHECK_JSON, invocation->config, &json);
		TRY(write_metadata(metadata_file, &json));
	}
	check_tell_arguments(&check);
	return check_verdict(&check);
}

static void print_answer(enum call_kind kind, const struct check *check, enum outline_form form,
		struct strbuf *out)
{
	if (kind == CALL_DESCRIBE)
		subrequests_print(form, out);
	else if (kind == CALL_TARGETS)
		targets_print(check->file, form, out);
	else
		outline_print(check->file, check->plan, form, out);
}

FALLIBLE build_call_answer(const struct invocation *invocation, const struct build_call *call,
		const struct build_options *options, const char *metadata_file)
{
	struct build_options filled = *options;
	const struct check_options check_options = { .build = &filled, .is_offline = true };
	AUTO(session) struct session session = { 0 };
	enum outline_form form = call->is_json ? OUTLINE_JSON : OUTLINE_TEXT;
	AUTO(check) struct check check = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 }, json = { 0 };

	if (call->kind == CALL_CHECK)
		return answer_check(invocation, call, options, metadata_file);
	if (call->kind != CALL_DESCRIBE) {
		if (!context_is_directory(options->context)) {
			TRY(open_session(invocation, options, &session));
			filled.store = session.store;
			filled.registry = session.registry;
			filled.cancel = session.cancel;
		}
		TRY(check_open(&check_options, &check));
		/* A list of targets needs no plan that works out. */
		if (!check.file || (call->kind == CALL_OUTLINE && check.error))
			return TAKE(check.error);
	}
	print_answer(call->kind, &check, form, &out);
	(void)fputs(strbuf_text(&out), stdout);
	if (!metadata_file)
		return NULL;
	print_answer(call->kind, &check, OUTLINE_JSON, &json);
	return write_metadata(metadata_file, &json);
}
