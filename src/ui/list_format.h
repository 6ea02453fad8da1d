/*
 * list_format: --format of lists as Buildah and Podman print them: spaces and \t of the template,
 * outside of braces, stand between columns, which are aligned over all rows; "table " in front puts
 * a line of headings on top.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

#include <jansson.h>

/* rows: an array of objects (template.h). heads: {"Name": "REPOSITORY"}. */
FALLIBLE list_format(const char *format, json_t *rows, json_t *heads, struct strbuf *out);
