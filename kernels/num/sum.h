/* The Sum rule: how a reduction along a row adds up.

   Elements are cut into blocks of 4096. In a block, lane l of 32 takes elements l, l+32, l+64, ...
   upwards from +0; then lane[l] += lane[l + w] for w = 16, 8, 4, 2, 1, and lane[0] is the block's
   result. The block results are a vector that is summed by the same rule until one is left. The
   sum of no elements is +0. 32 lanes are a GPU's warp and two to eight CPU vectors.

   struct gm_sum takes elements one by one, from wherever they come; the functions over arrays at
   the end give the same bits at speed. */
#ifndef GM_KERNELS_NUM_SUM_H
#define GM_KERNELS_NUM_SUM_H

#include "kernels/dialect.h"

#define GM_SUM_BLOCK  4096u
#define GM_SUM_LANES  32u
#define GM_SUM_LEVELS 4u /* 4096^4 = 2^48 elements */

/* Destroys lane[]. */
GM_FN float gm_sum_combine(float *lane)
{
    for (gm_u32 w = GM_SUM_LANES / 2; w > 0; w /= 2) {
        for (gm_u32 l = 0; l < w; l++)
            lane[l] += lane[l + w];
    }
    return lane[0];
}

/* Level 0 holds the open block of elements, level 1 the open block of block results, and so on. A
   full block is closed only when another element arrives: a lone block is the sum itself. */
struct gm_sum {
    float lane[GM_SUM_LEVELS][GM_SUM_LANES];
    gm_u64 count[GM_SUM_LEVELS]; /* elements taken so far */
};

GM_FN void gm_sum_begin(struct gm_sum *sum)
{
    for (gm_u32 level = 0; level < GM_SUM_LEVELS; level++) {
        for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
            sum->lane[level][l] = 0.0f;
        sum->count[level] = 0;
    }
}

/* Makes room for one more element at level and says in *result what its full block came to. */
GM_FN gm_u32 gm_sum_close(struct gm_sum *sum, gm_u32 level, float *result)
{
    if (sum->count[level] == 0 || sum->count[level] % GM_SUM_BLOCK != 0)
        return 0;
    *result = gm_sum_combine(sum->lane[level]);
    for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
        sum->lane[level][l] = 0.0f;
    return 1;
}

/* Adds x at level, carrying closed blocks upwards. */
GM_FN void gm_sum_carry(struct gm_sum *sum, gm_u32 level, float x)
{
    gm_u32 closed = 1;
    while (closed && level < GM_SUM_LEVELS) {
        float result = 0.0f;
        closed = gm_sum_close(sum, level, &result);
        sum->lane[level][sum->count[level] % GM_SUM_LANES] += x;
        sum->count[level]++;
        x = result;
        level++;
    }
}

/* The next element is absent (masked): it keeps its index and adds nothing. */
GM_FN void gm_sum_skip(struct gm_sum *sum)
{
    float result = 0.0f;
    if (gm_sum_close(sum, 0, &result))
        gm_sum_carry(sum, 1, result);
    sum->count[0]++;
}

/* The next element is x. */
GM_FN void gm_sum_add(struct gm_sum *sum, float x)
{
    gm_u32 l = (gm_u32)(sum->count[0] % GM_SUM_LANES);
    gm_sum_skip(sum);
    sum->lane[0][l] += x;
}

/* The next element is the product a * b, taken in unrounded. */
GM_FN void gm_sum_add_product(struct gm_sum *sum, float a, float b)
{
    gm_u32 l = (gm_u32)(sum->count[0] % GM_SUM_LANES);
    gm_sum_skip(sum);
    sum->lane[0][l] = GM_FMA(a, b, sum->lane[0][l]);
}

/* The sum; it can be asked once. */
GM_FN float gm_sum_end(struct gm_sum *sum)
{
    gm_u32 level = 0;
    float result = gm_sum_combine(sum->lane[0]);
    while (level + 1 < GM_SUM_LEVELS && sum->count[level] > GM_SUM_BLOCK) {
        level++;
        gm_sum_carry(sum, level, result);
        result = gm_sum_combine(sum->lane[level]);
    }
    return result;
}

