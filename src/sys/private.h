/*
 * private: our memory is nobody else's business. For processes that hold secrets.
 *
 * Floor: sys.
 */
#pragma once

/*
 * From now on: no core dump, and no other process of the same user may read our memory, environment
 * or fds (/proc/PID, ptrace). Stays until the next execve().
 */
void private_begin(void);
