/* Activations and their derivatives, f(x) and f'(x); a backward kernel multiplies dy * f'(x).

   Errors are absolute, in units of 2^-24 * max(|x|, 1) for f and of 2^-24 for f': where 1 + erf or
   1 + tanh cancels, a relative bound would cost twice the work and serve nothing in training.
   Every finite x gives a finite result; what infinities give is stated at each function. */
#ifndef GM_KERNELS_NUM_ACTIVATION_H
#define GM_KERNELS_NUM_ACTIVATION_H

#include "kernels/num/erf.h"
#include "kernels/num/tanh.h"

/* max(x, 0) by compare and select; NaN stays NaN, -0 becomes +0. */
GM_FN float gm_f32_relu(float x)
{
    return gm_f32_select((gm_u32)(x <= 0.0f), 0.0f, x);
}

/* dy where x > 0 or x is NaN, else +0: a select, so that an infinite dy does not become NaN. */
GM_FN float gm_f32_relu_backward(float x, float dy)
{
    return gm_f32_select((gm_u32)(x <= 0.0f), 0.0f, dy);
}

/* 1 / (1 + exp(-x)): 0 at -inf, 1 at +inf. */
GM_FN float gm_f32_sigmoid(float x)
{
    return GM_DIV(1.0f, 1.0f + gm_f32_exp(-x));
}

/* x / (1 + exp(-x)); NaN at -inf, as in the usual libraries. */
GM_FN float gm_f32_silu(float x)
{
    return GM_DIV(x, 1.0f + gm_f32_exp(-x));
}

/* s (1 + x (1 - s)), s = sigmoid(x) with |x| cut at 128, beyond which s has reached 0 or 1. */
GM_FN float gm_f32_silu_derivative(float x)
{
    x = gm_f32_select((gm_u32)(x > 128.0f), 128.0f, x);
    x = gm_f32_select((gm_u32)(x < -128.0f), -128.0f, x);
    float s = gm_f32_sigmoid(x);
    return s * GM_FMA(x, 1.0f - s, 1.0f);
}

/* x Phi(x) = (x / 2) (1 + erf(x / sqrt 2)); NaN at -inf. */
GM_FN float gm_f32_gelu(float x)
{
    return (0.5f * x) * (1.0f + gm_f32_erf(x * 0x1.6a09e6p-1f));
}

/* Phi(x) + x phi(x), phi(x) = exp(-x^2 / 2) / sqrt(2 pi); |x| cut at 16, where phi is 0. */
GM_FN float gm_f32_gelu_derivative(float x)
{
    x = gm_f32_select((gm_u32)(x > 16.0f), 16.0f, x);
    x = gm_f32_select((gm_u32)(x < -16.0f), -16.0f, x);
    float cumulative = GM_FMA(0.5f, gm_f32_erf(x * 0x1.6a09e6p-1f), 0.5f);
    float density = gm_f32_exp((x * x) * -0.5f) * 0x1.988454p-2f;
    return GM_FMA(x, density, cumulative);
}

/* tanh(u), u = sqrt(2 / pi) (x + 0.044715 x^3): what the tanh form of gelu is made of. */
GM_FN float gm_f32_gelu_new_tanh(float x)
{
    float inner = GM_FMA((x * x) * 0x1.6e4e26p-5f, x, x);
    return gm_f32_tanh(inner * 0x1.988454p-1f);
}

/* The tanh form, "gelu_new": (x / 2) (1 + tanh(u)); NaN at -inf. */
GM_FN float gm_f32_gelu_new(float x)
{
    return (0.5f * x) * (1.0f + gm_f32_gelu_new_tanh(x));
}

/* (1 + t) / 2 + (x / 2) (1 - t^2) du/dx, du/dx = sqrt(2 / pi) (1 + 0.134145 x^2); |x| cut at 16. */
GM_FN float gm_f32_gelu_new_derivative(float x)
{
    x = gm_f32_select((gm_u32)(x > 16.0f), 16.0f, x);
    x = gm_f32_select((gm_u32)(x < -16.0f), -16.0f, x);
    float t = gm_f32_gelu_new_tanh(x);
    float slope = GM_FMA(x * x, 0x1.12ba9ep-3f, 1.0f) * 0x1.988454p-1f;
    float rise = ((0.5f * x) * GM_FMA(-t, t, 1.0f)) * slope;
    return GM_FMA(0.5f, t, 0.5f) + rise;
}

#endif
