/*
 * template_value: what template.c makes of values: when one counts as true, how it is printed, and
 * the functions that take some and give one.
 *
 * Floor: ui (pure; private to template*.c). Spec: Go text/template, "Functions"; fmt's %v.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <jansson.h>

enum { TEMPLATE_ARGS_MAX = 16 };

struct template_call {
	json_t *args[TEMPLATE_ARGS_MAX]; /* owned */
	size_t n;
};

/* *ret is a new reference. At least one argument is there. */
typedef struct error *template_function(const struct template_call *call, json_t **ret);

bool template_is_true(const json_t *value);
/* What an action prints; nothing has words of its own there. */
void template_print_result(const json_t *value, struct strbuf *out);
/* As Go's %v. */
void template_print_value(const json_t *value, struct strbuf *out);
/* NULL: there is no such function. */
template_function *template_find(const char *name);
/* printf, print and println: template_format.c. */
FALLIBLE template_printf(const struct template_call *call, json_t **ret);
FALLIBLE template_printed(const struct template_call *call, json_t **ret);
FALLIBLE template_println(const struct template_call *call, json_t **ret);
void template_call_done(struct template_call *call);

DEFINE_AUTO_VALUE(template_call)
