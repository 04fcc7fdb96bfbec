/* Max pooling without padding. Work-item: (position in a plane, plane). */
#ifndef GM_KERNELS_POOL_CL
#define GM_KERNELS_POOL_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

/* index: where in its plane (h, w) the maximum stands: the first NaN, else the first of equals. */
GM_KERNEL void gm_k_max_pool2d(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL float *y,
                               GM_GLOBAL gm_u32 *index, gm_u64 h, gm_u64 w, gm_u64 kernel_h,
                               gm_u64 kernel_w, gm_u64 stride_h, gm_u64 stride_w, gm_u64 oh_count,
                               gm_u64 ow_count GM_ITEM_PARAMS)
{
    gm_u64 at = GM_ID(0);
    gm_u64 plane = GM_ID(1);
    if (at >= count)
        return;
    gm_u64 top = at / ow_count * stride_h;
    gm_u64 left = at % ow_count * stride_w;
    GM_GLOBAL const float *from = x + plane * h * w;
    gm_u64 best = top * w + left;
    for (gm_u64 kh = 0; kh < kernel_h; kh++) {
        for (gm_u64 kw = 0; kw < kernel_w; kw++) {
            gm_u64 i = (top + kh) * w + left + kw;
            if (gm_f32_argmax_takes(from[best], from[i]))
                best = i;
        }
    }
    y[plane * oh_count * ow_count + at] = gm_f32_canonical(gm_f32_max_end(from[best]));
    index[plane * oh_count * ow_count + at] = (gm_u32)best;
}

/* dx: the windows over a position whose maximum it was, by the dot rule over window numbers
   oh * OW + ow. */
GM_KERNEL void gm_k_max_pool2d_grad(gm_u64 count, GM_GLOBAL const gm_u32 *index,
                                    GM_GLOBAL const float *dy, GM_GLOBAL float *dx, gm_u64 h,
                                    gm_u64 w, gm_u64 kernel_h, gm_u64 kernel_w, gm_u64 stride_h,
                                    gm_u64 stride_w, gm_u64 oh_count,
                                    gm_u64 ow_count GM_ITEM_PARAMS)
{
    gm_u64 at = GM_ID(0);
    gm_u64 plane = GM_ID(1);
    if (at >= count)
        return;
    gm_u64 row = at / w;
    gm_u64 col = at % w;
    gm_u64 oh_first = row < kernel_h ? 0 : (row - kernel_h) / stride_h + 1;
    gm_u64 ow_first = col < kernel_w ? 0 : (col - kernel_w) / stride_w + 1;
    struct gm_dot dot;
    gm_dot_begin(&dot);
    for (gm_u64 oh = oh_first; oh < oh_count && oh * stride_h <= row; oh++) {
        for (gm_u64 ow = ow_first; ow < ow_count && ow * stride_w <= col; ow++) {
            gm_u64 window = oh * ow_count + ow;
            if (index[plane * oh_count * ow_count + window] == at)
                gm_dot_add(&dot, window, dy[plane * oh_count * ow_count + window]);
        }
    }
    dx[plane * h * w + at] = gm_f32_canonical(gm_dot_end(&dot));
}

#endif
