/* sin(x) and cos(x) for |x| <= 2^20 radians; beyond that, and for NaN, the result is NaN: an angle
   that large has lost its meaning in binary32, and a job that makes one should stop.

   |x| = n pi/2 + r + r_low, pi/2 in three parts of 24 bits; sin and cos of r by polynomials of
   degree 7 and 8; the quadrant swaps and signs them. Odd and even by construction: sin(-0) = -0.
   Error: at most 1 ulp (measured 0.785 for sin, 0.792 for cos, over all floats in range). */
#ifndef GM_KERNELS_NUM_TRIG_H
#define GM_KERNELS_NUM_TRIG_H

#include "kernels/num/exp.h"

#define GM_F32_TRIG_MAX 0x1p+20f

struct gm_f32_sin_cos {
    float sin;
    float cos;
};

/* Both at once for 0 <= a <= 2^20, before signs and quadrants are applied, and n modulo 2^32. */
GM_FN struct gm_f32_sin_cos gm_f32_sin_cos_reduced(float a, gm_u32 *n)
{
    float rounded = GM_FMA(a, 0x1.45f306p-1f, GM_F32_ROUNDER);
    float k = rounded - GM_F32_ROUNDER;
    *n = gm_f32_bits(rounded) - gm_f32_bits(GM_F32_ROUNDER);

    /* a - k pi/2 with an exact first step, a two-part second one, and what both leave in r_low. */
    float t = GM_FMA(k, -0x1.921fb6p+0f, a);
    float product = k * 0x1.777a5cp-25f;
    float product_low = GM_FMA(k, 0x1.777a5cp-25f, -product);
    float u = t + product;
    float v = u - t;
    float u_low = (t - (u - v)) + (product - v);
    u_low = GM_FMA(k, 0x1.ee59dap-50f, u_low + product_low);
    float r = u + u_low;
    float r_low = (u - r) + u_low;

    float z = r * r;
    float s = GM_FMA(-0x1.9866a6p-13f, z, 0x1.11048cp-7f);
    s = GM_FMA(s, z, -0x1.55553ep-3f);
    float c = GM_FMA(0x1.993bdap-16f, z, -0x1.6c09c0p-10f);
    c = GM_FMA(c, z, 0x1.555546p-5f);

    struct gm_f32_sin_cos y;
    float half_z = 0.5f * z;
    float w = 1.0f - half_z;
    y.sin = r + GM_FMA(z * r, s, GM_FMA(-half_z, r_low, r_low));
    y.cos = w + (((1.0f - w) - half_z) + GM_FMA(z * z, c, -(r * r_low)));
    return y;
}

GM_FN float gm_f32_trig_in_range(float y, float a)
{
    return gm_f32_select((gm_u32)(a <= GM_F32_TRIG_MAX), y, gm_bits_f32(GM_F32_NAN_BITS));
}

GM_FN struct gm_f32_sin_cos gm_f32_sin_cos(float x)
{
    float a = gm_f32_abs(x);
    gm_u32 n;
    struct gm_f32_sin_cos r = gm_f32_sin_cos_reduced(a, &n);
    gm_u32 odd = n & 1u;
    gm_u32 sin_sign = (n & 2u) << 30;
    gm_u32 cos_sign = ((n + 1u) & 2u) << 30;
    gm_u32 x_sign = gm_f32_bits(x) & GM_F32_SIGN;
    struct gm_f32_sin_cos y;
    y.sin = gm_bits_f32(gm_f32_bits(gm_f32_select(odd, r.cos, r.sin)) ^ sin_sign ^ x_sign);
    y.cos = gm_bits_f32(gm_f32_bits(gm_f32_select(odd, r.sin, r.cos)) ^ cos_sign);
    y.sin = gm_f32_trig_in_range(y.sin, a);
    y.cos = gm_f32_trig_in_range(y.cos, a);
    return y;
}

GM_FN float gm_f32_sin(float x)
{
    return gm_f32_sin_cos(x).sin;
}

GM_FN float gm_f32_cos(float x)
{
    return gm_f32_sin_cos(x).cos;
}

#endif
