/* Random fill: element i is a function of (seed, stream, i). Work-item: four elements, one Philox
   counter. seed (2): low word, high word. */
#ifndef GM_KERNELS_RANDOM_CL
#define GM_KERNELS_RANDOM_CL

#include "kernels/num/bits.h"
#include "kernels/num/random.h"

GM_FN gm_u64 gm_random_seed(GM_GLOBAL const gm_u32 *seed)
{
    return (gm_u64)seed[1] << 32 | seed[0];
}

GM_FN void gm_random_store(GM_GLOBAL float *y, gm_u64 n, gm_u64 block, struct gm_f32x4 value)
{
    for (gm_u32 i = 0; i < 4; i++) {
        if (4 * block + i < n)
            y[4 * block + i] = gm_f32_canonical(value.x[i]);
    }
}

GM_KERNEL void gm_k_random_uniform(gm_u64 count, GM_GLOBAL const gm_u32 *seed, GM_GLOBAL float *y,
                                   gm_u64 n, gm_u64 stream, float low, float high GM_ITEM_PARAMS)
{
    gm_u64 block = GM_ID(0);
    if (block < count)
        gm_random_store(y, n, block,
                        gm_random_uniform4(gm_random_seed(seed), stream, block, low, high));
}

GM_KERNEL void gm_k_random_normal(gm_u64 count, GM_GLOBAL const gm_u32 *seed, GM_GLOBAL float *y,
                                  gm_u64 n, gm_u64 stream, float mean,
                                  float deviation GM_ITEM_PARAMS)
{
    gm_u64 block = GM_ID(0);
    if (block < count)
        gm_random_store(y, n, block,
                        gm_random_normal4(gm_random_seed(seed), stream, block, mean, deviation));
}

#endif
