/*
 * exports: layers of the image become blobs, and start their way to a registry, while later steps
 * run. A few threads take them in turn; one is made at a time, since each uses all CPUs through the
 * pool, while others are sent.
 *
 * Floor: build. Layers are added by one thread at a time.
 */
#pragma once
#include "build/stack.h"

struct build;
struct exports;

struct exports *exports_new(struct build *build);
/* The topmost layer of the stack (copied) as a blob; sent ahead to where the image will go. */
void exports_add(struct exports *exports, const struct stack *stack);
/* Wait for all; the first error. Nothing may be added after it. */
FALLIBLE exports_join(struct exports *exports);
/* Gives up what is not begun, waits for what is. NULL is fine. */
void exports_free(struct exports *exports);
