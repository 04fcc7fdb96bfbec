/* Reductions. Sums of all elements go block by block (Sum rule), column sums segment by segment
   (dot rule), so that both spread over as many work-items as there are blocks or segments. */
#ifndef GM_KERNELS_REDUCE_CL
#define GM_KERNELS_REDUCE_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"
#include "kernels/num/sum.h"

/* One level of the Sum rule: y[i] = block i of x. Item: a block. Repeated on its own results until
   one is left. */
GM_KERNEL void gm_k_sum_blocks(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y,
                               gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 first = i * GM_SUM_BLOCK;
    if (i < count)
        y[i] = gm_f32_canonical(gm_sum_block(x + first, gm_sum_block_size(n, first)));
}

/* The first level for a sum of squares. */
GM_KERNEL void gm_k_sum_squares_blocks(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y,
                                       gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 first = i * GM_SUM_BLOCK;
    if (i < count)
        y[i] = gm_f32_canonical(
            gm_sum_block_product(x + first, x + first, gm_sum_block_size(n, first)));
}

/* A u32 sum, modulo 2^32, where no order matters. Item: a block. */
GM_KERNEL void gm_k_sum_u32_blocks(gm_u64 count, GM_GLOBAL const gm_u32 *x, GM_GLOBAL gm_u32 *y,
                                   gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i >= count)
        return;
    gm_u64 first = i * GM_SUM_BLOCK;
    gm_u32 size = gm_sum_block_size(n, first);
    gm_u32 total = 0;
    for (gm_u32 j = 0; j < size; j++)
        total += x[first + j];
    y[i] = total;
}

/* part (segments, n): the chains of the dot rule over the rows of x (rows, n). Item: (column,
   segment). */
GM_KERNEL void gm_k_sum_rows_segments(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *part,
                                      gm_u64 rows, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 column = GM_ID(0);
    gm_u64 segment = GM_ID(1);
    if (column >= count)
        return;
    gm_u64 first = segment * GM_DOT_SEGMENT;
    gm_u64 last = rows - first < GM_DOT_SEGMENT ? rows : first + GM_DOT_SEGMENT;
    float chain = 0.0f;
    for (gm_u64 row = first; row < last; row++)
        chain += x[row * n + column];
    part[segment * n + column] = chain;
}

/* The same over (N, inner) for every channel of x (N, channels, inner). Item: (channel, segment).
 */
GM_KERNEL void gm_k_sum_channels_segments(gm_u64 count, GM_GLOBAL const float *x,
                                          GM_GLOBAL float *part, gm_u64 terms, gm_u64 channels,
                                          gm_u64 inner GM_ITEM_PARAMS)
{
    gm_u64 channel = GM_ID(0);
    gm_u64 segment = GM_ID(1);
    if (channel >= count)
        return;
    gm_u64 first = segment * GM_DOT_SEGMENT;
    gm_u64 last = terms - first < GM_DOT_SEGMENT ? terms : first + GM_DOT_SEGMENT;
    float chain = 0.0f;
    for (gm_u64 k = first; k < last; k++)
        chain += x[(k / inner * channels + channel) * inner + k % inner];
    part[segment * channels + channel] = chain;
}

/* The end of the dot rule: totals of part (segments, n), upwards from +0. Item: a column. */
GM_KERNEL void gm_k_total_segments(gm_u64 count, GM_GLOBAL const float *part, GM_GLOBAL float *y,
                                   gm_u64 segments, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 column = GM_ID(0);
    if (column >= count)
        return;
    float total = 0.0f;
    for (gm_u64 s = 0; s < segments; s++)
        total += part[s * n + column];
    y[column] = gm_f32_canonical(total);
}

/* Item: a row of x (R, n); 0 for an empty row. */
GM_KERNEL void gm_k_argmax(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL gm_u32 *y,
                           gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 row = GM_ID(0);
    if (row >= count)
        return;
    gm_u64 best = 0;
    for (gm_u64 i = 1; i < n; i++) {
        if (gm_f32_argmax_takes(x[row * n + best], x[row * n + i]))
            best = i;
    }
    y[row] = (gm_u32)best;
}

#endif
