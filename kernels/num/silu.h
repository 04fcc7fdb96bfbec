/* The logistic function, silu and silu's derivative; a backward kernel multiplies by dy.

   Errors over all finite x (measured over every third float): sigmoid and silu at most 3 ulp (2.48
   and 2.45) or 2^-121 where exp(-x) overflows; the derivative at most 2^-22 max(|x|, 1) (2^-22.47),
   absolute. Every finite x gives a finite result. */
#ifndef GM_KERNELS_NUM_SILU_H
#define GM_KERNELS_NUM_SILU_H

#include "kernels/num/exp.h"

/* 1 / (1 + exp(-x)): +0 at -inf, 1 at +inf, NaN at NaN. */
GM_FN float gm_f32_sigmoid(float x)
{
    return GM_DIV(1.0f, 1.0f + gm_f32_exp(-x));
}

/* x / (1 + exp(-x)); NaN at -inf, as in the usual libraries. */
GM_FN float gm_f32_silu(float x)
{
    return GM_DIV(x, 1.0f + gm_f32_exp(-x));
}

/* s (1 + x (1 - s)) with e = exp(-x), s = 1 / (1 + e) and 1 - s = e s, which does not cancel; x is
   cut to [-87, 128], where e is finite and s has reached 0 or 1. */
GM_FN float gm_f32_silu_grad(float x)
{
    x = gm_f32_select((gm_u32)(x > 128.0f), 128.0f, x);
    x = gm_f32_select((gm_u32)(x < -87.0f), -87.0f, x);
    float e = gm_f32_exp(-x);
    float s = GM_DIV(1.0f, 1.0f + e);
    return s * GM_FMA(x, e * s, 1.0f);
}

#endif
