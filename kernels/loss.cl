/* Losses: sums over rows or elements by the Sum rule, never means. */
#ifndef GM_KERNELS_LOSS_CL
#define GM_KERNELS_LOSS_CL

#include "kernels/num/bits.h"
#include "kernels/num/exp.h"
#include "kernels/num/log.h"
#include "kernels/num/sum.h"

#define GM_LOSS_IGNORED 0xffffffffu /* a target that takes no part */

/* m = max, l = Sum(exp(x - m)), the row's loss log(l) + (m - x[target]), +0 where ignored; used = 1
   or 0. Item: a row of x (R, n). */
GM_KERNEL void gm_k_cross_entropy_rows(gm_u64 count, GM_GLOBAL const float *x,
                                       GM_GLOBAL const gm_u32 *target, GM_GLOBAL float *m,
                                       GM_GLOBAL float *l, GM_GLOBAL float *loss,
                                       GM_GLOBAL gm_u32 *used, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 row = GM_ID(0);
    if (row >= count)
        return;
    GM_GLOBAL const float *at = x + row * n;
    float best = gm_bits_f32(GM_F32_INF_BITS | GM_F32_SIGN);
    for (gm_u64 i = 0; i < n; i++)
        best = gm_f32_max(best, at[i]);
    best = gm_f32_max_end(best);
    struct gm_sum sum;
    gm_sum_begin(&sum);
    for (gm_u64 i = 0; i < n; i++)
        gm_sum_add(&sum, gm_f32_exp(at[i] - best));
    float total = gm_sum_end(&sum);
    gm_u32 t = target[row];
    m[row] = gm_f32_canonical(best);
    l[row] = gm_f32_canonical(total);
    used[row] = t != GM_LOSS_IGNORED;
    loss[row] = t == GM_LOSS_IGNORED ? 0.0f : gm_f32_log(total) + (best - at[t]);
}

/* (exp(x - m) / l - [column is the target]) * dloss; an ignored row is +0. Item: (column, row). */
GM_FN float gm_cross_entropy_dx(float x, float m, float l, gm_u32 hit, gm_u32 ignored, float dloss)
{
    float p = GM_DIV(gm_f32_exp(x - m), l);
    float dx = (p - (float)hit) * dloss;
    return gm_f32_canonical(gm_f32_select(ignored, 0.0f, dx));
}

GM_KERNEL void gm_k_cross_entropy_grad(gm_u64 count, GM_GLOBAL const float *x,
                                       GM_GLOBAL const gm_u32 *target, GM_GLOBAL const float *m,
                                       GM_GLOBAL const float *l, GM_GLOBAL const float *dloss,
                                       GM_GLOBAL float *dx, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 row = GM_ID(1);
    gm_u32 t = target[row];
    if (i < count)
        dx[row * n + i] = gm_cross_entropy_dx(x[row * n + i], m[row], l[row], (gm_u32)i == t,
                                              t == GM_LOSS_IGNORED, dloss[0]);
}

/* The first level of Sum((x - t)^2), d = x - t rounded. Item: a block. */
GM_KERNEL void gm_k_mse_blocks(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *t,
                               GM_GLOBAL float *y, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 block = GM_ID(0);
    if (block >= count)
        return;
    gm_u64 first = block * GM_SUM_BLOCK;
    gm_u64 size = gm_sum_block_size(n, first);
    struct gm_sum sum;
    gm_sum_begin(&sum);
    for (gm_u64 i = first; i < first + size; i++)
        gm_sum_add_product(&sum, x[i] - t[i], x[i] - t[i]);
    y[block] = gm_f32_canonical(gm_sum_end(&sum));
}

/* (d + d) * dloss, d = x - t. */
GM_KERNEL void gm_k_mse_grad(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *t,
                             GM_GLOBAL const float *dloss, GM_GLOBAL float *dx GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i >= count)
        return;
    float d = x[i] - t[i];
    dx[i] = gm_f32_canonical((d + d) * dloss[0]);
}

#endif
