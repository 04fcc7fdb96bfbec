/* Stochastic gradient descent with momentum, one element at a time; decay is added to the gradient
   (L2), dampening is 0:

       d = g + decay p        b' = momentum b + d        p' = p - lr b'
       with nesterov          p' = p - lr (d + momentum b')

   The buffer b starts at 0. */
#ifndef GM_KERNELS_NUM_SGD_H
#define GM_KERNELS_NUM_SGD_H

#include "kernels/num/bits.h"

struct gm_sgd {
    float lr;
    float momentum;
    float weight_decay;
    gm_u32 nesterov; /* 0 or 1 */
};

struct gm_sgd_element {
    float p; /* parameter */
    float b; /* momentum buffer */
};

/* The element after the update, g being its gradient. */
GM_FN struct gm_sgd_element gm_sgd_update(struct gm_sgd sgd, struct gm_sgd_element old, float g)
{
    struct gm_sgd_element y;
    float d = GM_FMA(sgd.weight_decay, old.p, g);
    y.b = GM_FMA(sgd.momentum, old.b, d);
    float direction = gm_f32_select(sgd.nesterov, GM_FMA(sgd.momentum, y.b, d), y.b);
    y.p = GM_FMA(-sgd.lr, direction, old.p);
    return y;
}

#endif
