/*
 * fill: each instruction's part of the union, from arguments that are split and flags that are
 * checked. For builder.c only.
 *
 * Floor: dockerfile (pure). Spec: features.md 3.2.
 */
#pragma once
#include "dockerfile/args.h"

FALLIBLE fill_arg(const struct source *source, struct instruction *instruction);
/* CMD, ENTRYPOINT. */
FALLIBLE fill_command(const struct source *source, struct instruction *instruction);
/* COPY, ADD. */
FALLIBLE fill_copy(const struct source *source, struct instruction *instruction);
FALLIBLE fill_from(const struct source *source, struct instruction *instruction);
FALLIBLE fill_healthcheck(const struct source *source, struct instruction *instruction);
/* The trigger is finished as well. */
FALLIBLE fill_onbuild(const struct source *source, struct instruction *instruction);
/* ENV, LABEL. */
FALLIBLE fill_pairs(const struct source *source, struct instruction *instruction);
FALLIBLE fill_run(const struct source *source, struct instruction *instruction);
FALLIBLE fill_shell(const struct source *source, struct instruction *instruction);
/* WORKDIR, USER, STOPSIGNAL, MAINTAINER. */
FALLIBLE fill_word(const struct source *source, struct instruction *instruction);
/* EXPOSE, VOLUME. */
FALLIBLE fill_words(const struct source *source, struct instruction *instruction);

/* "NAME what" as ERR_INVALID at the instruction. */
FALLIBLE fill_error(const struct instruction *instruction, const char *what);
