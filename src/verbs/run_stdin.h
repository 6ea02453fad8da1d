/*
 * run_stdin: is there anything on standard input? With --layers a command that is given something
 * is not remembered, since what it was given is in no key.
 *
 * Floor: verbs.
 */
#pragma once
#include <stdbool.h>

/*
 * False for what surely has nothing: closed, /dev/null, a terminal (which a command gets with -t),
 * a file or a pipe at its end. True for an open pipe, even if nobody has written to it yet.
 */
bool run_stdin_has_input(int fd);
