/* Layer norm and RMS norm over the last dimension of x (R, n), and their gradients. Row statistics
   come first (Sum rule, item: a row), then every element by itself (item: column, row), so that
   the long work is parallel over elements. Orders of operations: docs/numerics.md. */
#ifndef GM_KERNELS_NORM_CL
#define GM_KERNELS_NORM_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"
#include "kernels/num/sum.h"

GM_FN float gm_norm_rstd(float mean_square, float eps)
{
    return GM_DIV(1.0f, GM_SQRT(mean_square + eps));
}

GM_KERNEL void gm_k_layernorm_stats(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *mean,
                                    GM_GLOBAL float *rstd, gm_u64 n, float eps GM_ITEM_PARAMS)
{
    gm_u64 row = GM_ID(0);
    if (row >= count)
        return;
    GM_GLOBAL const float *at = x + row * n;
    float centre = GM_DIV(gm_sum_f32(at, n), (float)n);
    float variance = GM_DIV(gm_sum_square_diff(at, centre, n), (float)n);
    mean[row] = gm_f32_canonical(centre);
    rstd[row] = gm_f32_canonical(gm_norm_rstd(variance, eps));
}

GM_FN float gm_layernorm_y(float x, float w, float b, float mean, float rstd)
{
    return gm_f32_canonical((x - mean) * rstd * w + b);
}

GM_KERNEL void gm_k_layernorm(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *w,
                              GM_GLOBAL const float *b, GM_GLOBAL const float *mean,
                              GM_GLOBAL const float *rstd, GM_GLOBAL float *y,
                              gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 row = GM_ID(1);
    gm_u64 at = row * n + i;
    if (i < count)
        y[at] = gm_layernorm_y(x[at], w[i], b[i], mean[row], rstd[row]);
}

/* With g = dy * w and h = (x - mean) * rstd: sums (R, 2) = Sum(g) / n, Sum(g * h) / n. */
GM_KERNEL void gm_k_layernorm_grad_stats(gm_u64 count, GM_GLOBAL const float *x,
                                         GM_GLOBAL const float *w, GM_GLOBAL const float *mean,
                                         GM_GLOBAL const float *rstd, GM_GLOBAL const float *dy,
                                         GM_GLOBAL float *sums, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 row = GM_ID(0);
    if (row >= count)
        return;
    struct gm_sum plain, product;
    gm_sum_begin(&plain);
    gm_sum_begin(&product);
    for (gm_u64 i = 0; i < n; i++) {
        float g = dy[row * n + i] * w[i];
        float h = (x[row * n + i] - mean[row]) * rstd[row];
        gm_sum_add(&plain, g);
        gm_sum_add_product(&product, g, h);
    }
    sums[2 * row] = GM_DIV(gm_sum_end(&plain), (float)n);
    sums[2 * row + 1] = GM_DIV(gm_sum_end(&product), (float)n);
}

GM_FN float gm_layernorm_dx(float x, float w, float mean, float rstd, float dy, float sum_g,
                            float sum_gh)
{
    float g = dy * w;
    float h = (x - mean) * rstd;
    return gm_f32_canonical((g - sum_g - h * sum_gh) * rstd);
}

GM_KERNEL void gm_k_layernorm_grad_x(gm_u64 count, GM_GLOBAL const float *x,
                                     GM_GLOBAL const float *w, GM_GLOBAL const float *mean,
                                     GM_GLOBAL const float *rstd, GM_GLOBAL const float *dy,
                                     GM_GLOBAL const float *sums, GM_GLOBAL float *dx,
                                     gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 row = GM_ID(1);
    gm_u64 at = row * n + i;
    if (i < count)
        dx[at] = gm_layernorm_dx(x[at], w[i], mean[row], rstd[row], dy[at], sums[2 * row],
                                 sums[2 * row + 1]);
}

