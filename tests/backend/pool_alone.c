/* A pool that has one thread and says it has more: for programs that are built for another
   processor, where hwloc is not at hand. Work is cut up and handed out as for many. */
#include "backends/cpu/pool.h"

#include <stdint.h>

#include "backends/cpu/fpmode.h"
#include "base/mem.h"

struct gm_pool {
    size_t thread_count;
};

enum gm_status gm_pool_new(size_t thread_count, bool bind, struct gm_pool **out,
                           struct gm_error *err)
{
    (void)bind;
    *out = gm_mem_new(1, sizeof **out);
    if (*out == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for a pool");
    (*out)->thread_count = thread_count > 0 ? thread_count : 1;
    return GM_OK;
}

void gm_pool_free(struct gm_pool *pool)
{
    gm_mem_free(pool);
}

size_t gm_pool_thread_count(const struct gm_pool *pool)
{
    return pool != NULL ? pool->thread_count : 1;
}

/* Backwards, and each item as another thread: an order no item may depend on. */
void gm_pool_run(struct gm_pool *pool, size_t item_count,
                 void (*fn)(void *ctx, size_t item_index, size_t thread_index), void *ctx)
{
    uint64_t mode = gm_fpmode_enter();
    for (size_t i = item_count; i-- > 0;)
        fn(ctx, i, i % gm_pool_thread_count(pool));
    gm_fpmode_restore(mode);
}
