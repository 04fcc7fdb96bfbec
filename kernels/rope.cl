/* Rotary positions: the pair (i, i + D/2) of every head turns by position * theta^(-2i/D). */
#ifndef GM_KERNELS_ROPE_CL
#define GM_KERNELS_ROPE_CL

#include "kernels/num/rope.h"

/* Item: (pair, position) of cos, sin (T, D/2). */
GM_KERNEL void gm_k_rope_table(gm_u64 count, GM_GLOBAL float *cosines, GM_GLOBAL float *sines,
                               gm_u64 head_dim, float theta GM_ITEM_PARAMS)
{
    gm_u64 pair = GM_ID(0);
    gm_u64 position = GM_ID(1);
    if (pair >= count)
        return;
    gm_u64 at = position * (head_dim / 2) + pair;
    float frequency = gm_rope_frequency(theta, (gm_u32)pair, (gm_u32)head_dim);
    struct gm_f32_sin_cos turn = gm_rope_sin_cos(frequency, (gm_u32)position);
    cosines[at] = gm_f32_canonical(turn.cos);
    sines[at] = gm_f32_canonical(turn.sin);
}

/* Item: (pair of the row, row) of x (B, T, H*D). sign is 1, or -1 to turn back. */
GM_KERNEL void gm_k_rope(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *cosines,
                         GM_GLOBAL const float *sines, GM_GLOBAL float *y, gm_u64 positions,
                         gm_u64 n, gm_u64 head_dim, float sign GM_ITEM_PARAMS)
{
    gm_u64 item = GM_ID(0);
    gm_u64 row = GM_ID(1);
    if (item >= count)
        return;
    gm_u64 half_dim = head_dim / 2;
    gm_u64 pair = item % half_dim;
    gm_u64 low = row * n + item / half_dim * head_dim + pair;
    gm_u64 high = low + half_dim;
    float c = cosines[row % positions * half_dim + pair];
    float s = sines[row % positions * half_dim + pair] * sign;
    float a = x[low];
    float b = x[high];
    y[low] = gm_f32_canonical(a * c - b * s);
    y[high] = gm_f32_canonical(b * c + a * s);
}

#endif
