/* Natural logarithm, for every x.

   x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1 + f) = f - f^2/2 + f^3 P(f), P of
   degree 8. Error: at most 1 ulp (measured 0.807 over all floats).
   log(0) = -inf for either zero, log(x < 0) and log(NaN) are NaN, log(+inf) = +inf. */
#ifndef GM_KERNELS_NUM_LOG_H
#define GM_KERNELS_NUM_LOG_H

#include "kernels/num/bits.h"

#define GM_F32_SQRT_HALF_BITS 0x3f3504f3u

/* x = 2^k * m for positive finite x, m in [sqrt(1/2), sqrt(2)). */
struct gm_f32_parts {
    float k;
    float m;
};

GM_FN struct gm_f32_parts gm_f32_split(float x)
{
    struct gm_f32_parts parts;
    gm_u32 subnormal = (gm_u32)(x < 0x1p-126f);
    gm_u32 bits = gm_f32_bits(gm_f32_select(subnormal, x * 0x1p+23f, x));
    bits += 0x3f800000u - GM_F32_SQRT_HALF_BITS;
    parts.k = (float)((gm_i32)(bits >> 23) - 127 - 23 * (gm_i32)subnormal);
    parts.m = gm_bits_f32((bits & 0x007fffffu) + GM_F32_SQRT_HALF_BITS);
    return parts;
}

GM_FN float gm_f32_log(float x)
{
    struct gm_f32_parts parts = gm_f32_split(x);
    float f = parts.m - 1.0f;
    float p = 0x1.14763ap-4f;
    p = GM_FMA(p, f, -0x1.de02d6p-4f);
    p = GM_FMA(p, f, 0x1.e6bf38p-4f);
    p = GM_FMA(p, f, -0x1.fc2884p-4f);
    p = GM_FMA(p, f, 0x1.233ba8p-3f);
    p = GM_FMA(p, f, -0x1.555c46p-3f);
    p = GM_FMA(p, f, 0x1.99a476p-3f);
    p = GM_FMA(p, f, -0x1.000006p-2f);
    p = GM_FMA(p, f, 0x1.555548p-2f);
    float square = f * f;
    float tail = GM_FMA(parts.k, -0x1.05c610p-29f, (square * f) * p);
    tail = GM_FMA(square, -0.5f, tail);
    float y = GM_FMA(parts.k, 0x1.62e430p-1f, f + tail);

    gm_u32 bits = gm_f32_bits(x);
    y = gm_f32_select((gm_u32)(bits >= GM_F32_INF_BITS), gm_bits_f32(GM_F32_NAN_BITS), y);
    y = gm_f32_select((gm_u32)(bits == GM_F32_INF_BITS), x, y);
    return gm_f32_select((gm_u32)(x == 0.0f), gm_bits_f32(0xff800000u), y);
}

#endif
