/* Placing blocks with lifetimes in one arena. Finding the smallest arena is NP-hard; two ways are
   good on what occurs, and plan.c takes the better result. Both are deterministic, and the choice
   has no influence on any computed bit. */
#ifndef GM_CORE_PLAN_FIT_H
#define GM_CORE_PLAN_FIT_H

#include <stdint.h>

#include "base/status.h"

/* Sizes of all blocks together stay below 2^62 bytes. */
struct gm_plan_block {
    uint64_t size_bytes;   /* above 0 */
    uint64_t offset_bytes; /* the answer */
    uint32_t first;        /* steps at which it lives, both included */
    uint32_t last;
};

/* Largest first, each into the smallest gap that is free all its life. Tight, and quadratic: for at
   most GM_PLAN_BY_SIZE_MAX blocks. */
enum { GM_PLAN_BY_SIZE_MAX = 4096 };
enum gm_status gm_plan_fit_by_size(struct gm_plan_block *blocks, uint32_t count,
                                   uint64_t *arena_bytes) GM_MUST_USE;

/* As an allocator would at run time, step by step, best fit; blocks stand in the order of `first`.
   Close to linear in the number of blocks and steps. */
enum gm_status gm_plan_fit_by_time(struct gm_plan_block *blocks, uint32_t count,
                                   uint32_t step_count, uint64_t *arena_bytes) GM_MUST_USE;

#endif
