#include "core/plan_fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Larger first; then by the order of life, so that the order is total. */
static int compare_blocks(const void *a, const void *b)
{
    const struct gm_plan_block *x = *(const struct gm_plan_block *const *)a;
    const struct gm_plan_block *y = *(const struct gm_plan_block *const *)b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes > y->size_bytes ? -1 : 1;
    return (x > y) - (x < y);
}

static bool meet(const struct gm_plan_block *a, const struct gm_plan_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The start of the smallest gap between blocks that live at the same time; `placed` is in the order
   of offsets. */
static uint64_t find_gap(struct gm_plan_block *const *placed, uint32_t count,
                         const struct gm_plan_block *block)
{
    uint64_t end = 0; /* of the blocks seen so far */
    uint64_t best_offset = 0;
    uint64_t best_size = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct gm_plan_block *other = placed[i];
        if (!meet(other, block))
            continue;
        if (other->offset_bytes > end) {
            uint64_t gap = other->offset_bytes - end;
            if (gap >= block->size_bytes && gap < best_size) {
                best_size = gap;
                best_offset = end;
            }
        }
        uint64_t other_end = other->offset_bytes + other->size_bytes;
        end = other_end > end ? other_end : end;
    }
    return best_size != UINT64_MAX ? best_offset : end;
}

static void insert(struct gm_plan_block **placed, uint32_t count, struct gm_plan_block *block)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (placed[middle]->offset_bytes <= block->offset_bytes)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(&placed[low + 1], &placed[low], (count - low) * sizeof(placed[0]));
    placed[low] = block;
}

enum gm_status gm_plan_fit_by_size(struct gm_plan_block *blocks, uint32_t count,
                                   uint64_t *arena_bytes)
{
    struct gm_plan_block **order = gm_mem_new(count, sizeof(struct gm_plan_block *));
    struct gm_plan_block **placed = gm_mem_new(count, sizeof(struct gm_plan_block *));
    enum gm_status status = order == NULL || placed == NULL ? GM_NO_MEMORY : GM_OK;
    *arena_bytes = 0;
    if (status == GM_OK) {
        for (uint32_t i = 0; i < count; i++)
            order[i] = &blocks[i];
        qsort(order, count, sizeof(struct gm_plan_block *), compare_blocks);
    }
    for (uint32_t i = 0; i < count && status == GM_OK; i++) {
        order[i]->offset_bytes = find_gap(placed, i, order[i]);
        insert(placed, i, order[i]);
        uint64_t end = order[i]->offset_bytes + order[i]->size_bytes;
        *arena_bytes = end > *arena_bytes ? end : *arena_bytes;
    }
    gm_mem_free(order);
    gm_mem_free(placed);
    return status;
}
