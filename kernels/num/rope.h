/* Rotary position embedding: the angle by which position turns pair i of a head of dim elements,

       angle = position * theta^(-2 i / dim)

   rounded in the order of the widespread float32 implementations (exponent, power, reciprocal,
   product), so that models trained elsewhere see the same angles to the last bits. */
#ifndef GM_KERNELS_NUM_ROPE_H
#define GM_KERNELS_NUM_ROPE_H

#include "kernels/num/pow.h"
#include "kernels/num/trig.h"

/* theta > 0; i in [0, dim / 2). */
GM_FN float gm_rope_frequency(float theta, gm_u32 i, gm_u32 dim)
{
    return GM_DIV(1.0f, gm_f32_pow(theta, GM_DIV((float)(2u * i), (float)dim)));
}

/* sin and cos of the angle; position below 2^20. */
GM_FN struct gm_f32_sin_cos gm_rope_sin_cos(float frequency, gm_u32 position)
{
    return gm_f32_sin_cos((float)position * frequency);
}

#endif
