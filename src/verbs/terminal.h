/*
 * terminal: a terminal of its own for a command in a container, joined to ours.
 *
 * Floor: verbs. One at a time.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"

struct terminal;

/* *ret_fd is the command's side, borrowed. Ours goes raw if it is a terminal. */
FALLIBLE terminal_open(struct terminal **ret, int *ret_fd);
/* Everything that the command wrote is out; ours is as it was. NULL is fine. */
void terminal_close(struct terminal *terminal);

DEFINE_AUTO_PTR(terminal, terminal_close)