/* One block of n <= 4096 adjacent elements. */
GM_FN float gm_sum_block(GM_GLOBAL const float *x, gm_u32 n)
{
    float lane[GM_SUM_LANES];
    gm_u32 whole = n - n % GM_SUM_LANES;
    for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
        lane[l] = 0.0f;
    for (gm_u32 i = 0; i < whole; i += GM_SUM_LANES) {
        for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
            lane[l] += x[i + l];
    }
    for (gm_u32 l = 0; whole + l < n; l++)
        lane[l] += x[whole + l];
    return gm_sum_combine(lane);
}

GM_FN float gm_sum_block_product(GM_GLOBAL const float *a, GM_GLOBAL const float *b, gm_u32 n)
{
    float lane[GM_SUM_LANES];
    gm_u32 whole = n - n % GM_SUM_LANES;
    for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
        lane[l] = 0.0f;
    for (gm_u32 i = 0; i < whole; i += GM_SUM_LANES) {
        for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
            lane[l] = GM_FMA(a[i + l], b[i + l], lane[l]);
    }
    for (gm_u32 l = 0; whole + l < n; l++)
        lane[l] = GM_FMA(a[whole + l], b[whole + l], lane[l]);
    return gm_sum_combine(lane);
}

/* d = x - mean, rounded; the element is d * d. */
GM_FN float gm_sum_block_square_diff(GM_GLOBAL const float *x, float mean, gm_u32 n)
{
    float lane[GM_SUM_LANES];
    gm_u32 whole = n - n % GM_SUM_LANES;
    for (gm_u32 l = 0; l < GM_SUM_LANES; l++)
        lane[l] = 0.0f;
    for (gm_u32 i = 0; i < whole; i += GM_SUM_LANES) {
        for (gm_u32 l = 0; l < GM_SUM_LANES; l++) {
            float d = x[i + l] - mean;
            lane[l] = GM_FMA(d, d, lane[l]);
        }
    }
    for (gm_u32 l = 0; whole + l < n; l++) {
        float d = x[whole + l] - mean;
        lane[l] = GM_FMA(d, d, lane[l]);
    }
    return gm_sum_combine(lane);
}

GM_FN gm_u32 gm_sum_block_size(gm_u64 n, gm_u64 first)
{
    return n - first < GM_SUM_BLOCK ? (gm_u32)(n - first) : GM_SUM_BLOCK;
}

/* Sum of x[0..n). */
GM_FN float gm_sum_f32(GM_GLOBAL const float *x, gm_u64 n)
{
    if (n <= GM_SUM_BLOCK)
        return gm_sum_block(x, (gm_u32)n);
    struct gm_sum blocks;
    gm_sum_begin(&blocks);
    for (gm_u64 i = 0; i < n; i += GM_SUM_BLOCK)
        gm_sum_add(&blocks, gm_sum_block(x + i, gm_sum_block_size(n, i)));
    return gm_sum_end(&blocks);
}

/* Sum of a[i] * b[i]. */
GM_FN float gm_sum_product(GM_GLOBAL const float *a, GM_GLOBAL const float *b, gm_u64 n)
{
    if (n <= GM_SUM_BLOCK)
        return gm_sum_block_product(a, b, (gm_u32)n);
    struct gm_sum blocks;
    gm_sum_begin(&blocks);
    for (gm_u64 i = 0; i < n; i += GM_SUM_BLOCK)
        gm_sum_add(&blocks, gm_sum_block_product(a + i, b + i, gm_sum_block_size(n, i)));
    return gm_sum_end(&blocks);
}

/* Sum of (x[i] - mean)^2. */
GM_FN float gm_sum_square_diff(GM_GLOBAL const float *x, float mean, gm_u64 n)
{
    if (n <= GM_SUM_BLOCK)
        return gm_sum_block_square_diff(x, mean, (gm_u32)n);
    struct gm_sum blocks;
    gm_sum_begin(&blocks);
    for (gm_u64 i = 0; i < n; i += GM_SUM_BLOCK)
        gm_sum_add(&blocks, gm_sum_block_square_diff(x + i, mean, gm_sum_block_size(n, i)));
    return gm_sum_end(&blocks);
}

#endif
