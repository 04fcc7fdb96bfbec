/* The logistic function, silu and silu's derivative; a backward kernel multiplies by dy.

   Errors over all finite x (measured over all floats): sigmoid at most 2 ulp (1.57) or 2^-126; silu
   at most 2.5 ulp (2.04) or 2^-124; the derivative at most 2^-22 (2^-22.5) absolute. Every finite x
   gives a finite result. */
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

/* s (1 + x (1 - s)), s = sigmoid(x), x cut to [-128, 128], where s has reached 0 and 1. */
GM_FN float gm_f32_silu_grad(float x)
{
    x = gm_f32_select((gm_u32)(x > 128.0f), 128.0f, x);
    x = gm_f32_select((gm_u32)(x < -128.0f), -128.0f, x);
    float s = gm_f32_sigmoid(x);
    return s * GM_FMA(x, 1.0f - s, 1.0f);
}

#endif
