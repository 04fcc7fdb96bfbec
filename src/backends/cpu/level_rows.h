/* Sums and maxima along a row at vector speed. Terms that are not in memory are written to a block
   on the stack first: 4096 of them, the block of the Sum rule, stay in the first-level cache. */
#ifndef GM_CPU_LEVEL_ROWS_H
#define GM_CPU_LEVEL_ROWS_H

#include <stddef.h>

#include "backends/cpu/level.h"
#include "kernels/num/bits.h"
#include "kernels/num/sum.h"

/* Collects block results; for a row of one block that is the sum itself. */
struct gm_row_sum {
    size_t block_count;
    float first;
    struct gm_sum blocks;
};

static inline void gm_row_sum_begin(struct gm_row_sum *sum)
{
    sum->block_count = 0;
    sum->first = 0.0f;
}

static inline void gm_row_sum_block(struct gm_row_sum *sum, float block)
{
    if (sum->block_count == 0) {
        sum->first = block;
    } else {
        if (sum->block_count == 1) {
            gm_sum_begin(&sum->blocks);
            gm_sum_add(&sum->blocks, sum->first);
        }
        gm_sum_add(&sum->blocks, block);
    }
    sum->block_count++;
}

static inline float gm_row_sum_end(struct gm_row_sum *sum)
{
    return sum->block_count <= 1 ? sum->first : gm_sum_end(&sum->blocks);
}

static inline size_t gm_row_block(size_t n, size_t first)
{
    return n - first < GM_SUM_BLOCK ? n - first : GM_SUM_BLOCK;
}

/* The profile's maximum. Lanes may keep either of two equal zeros; the end makes them one. */
static inline float gm_row_max(const float *x, size_t count)
{
    enum { LANES = 32 };
    float best[LANES];
    int nan[LANES];
    for (int l = 0; l < LANES; l++) {
        best[l] = gm_bits_f32(GM_F32_INF_BITS | GM_F32_SIGN);
        nan[l] = 0;
    }
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            best[l] = x[i + l] > best[l] ? x[i + l] : best[l];
            nan[l] |= x[i + l] != x[i + l];
        }
    }
    for (; i < count; i++) {
        best[0] = x[i] > best[0] ? x[i] : best[0];
        nan[0] |= x[i] != x[i];
    }
    for (int l = 1; l < LANES; l++) {
        best[0] = best[l] > best[0] ? best[l] : best[0];
        nan[0] |= nan[l];
    }
    return nan[0] ? gm_bits_f32(GM_F32_NAN_BITS) : gm_f32_max_end(best[0]);
}

/* One row per pool item would cost more than the row where rows are short. */
static inline size_t gm_rows_per_item(size_t n)
{
    enum { ITEM_ELEMENTS = 8192 };
    return n >= ITEM_ELEMENTS ? 1 : ITEM_ELEMENTS / (n == 0 ? 1 : n);
}

#endif
