/*
 * check_report: what a check found, as text for people, or as JSON or SARIF for programs.
 *
 *	WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/…
 *	JSON arguments recommended for CMD to prevent …
 *	  --> Dockerfile:3:1
 *	   |
 *	 3 | CMD echo hi
 *	   | ^^^^^^^^^^^
 *	  hint: what to write instead
 *
 * Floor: ui.
 */
#pragma once
#include "build/check.h"
#include "ui/report.h"

struct config;

enum check_form { CHECK_TEXT = 0, CHECK_JSON, CHECK_SARIF };

/* All of it, for standard output. */
void check_report(const struct check *check, enum check_form form, const struct config *config,
		struct strbuf *out);
/*
 * What the command ends with: the error that a build would end with, or how many warnings there
 * are; NULL when there is nothing to say, or only JSON was asked for and there are no warnings.
 */
/* The build arguments that nothing takes, on standard error. */
void check_tell_arguments(const struct check *check);
struct error *check_verdict(struct check *check);
