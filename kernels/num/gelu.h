/* gelu with erf, its tanh form ("gelu_new"), and their derivatives; a backward kernel multiplies
   by dy.

   Errors over all finite x: at most 2^-22 max(|x|, 1), absolute (measured over every third float:
   gelu 2^-23.11, gelu_tanh 2^-23.06, their derivatives 2^-22.76 and 2^-22.74). Where 1 + erf or 1 +
   tanh cancels, a relative bound would double the work and serve nothing in training. Every finite
   x gives a finite result; -inf gives NaN in gelu and gelu_tanh, as in the usual libraries. */
#ifndef GM_KERNELS_NUM_GELU_H
#define GM_KERNELS_NUM_GELU_H

#include "kernels/num/erf.h"
#include "kernels/num/tanh.h"

/* x Phi(x) = (x / 2) (1 + erf(x / sqrt 2)). */
GM_FN float gm_f32_gelu(float x)
{
    return (0.5f * x) * (1.0f + gm_f32_erf(x * 0x1.6a09e6p-1f));
}

/* Phi and phi vanish long before |x| = 16: cutting there keeps x^2 finite. */
GM_FN float gm_f32_gelu_cut(float x)
{
    x = gm_f32_select((gm_u32)(x > 16.0f), 16.0f, x);
    return gm_f32_select((gm_u32)(x < -16.0f), -16.0f, x);
}

/* Phi(x) + x phi(x), phi(x) = exp(-x^2 / 2) / sqrt(2 pi). */
GM_FN float gm_f32_gelu_grad(float x)
{
    x = gm_f32_gelu_cut(x);
    float cumulative = GM_FMA(0.5f, gm_f32_erf(x * 0x1.6a09e6p-1f), 0.5f);
    float density = gm_f32_exp((x * x) * -0.5f) * 0x1.988454p-2f;
    return GM_FMA(x, density, cumulative);
}

/* t = tanh(sqrt(2 / pi) (x + 0.044715 x^3)). */
GM_FN float gm_f32_gelu_tanh_inner(float x)
{
    float cubic = GM_FMA((x * x) * 0x1.6e4e26p-5f, x, x);
    return gm_f32_tanh(cubic * 0x1.988454p-1f);
}

/* (x / 2) (1 + t). */
GM_FN float gm_f32_gelu_tanh(float x)
{
    return (0.5f * x) * (1.0f + gm_f32_gelu_tanh_inner(x));
}

/* (1 + t) / 2 + (x / 2) (1 - t^2) sqrt(2 / pi) (1 + 0.134145 x^2). */
GM_FN float gm_f32_gelu_tanh_grad(float x)
{
    x = gm_f32_gelu_cut(x);
    float t = gm_f32_gelu_tanh_inner(x);
    float slope = GM_FMA(x * x, 0x1.12ba9ep-3f, 1.0f) * 0x1.988454p-1f;
    float rise = ((0.5f * x) * GM_FMA(-t, t, 1.0f)) * slope;
    return GM_FMA(0.5f, t, 0.5f) + rise;
}

#endif
