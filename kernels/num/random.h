/* Random tensors by element index: element i is a function of (seed, stream, i) alone.

   One Philox counter, index = i / 4, makes the four elements 4 (i / 4) .. 4 (i / 4) + 3, in the
   order of its words. The functions of one element give the same bits and do four times the work.
 */
#ifndef GM_KERNELS_NUM_RANDOM_H
#define GM_KERNELS_NUM_RANDOM_H

#include "kernels/num/log.h"
#include "kernels/num/philox.h"
#include "kernels/num/trig.h"

struct gm_f32x4 {
    float x[4];
};

/* [0, 1), a multiple of 2^-24. */
GM_FN float gm_random_unit(gm_u32 word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/* low + u (high - low), the sum fused; rounding may reach high itself. */
GM_FN struct gm_f32x4 gm_random_uniform4(gm_u64 seed, gm_u64 stream, gm_u64 block, float low,
                                         float high)
{
    struct gm_philox random = gm_philox(seed, stream, block);
    struct gm_f32x4 y;
    for (gm_u32 i = 0; i < 4; i++)
        y.x[i] = GM_FMA(gm_random_unit(random.word[i]), high - low, low);
    return y;
}

/* mean + deviation * z. Box-Muller: words w0 and w1 give the standard normal pair
   radius cos(angle), radius sin(angle), with radius = sqrt(-2 log(((w0 >> 8) + 1) 2^-24)), at most
   5.77, and angle = 2 pi ((w1 >> 8) 2^-24); words w2 and w3 give the other two. */
GM_FN struct gm_f32x4 gm_random_normal4(gm_u64 seed, gm_u64 stream, gm_u64 block, float mean,
                                        float deviation)
{
    struct gm_philox random = gm_philox(seed, stream, block);
    struct gm_f32x4 y;
    for (gm_u32 i = 0; i < 4; i += 2) {
        float u = (float)((random.word[i] >> 8) + 1u) * 0x1p-24f;
        float radius = GM_SQRT(-2.0f * gm_f32_log(u));
        struct gm_f32_sin_cos angle =
            gm_f32_sin_cos(gm_random_unit(random.word[i + 1]) * 0x1.921fb6p+2f);
        y.x[i] = GM_FMA(radius * angle.cos, deviation, mean);
        y.x[i + 1] = GM_FMA(radius * angle.sin, deviation, mean);
    }
    return y;
}

GM_FN float gm_random_uniform(gm_u64 seed, gm_u64 stream, gm_u64 element, float low, float high)
{
    return gm_random_uniform4(seed, stream, element / 4, low, high).x[element % 4];
}

GM_FN float gm_random_normal(gm_u64 seed, gm_u64 stream, gm_u64 element, float mean,
                             float deviation)
{
    return gm_random_normal4(seed, stream, element / 4, mean, deviation).x[element % 4];
}

#endif
