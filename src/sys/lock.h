/*
 * lock: locks between processes, on files (open-file-description locks), released by the kernel
 * when the holder dies.
 *
 * Floor: sys.
 */
#pragma once
#include "base/error.h"
#include "sys/cancel.h"
#include <stdbool.h>

/*
 * Take a lock on fd (the whole file). Waits, polling cancel, unless wait is false, which gives
 * ERR_BUSY when somebody holds it.
 */
FALLIBLE lock_take(int fd, bool exclusive, bool wait, struct cancel *cancel);
void lock_release(int fd);
