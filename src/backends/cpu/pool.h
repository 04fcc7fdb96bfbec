/* A fork-join pool of threads. One job at a time: items are taken from a shared counter, so a
   slow thread takes fewer. Which thread computes an item never changes its bits; that is up to the
   items, each of which writes its own part of the result in an order of its own.

   A worker waits for the next job by spinning for some microseconds, as the next operation of a
   program comes at once, and then sleeps: an idle pool costs nothing.

   Threads: a pool belongs to the thread that made it; that thread alone runs jobs and frees it. */
#ifndef GM_CPU_POOL_H
#define GM_CPU_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct gm_pool;

enum { GM_POOL_THREADS_MAX = 1024 };

/* `thread_count` threads compute, the calling one among them; 0 means as many as the affinity mask
   and the control group allow. With `bind`, and as many threads as the mask has cores, each thread,
   the caller's included, is bound to a core of its own until the pool is freed; with fewer, they
   stay inside the mask but unbound, so that two programs with one thread each do not meet on the
   first core. */
enum gm_status gm_pool_new(size_t thread_count, bool bind, struct gm_pool **out,
                           struct gm_error *err) GM_MUST_USE;
/* NULL is allowed. Waits until every thread has ended. */
void gm_pool_free(struct gm_pool *pool);

/* 1 for NULL. */
size_t gm_pool_thread_count(const struct gm_pool *pool);

/* Calls `fn(ctx, item_index, thread_index)` once for every item_index < item_count, and returns
   when all have returned. thread_index < gm_pool_thread_count; no two calls that overlap share
   one, so it can pick a scratch area. What an item wrote is visible to the caller afterwards.
   `fn` must not call gm_pool_run on the same pool. A NULL pool runs all in the calling thread.
   The floating-point mode is the profile's (fpmode.h) in every call of `fn`. */
void gm_pool_run(struct gm_pool *pool, size_t item_count,
                 void (*fn)(void *ctx, size_t item_index, size_t thread_index), void *ctx);

#endif
