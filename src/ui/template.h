/*
 * template: the part of Go's text templates that people type behind --format, over a JSON value.
 *
 *	{{.Name}} {{.Config.Env}} {{.}} {{$v}}     fields; lists print as [a b], objects as map[k:v]
 *	{{json .X}} {{len .X}} {{index .X 0 "k"}} {{join .X ","}} {{upper .X}} {{lower .X}}
 *	{{printf "%-8s %q" .X .Y}} {{print .X}} {{println .X}}     %s %v %d %q %t %x
 *	{{.X | json}}
 *	{{if .X}} … {{else if eq .Y "z"}} … {{else}} … {{end}}     with not, eq, ne, and, or
 *	{{range .X}} … {{else}} … {{end}}, {{range $k, $v := .X}}, {{with .X}} … {{end}}
 *	{{- trims before and behind -}}, {{"text"}}, comments
 *
 * \n, \t and \\ outside of braces are what they say. A field that is not there, or anything else
 * between braces, is error_usage that quotes it.
 *
 * Text from the value is printed as it is: for scripts. Floor: ui (pure). Spec: Go text/template.
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

#include <jansson.h>

FALLIBLE template_print(const char *format, json_t *value, struct strbuf *out);
