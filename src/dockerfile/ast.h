/*
 * ast: a parsed Dockerfile as text, one JSON object a line for each instruction, for editors, tools
 * and tests (kiln check --format ast):
 *
 *	{"cmd":"copy","line":3,"end_line":6,"flags":["--chmod=755"],"args":["<<EOF","/x"],
 *	 "json":false,"heredocs":[{"name":"EOF","content":"...","expand":true,"chomp":false}],
 *	 "inner":null}
 *
 * Floor: dockerfile (pure). Spec: issue 3, point 5.
 */
#pragma once
#include "base/strbuf.h"
#include "dockerfile/parser.h"

void ast_print(const struct dockerfile *file, struct strbuf *out);
void ast_print_instruction(const struct instruction *instruction, struct strbuf *out);
