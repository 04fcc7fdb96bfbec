/* y = a . b by the dot rule over k. Work-item: (column, row of the batch's matrices in turn). */
#ifndef GM_KERNELS_MATMUL_CL
#define GM_KERNELS_MATMUL_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

/* Element (i, k) of a is a[i * a_row + k * a_col], of b (k, j) b[k * b_row + j * b_col]; matrix t
   of a batch starts t * a_size, t * b_size elements in. y is (batch, m, n). */
GM_KERNEL void gm_k_matmul(gm_u64 count, GM_GLOBAL const float *a, GM_GLOBAL const float *b,
                           GM_GLOBAL float *y, gm_u64 m, gm_u64 n, gm_u64 k_count, gm_u64 a_row,
                           gm_u64 a_col, gm_u64 a_size, gm_u64 b_row, gm_u64 b_col,
                           gm_u64 b_size GM_ITEM_PARAMS)
{
    gm_u64 j = GM_ID(0);
    gm_u64 row = GM_ID(1);
    gm_u64 t = row / m;
    gm_u64 i = row % m;
    if (j < count)
        y[row * n + j] = gm_f32_canonical(gm_dot_f32(a + t * a_size + i * a_row, a_col,
                                                     b + t * b_size + j * b_col, b_row, k_count));
}

#endif
