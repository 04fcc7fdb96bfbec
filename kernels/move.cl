/* Moving elements. Work-item: one element, or (column, row). */
#ifndef GM_KERNELS_MOVE_CL
#define GM_KERNELS_MOVE_CL

#include "kernels/num/bits.h"

GM_KERNEL void gm_k_copy_f32(gm_u64 count, GM_GLOBAL const float *x,
                             GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = gm_f32_canonical(x[i]);
}

GM_KERNEL void gm_k_copy_u32(gm_u64 count, GM_GLOBAL const gm_u32 *x,
                             GM_GLOBAL gm_u32 *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = x[i];
}

GM_KERNEL void gm_k_copy_u8(gm_u64 count, GM_GLOBAL const unsigned char *x,
                            GM_GLOBAL unsigned char *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i < count)
        y[i] = x[i];
}

/* Columns x_first, ... of x (R, x_cols) become columns y_first, ... of y (R, y_cols): slices one
   way, concatenates the other. */
GM_KERNEL void gm_k_copy_cols(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y,
                              gm_u64 x_cols, gm_u64 x_first, gm_u64 y_cols,
                              gm_u64 y_first GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 row = GM_ID(1);
    if (i < count)
        y[row * y_cols + y_first + i] = gm_f32_canonical(x[row * x_cols + x_first + i]);
}

#endif
