/*
 * bare_tree: the processes of a step where no pid namespace holds them together: all descendants of
 * this process, which is their subreaper (prctl(2)), so that none gets away by losing its parent.
 *
 * proc_fd: the root of a /proc that shows our own numbers; -1: /proc.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* To each of them. */
void bare_tree_signal(int proc_fd, int number);
/* To each but that child of ours (not its children). */
void bare_tree_signal_but(int number, pid_t spared);
/* True when that child of ours has no child itself, and there are other processes of the step. */
bool bare_tree_is_left(pid_t child);
/* Kill and reap until none is left but the spared ones (0: unused), which are children of ours. */
void bare_tree_end(int proc_fd, const pid_t *spared, size_t n);
/* Whether it shows our numbers: in a nested container /proc may be another namespace's. */
bool bare_tree_is_seen(int proc_fd);
