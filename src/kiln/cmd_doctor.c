#include "kiln/commands.h"

#include "base/auto.h"
#include "sys/probe.h"
#include "ui/config.h"
#include "ui/plain_text.h"
#include "ui/session.h"

#include <stdio.h>

static void add_finding(const struct probe_finding *finding, struct strbuf *out)
{
	static const char *const marks[] = {
		[FINDING_OK] = "ok      ",
		[FINDING_MISSING] = "MISSING ",
		[FINDING_OPTIONAL] = "optional",
	};

	strbuf_addf(out, "%s  %s: ", marks[finding->state], finding->name);
	plain_text_escape(str_of(finding->detail), out);
	strbuf_add_char(out, '\n');
	if (finding->advice) {
		strbuf_add(out, "            -> ");
		plain_text_escape(str_of(finding->advice), out);
		strbuf_add_char(out, '\n');
	}
}

static void add_choice(const struct userns *userns, struct strbuf *out)
{
	strbuf_addf(out, "\nSteps run with isolation '%s'", userns_mode_name(userns->mode));
	if (userns->reason[0]) {
		strbuf_add(out, "; no better one: ");
		plain_text_escape(str_of(userns->reason), out);
	}
	strbuf_add(out, ".\n");
}

/* What is looked at leaves nothing behind; the choice comes last because entering changes us. */
static struct error *run(const struct invocation *call)
{
	struct probe_findings findings = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO(session) struct session session = { 0 };

	probe_all(call->config->root, &findings);
	for (size_t i = 0; i < findings.n; i++)
		add_finding(&findings.p[i], &out);
	probe_findings_done(&findings);

	struct error *error = session_open(call->config, SESSION_TREES, &session);

	if (!error)
		add_choice(&session.userns, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return error;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "Tell what this machine allows, and what to do for better",
	.run = run,
};
