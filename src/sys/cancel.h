/*
 * cancel: one token per build that says "stop". Everything that blocks takes it.
 *
 * Floor: sys. cancel_set() is safe from any thread and from a signal handler.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>

struct cancel;

struct cancel *cancel_new(void);
void cancel_free(struct cancel *cancel);
void cancel_set(struct cancel *cancel);
/* NULL is a token that is never set. */
bool cancel_is_set(const struct cancel *cancel);
/* ERR_CANCELED when set. */
FALLIBLE cancel_check(const struct cancel *cancel);
/* Readable once set; for poll(). -1 for NULL. */
int cancel_fd(const struct cancel *cancel);

DEFINE_AUTO_PTR(cancel, cancel_free)
