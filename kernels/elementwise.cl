/* Operations on single elements. Work-item: one element, or (row, column) where a row's operand is
   shared. An output may be one of the inputs: every item reads its own index before it writes. */
#ifndef GM_KERNELS_ELEMENTWISE_CL
#define GM_KERNELS_ELEMENTWISE_CL

#include "kernels/num/gelu.h"
#include "kernels/num/relu.h"
#include "kernels/num/silu.h"

GM_KERNEL void gm_k_fill(gm_u64 count, GM_GLOBAL float *y, float value GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = value;
}

GM_KERNEL void gm_k_fill_u32(gm_u64 count, GM_GLOBAL gm_u32 *y, gm_u32 value GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = value;
}

GM_KERNEL void gm_k_iota(gm_u64 count, GM_GLOBAL gm_u32 *y, gm_u64 modulus GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = (gm_u32)(i % modulus);
}

GM_KERNEL void gm_k_add(gm_u64 count, GM_GLOBAL const float *a, GM_GLOBAL const float *b,
                        GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(a[i] + b[i]);
}

GM_KERNEL void gm_k_add_u32(gm_u64 count, GM_GLOBAL const gm_u32 *a, GM_GLOBAL const gm_u32 *b,
                            GM_GLOBAL gm_u32 *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = a[i] + b[i];
}

GM_KERNEL void gm_k_sub(gm_u64 count, GM_GLOBAL const float *a, GM_GLOBAL const float *b,
                        GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(a[i] - b[i]);
}

GM_KERNEL void gm_k_mul(gm_u64 count, GM_GLOBAL const float *a, GM_GLOBAL const float *b,
                        GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(a[i] * b[i]);
}

GM_KERNEL void gm_k_div(gm_u64 count, GM_GLOBAL const float *a, GM_GLOBAL const float *b,
                        GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(GM_DIV(a[i], b[i]));
}

GM_KERNEL void gm_k_scale(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y,
                          float factor GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(x[i] * factor);
}

GM_KERNEL void gm_k_scale_by(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *factor,
                             GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(x[i] * factor[0]);
}

/* Item (column, row) of x (R, n). */
GM_KERNEL void gm_k_add_row(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *b,
                            GM_GLOBAL float *y, gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 at = GM_ID(1) * n + i;
    if (i < count)
        y[at] = gm_f32_canonical(x[at] + b[i]);
}

/* Item (position in the plane, plane) of x (N, C, inner). */
GM_KERNEL void gm_k_add_channel(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *b,
                                GM_GLOBAL float *y, gm_u64 channels, gm_u64 inner GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 plane = GM_ID(1);
    gm_u64 at = plane * inner + i;
    if (i < count)
        y[at] = gm_f32_canonical(x[at] + b[plane % channels]);
}

GM_KERNEL void gm_k_relu(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(gm_f32_relu(x[i]));
}

GM_KERNEL void gm_k_relu_grad(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *dy,
                              GM_GLOBAL float *dx GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        dx[i] = gm_f32_canonical(gm_f32_relu_grad(x[i], dy[i]));
}

GM_KERNEL void gm_k_gelu(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(gm_f32_gelu(x[i]));
}

GM_KERNEL void gm_k_gelu_grad(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *dy,
                              GM_GLOBAL float *dx GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        dx[i] = gm_f32_canonical(dy[i] * gm_f32_gelu_grad(x[i]));
}

GM_KERNEL void gm_k_gelu_tanh(gm_u64 count, GM_GLOBAL const float *x,
                              GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(gm_f32_gelu_tanh(x[i]));
}

GM_KERNEL void gm_k_gelu_tanh_grad(gm_u64 count, GM_GLOBAL const float *x,
                                   GM_GLOBAL const float *dy, GM_GLOBAL float *dx GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        dx[i] = gm_f32_canonical(dy[i] * gm_f32_gelu_tanh_grad(x[i]));
}

GM_KERNEL void gm_k_silu(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(gm_f32_silu(x[i]));
}

GM_KERNEL void gm_k_silu_grad(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *dy,
                              GM_GLOBAL float *dx GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        dx[i] = gm_f32_canonical(dy[i] * gm_f32_silu_grad(x[i]));
}

#endif
