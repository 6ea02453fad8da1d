/*
 * launch: asking the helper for a PID 1. What sandbox_run and the network share.
 *
 * Floor: sandbox.
 */
#pragma once
#include "base/error.h"

/*
 * A stream socket pair: what is written into ours before theirs is handed over waits there, so
 * that the next PID 1 finds it at once. Any thread.
 */
FALLIBLE launch_pair(int *ret_ours, int *ret_theirs);
FALLIBLE launch_hand_over(int control_fd, int theirs_fd);
