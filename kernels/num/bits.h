/* Bit-level parts that every function of num/ is made of: select, classify, canonical NaN, and the
   profile's maximum and relu. Conditions are 0 or 1. */
#ifndef GM_KERNELS_NUM_BITS_H
#define GM_KERNELS_NUM_BITS_H

#include "kernels/dialect.h"

#define GM_F32_NAN_BITS 0x7fc00000u
#define GM_F32_INF_BITS 0x7f800000u
#define GM_F32_SIGN     0x80000000u

/* yes where condition is 1, no where it is 0. By masks, not by `?:`: compilers move the arithmetic
   of an arm into a branch and then can no longer vectorise the loop around it. */
GM_FN gm_u32 gm_u32_select(gm_u32 condition, gm_u32 yes, gm_u32 no)
{
    gm_u32 mask = 0u - condition;
    return (yes & mask) | (no & ~mask);
}

GM_FN float gm_f32_select(gm_u32 condition, float yes, float no)
{
    return gm_bits_f32(gm_u32_select(condition, gm_f32_bits(yes), gm_f32_bits(no)));
}

GM_FN float gm_f32_abs(float x)
{
    return gm_bits_f32(gm_f32_bits(x) & ~GM_F32_SIGN);
}

/* |magnitude| with the sign of sign; magnitude must not be negative. */
GM_FN float gm_f32_with_sign(float magnitude, float sign)
{
    return gm_bits_f32(gm_f32_bits(magnitude) | (gm_f32_bits(sign) & GM_F32_SIGN));
}

GM_FN gm_u32 gm_f32_is_nan(float x)
{
    return (gm_f32_bits(x) & ~GM_F32_SIGN) > GM_F32_INF_BITS;
}

GM_FN gm_u32 gm_f32_is_finite(float x)
{
    return (gm_f32_bits(x) & ~GM_F32_SIGN) < GM_F32_INF_BITS;
}

/* What a kernel stores: x86, Arm and GPUs make different NaNs from the same operands. */
GM_FN float gm_f32_canonical(float x)
{
    return gm_bits_f32(gm_u32_select(gm_f32_is_nan(x), GM_F32_NAN_BITS, gm_f32_bits(x)));
}

/* One step of a maximum, best so far and next value. Once NaN, it stays NaN. The order of steps
   can change only which zero is kept, so a finished maximum is stored as gm_f32_max_end(best). */
GM_FN float gm_f32_max(float best, float x)
{
    gm_u32 take = (gm_u32)(x > best) | gm_f32_is_nan(x);
    return gm_f32_select(take, x, best);
}

GM_FN float gm_f32_max_end(float best)
{
    return best + 0.0f;
}

/* Argmax: does a later element x take over from best? The first NaN wins, else the lowest index of
   the largest value, so equals never take over. */
GM_FN gm_u32 gm_f32_argmax_takes(float best, float x)
{
    gm_u32 better = (gm_u32)(x > best) | gm_f32_is_nan(x);
    return better & (gm_f32_is_nan(best) ^ 1u);
}

#endif
