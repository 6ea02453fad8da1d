/*
 * pool: workers for jobs that run to completion and never wait for another job of the pool
 * (compress a block, hash a file). The tools for what does wait are group and pipe (house style
 * 4.7), included here for convenience.
 *
 * Floor: stream. Safe from any thread.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "stream/group.h"
#include "stream/pipe.h"

struct pool;

/* workers 0: one per CPU in our affinity mask (at least 1). Threads start on first use. */
struct pool *pool_new(unsigned workers);
void pool_free(struct pool *pool); /* waits for all jobs */
unsigned pool_workers(const struct pool *pool);
/*
 * Queue a job; run must not fail: its errors live in job. Blocks while too many are queued, so a
 * job must not submit another one. Where no thread can be started at all, the job runs in here.
 */
void pool_submit(struct pool *pool, void (*run)(void *job), void *job);

DEFINE_AUTO_PTR(pool, pool_free)
