/* Rotary position embedding: the angle by which a position turns pair i of a head of head_dim
   elements,

       angle = position * theta^(-2 i / head_dim)

   rounded in the order of the widespread float32 implementations (exponent, power, reciprocal,
   product), so that models trained elsewhere see the same angles to the last bits. */
#ifndef GM_KERNELS_NUM_ROPE_H
#define GM_KERNELS_NUM_ROPE_H

#include "kernels/num/pow.h"
#include "kernels/num/trig.h"

/* theta^(-2 pair / head_dim) for theta > 0. */
GM_FN float gm_f32_rope_frequency(gm_u64 pair, gm_u64 head_dim, float theta)
{
    float exponent = GM_DIV((float)(gm_u32)(2u * pair), (float)(gm_u32)head_dim);
    return GM_DIV(1.0f, gm_f32_pow(theta, exponent));
}

/* sin and cos of the angle. position at most 2^20, pair below head_dim / 2, head_dim below 2^24. */
GM_FN struct gm_f32_sin_cos gm_f32_rope(gm_u64 position, gm_u64 pair, gm_u64 head_dim, float theta)
{
    return gm_f32_sin_cos((float)(gm_u32)position * gm_f32_rope_frequency(pair, head_dim, theta));
}

#endif
