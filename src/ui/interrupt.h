/*
 * interrupt: Ctrl-C and its kin become a set cancel token. A thread of its own waits on a signalfd,
 * so no code of ours runs in a signal handler.
 *
 * The first SIGINT, SIGTERM or SIGHUP sets the token and the work ends in good order. The second
 * ends the process at once; what runs in a sandbox dies with it.
 *
 * Start it after userns_enter() and sandbox_start(), before any other thread: the signals are
 * blocked in this thread and in those it starts.
 *
 * Floor: ui. One for a process.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "sys/cancel.h"

struct interrupt;

/* Borrows cancel until interrupt_stop(). */
FALLIBLE interrupt_start(struct cancel *cancel, struct interrupt **ret);
void interrupt_stop(struct interrupt *interrupt);

DEFINE_AUTO_PTR(interrupt, interrupt_stop)
