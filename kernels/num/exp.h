/* exp(x) for every x.

   x = n ln 2 + r, |r| <= 0.347; exp(r) = 1 + r + r^2 Q(r), Q of degree 4; then times 2^n in two
   steps, so that only the second can round and subnormal results are right.
   Error: at most 1.1 ulp (measured 1.013 over all floats). exp(NaN) is NaN, exp(-inf) = +0. */
#ifndef GM_KERNELS_NUM_EXP_H
#define GM_KERNELS_NUM_EXP_H

#include "kernels/num/bits.h"

/* Adding this to |x| < 2^22 rounds x to an integer, ties to even, and leaves it in the low bits. */
#define GM_F32_ROUNDER 0x1.8p+23f

/* p * 2^n for n in [-252, 254]. n is taken modulo 2^32, so a negative one needs no signed type. */
GM_FN float gm_f32_scale(float p, gm_u32 n)
{
    gm_u32 n1 = ((n + 512u) >> 1) - 256u;
    float first = gm_bits_f32((n1 + 127u) << 23);
    float second = gm_bits_f32((n - n1 + 127u) << 23);
    return (p * first) * second;
}

GM_FN float gm_f32_exp(float x)
{
    /* Beyond these the result is +inf or +0 already; NaN passes both comparisons. */
    x = gm_f32_select((gm_u32)(x > 89.0f), 89.0f, x);
    x = gm_f32_select((gm_u32)(x < -104.0f), -104.0f, x);
    float rounded = GM_FMA(x, 0x1.715476p+0f, GM_F32_ROUNDER);
    gm_u32 n = gm_f32_bits(rounded) - gm_f32_bits(GM_F32_ROUNDER);
    float k = rounded - GM_F32_ROUNDER;
    float r = GM_FMA(k, -0x1.62e430p-1f, x);
    r = GM_FMA(k, 0x1.05c610p-29f, r);
    float q = 0x1.6a5602p-10f;
    q = GM_FMA(q, r, 0x1.123b02p-7f);
    q = GM_FMA(q, r, 0x1.5558aap-5f);
    q = GM_FMA(q, r, 0x1.555490p-3f);
    q = GM_FMA(q, r, 0x1.fffffcp-2f);
    float tail = GM_FMA(r * r, q, r);
    return gm_f32_scale(1.0f + tail, n);
}

#endif