/* Chains of the dot rules over rows: dw of dy * h, db of dy. Item: (column, segment). */
GM_KERNEL void gm_k_layernorm_grad_w_segments(gm_u64 count, GM_GLOBAL const float *x,
                                              GM_GLOBAL const float *mean,
                                              GM_GLOBAL const float *rstd,
                                              GM_GLOBAL const float *dy, GM_GLOBAL float *part_w,
                                              GM_GLOBAL float *part_b, gm_u64 rows,
                                              gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 column = GM_ID(0);
    gm_u64 segment = GM_ID(1);
    if (column >= count)
        return;
    gm_u64 first = segment * GM_DOT_SEGMENT;
    gm_u64 last = rows - first < GM_DOT_SEGMENT ? rows : first + GM_DOT_SEGMENT;
    float chain_w = 0.0f;
    float chain_b = 0.0f;
    for (gm_u64 row = first; row < last; row++) {
        float h = (x[row * n + column] - mean[row]) * rstd[row];
        chain_w = GM_FMA(dy[row * n + column], h, chain_w);
        chain_b += dy[row * n + column];
    }
    part_w[segment * n + column] = chain_w;
    part_b[segment * n + column] = chain_b;
}

GM_KERNEL void gm_k_rmsnorm_stats(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *rstd,
                                  gm_u64 n, float eps GM_ITEM_PARAMS)
{
    gm_u64 row = GM_ID(0);
    if (row >= count)
        return;
    GM_GLOBAL const float *at = x + row * n;
    float mean_square = GM_DIV(gm_sum_product(at, at, n), (float)n);
    rstd[row] = gm_f32_canonical(gm_norm_rstd(mean_square, eps));
}

GM_FN float gm_rmsnorm_y(float x, float w, float rstd)
{
    return gm_f32_canonical(x * rstd * w);
}

GM_KERNEL void gm_k_rmsnorm(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *w,
                            GM_GLOBAL const float *rstd, GM_GLOBAL float *y,
                            gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 row = GM_ID(1);
    gm_u64 at = row * n + i;
    if (i < count)
        y[at] = gm_rmsnorm_y(x[at], w[i], rstd[row]);
}

/* With g = dy * w and h = x * rstd: sums (R) = Sum(g * h) / n. */
GM_KERNEL void gm_k_rmsnorm_grad_stats(gm_u64 count, GM_GLOBAL const float *x,
                                       GM_GLOBAL const float *w, GM_GLOBAL const float *rstd,
                                       GM_GLOBAL const float *dy, GM_GLOBAL float *sums,
                                       gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 row = GM_ID(0);
    if (row >= count)
        return;
    struct gm_sum product;
    gm_sum_begin(&product);
    for (gm_u64 i = 0; i < n; i++)
        gm_sum_add_product(&product, dy[row * n + i] * w[i], x[row * n + i] * rstd[row]);
    sums[row] = GM_DIV(gm_sum_end(&product), (float)n);
}

GM_FN float gm_rmsnorm_dx(float x, float w, float rstd, float dy, float sum_gh)
{
    return gm_f32_canonical((dy * w - x * rstd * sum_gh) * rstd);
}

GM_KERNEL void gm_k_rmsnorm_grad_x(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *w,
                                   GM_GLOBAL const float *rstd, GM_GLOBAL const float *dy,
                                   GM_GLOBAL const float *sums, GM_GLOBAL float *dx,
                                   gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 row = GM_ID(1);
    gm_u64 at = row * n + i;
    if (i < count)
        dx[at] = gm_rmsnorm_dx(x[at], w[i], rstd[row], dy[at], sums[row]);
}

/* Chains of the dot rule of dy * h over rows. Item: (column, segment). */
GM_KERNEL void gm_k_rmsnorm_grad_w_segments(gm_u64 count, GM_GLOBAL const float *x,
                                            GM_GLOBAL const float *rstd, GM_GLOBAL const float *dy,
                                            GM_GLOBAL float *part, gm_u64 rows,
                                            gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 column = GM_ID(0);
    gm_u64 segment = GM_ID(1);
    if (column >= count)
        return;
    gm_u64 first = segment * GM_DOT_SEGMENT;
    gm_u64 last = rows - first < GM_DOT_SEGMENT ? rows : first + GM_DOT_SEGMENT;
    float chain = 0.0f;
    for (gm_u64 row = first; row < last; row++)
        chain = GM_FMA(dy[row * n + column], x[row * n + column] * rstd[row], chain);
    part[segment * n + column] = chain;
}

#endif
