/* Convolution over NCHW images, by the dot rule. Terms that fall on padding take no part: an
   infinite weight on padding must not make NaN. Work-item: (position in a plane, plane). */
#ifndef GM_KERNELS_CONV_CL
#define GM_KERNELS_CONV_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

/* y (N, O, OH, OW) from x (N, C, H, W) and weight (O, C, KH, KW); k = (c, kh, kw). */
GM_KERNEL void gm_k_conv2d(gm_u64 count, GM_GLOBAL const float *x, GM_GLOBAL const float *weight,
                           GM_GLOBAL float *y, gm_u64 c_count, gm_u64 h, gm_u64 w, gm_u64 o_count,
                           gm_u64 kh_count, gm_u64 kw_count, gm_u64 oh_count, gm_u64 ow_count,
                           gm_u64 stride_h, gm_u64 stride_w, gm_u64 pad_h,
                           gm_u64 pad_w GM_ITEM_PARAMS)
{
    gm_u64 at = GM_ID(0);
    gm_u64 plane = GM_ID(1); /* n * O + o */
    if (at >= count)
        return;
    gm_u64 n = plane / o_count;
    gm_u64 o = plane % o_count;
    gm_u64 top = at / ow_count * stride_h;
    gm_u64 left = at % ow_count * stride_w;
    struct gm_dot dot;
    gm_dot_begin(&dot);
    for (gm_u64 c = 0; c < c_count; c++) {
        for (gm_u64 kh = 0; kh < kh_count; kh++) {
            for (gm_u64 kw = 0; kw < kw_count; kw++) {
                gm_u64 row = top + kh - pad_h; /* below 0 wraps and is beyond h */
                gm_u64 col = left + kw - pad_w;
                gm_u64 k = (c * kh_count + kh) * kw_count + kw;
                if (row < h && col < w)
                    gm_dot_term(&dot, k, x[((n * c_count + c) * h + row) * w + col],
                                weight[(o * c_count * kh_count * kw_count) + k]);
            }
        }
    }
    y[plane * oh_count * ow_count + at] = gm_f32_canonical(gm_dot_end(&dot));
}

/* dx (N, C, H, W); k = (o, kh, kw). */
GM_KERNEL void gm_k_conv2d_grad_x(gm_u64 count, GM_GLOBAL const float *weight,
                                  GM_GLOBAL const float *dy, GM_GLOBAL float *dx, gm_u64 c_count,
                                  gm_u64 h, gm_u64 w, gm_u64 o_count, gm_u64 kh_count,
                                  gm_u64 kw_count, gm_u64 oh_count, gm_u64 ow_count,
                                  gm_u64 stride_h, gm_u64 stride_w, gm_u64 pad_h,
                                  gm_u64 pad_w GM_ITEM_PARAMS)
{
    gm_u64 at = GM_ID(0);
    gm_u64 plane = GM_ID(1); /* n * C + c */
    if (at >= count)
        return;
    gm_u64 n = plane / c_count;
    gm_u64 c = plane % c_count;
    struct gm_dot dot;
    gm_dot_begin(&dot);
    for (gm_u64 o = 0; o < o_count; o++) {
        for (gm_u64 kh = 0; kh < kh_count; kh++) {
            for (gm_u64 kw = 0; kw < kw_count; kw++) {
                gm_u64 top = at / w + pad_h - kh; /* below 0 wraps and is beyond every window */
                gm_u64 left = at % w + pad_w - kw;
                if (top % stride_h != 0 || left % stride_w != 0 || top / stride_h >= oh_count ||
                    left / stride_w >= ow_count)
                    continue;
                gm_u64 row = (n * o_count + o) * oh_count + top / stride_h;
                gm_dot_term(&dot, (o * kh_count + kh) * kw_count + kw,
                            weight[((o * c_count + c) * kh_count + kh) * kw_count + kw],
                            dy[row * ow_count + left / stride_w]);
            }
        }
    }
    dx[plane * h * w + at] = gm_f32_canonical(gm_dot_end(&dot));
}

/* One chain of the dot rule for dw (O, C, KH, KW), k = (n, oh, ow): part (segments, O*C*KH*KW).
   Item: (weight, segment). */
GM_KERNEL void gm_k_conv2d_grad_w_segments(gm_u64 count, GM_GLOBAL const float *x,
                                           GM_GLOBAL const float *dy, GM_GLOBAL float *part,
                                           gm_u64 n_count, gm_u64 c_count, gm_u64 h, gm_u64 w,
                                           gm_u64 o_count, gm_u64 kh_count, gm_u64 kw_count,
                                           gm_u64 oh_count, gm_u64 ow_count, gm_u64 stride_h,
                                           gm_u64 stride_w, gm_u64 pad_h,
                                           gm_u64 pad_w GM_ITEM_PARAMS)
{
    gm_u64 at = GM_ID(0);
    gm_u64 segment = GM_ID(1);
    if (at >= count)
        return;
    gm_u64 kw = at % kw_count;
    gm_u64 kh = at / kw_count % kh_count;
    gm_u64 c = at / (kw_count * kh_count) % c_count;
    gm_u64 o = at / (kw_count * kh_count * c_count);
    gm_u64 terms = n_count * oh_count * ow_count;
    gm_u64 first = segment * GM_DOT_SEGMENT;
    gm_u64 last = terms - first < GM_DOT_SEGMENT ? terms : first + GM_DOT_SEGMENT;
    float chain = 0.0f;
    for (gm_u64 k = first; k < last; k++) {
        gm_u64 n = k / (oh_count * ow_count);
        gm_u64 position = k % (oh_count * ow_count);
        gm_u64 row = position / ow_count * stride_h + kh - pad_h;
        gm_u64 col = position % ow_count * stride_w + kw - pad_w;
        if (row < h && col < w)
            chain = GM_FMA(x[((n * c_count + c) * h + row) * w + col],
                           dy[(n * o_count + o) * oh_count * ow_count + position], chain);
    }
    part[segment * o_count * c_count * kh_count * kw_count + at] = chain;
}

#endif
