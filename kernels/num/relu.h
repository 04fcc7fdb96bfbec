/* relu by compare and select. */
#ifndef GM_KERNELS_NUM_RELU_H
#define GM_KERNELS_NUM_RELU_H

#include "kernels/num/bits.h"

/* max(x, 0): NaN stays NaN, -0 becomes +0. */
GM_FN float gm_f32_relu(float x)
{
    return gm_f32_max_end(gm_f32_max(0.0f, x));
}

/* dy where x > 0, else +0. A select, not a product with 0 or 1: an infinite dy must not become NaN
   where relu is flat. */
GM_FN float gm_f32_relu_grad(float x, float dy)
{
    return gm_f32_select((gm_u32)(x > 0.0f), dy, 0.0f);
}

#endif
