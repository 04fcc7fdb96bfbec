/* AdamW (Loshchilov and Hutter, 2019), one element at a time, with decoupled weight decay:

       m' = beta1 m + (1 - beta1) g              v' = beta2 v + (1 - beta2) g^2
       p' = p - lr decay p - lr (m' / c1) / (sqrt(v' / c2) + eps)

   where c1 = 1 - beta1^t and c2 = 1 - beta2^t, t counting updates from 1, are found once per
   tensor. t is exact up to 2^24. */
#ifndef GM_KERNELS_NUM_ADAMW_H
#define GM_KERNELS_NUM_ADAMW_H

#include "kernels/num/pow.h"

struct gm_adamw {
    float lr;
    float beta1;
    float beta2;
    float eps;
    float weight_decay;
    float correction1; /* c1 */
    float correction2; /* c2 */
};

/* c for one beta in [0, 1) at update t >= 1. */
GM_FN float gm_adamw_correction(float beta, gm_u32 t)
{
    float c = gm_f32_one_minus_pow(beta, (float)t);
    return gm_f32_select((gm_u32)(beta == 0.0f), 1.0f, c);
}

struct gm_adamw_element {
    float p; /* parameter */
    float m; /* first moment */
    float v; /* second moment */
};

/* The element after the update, g being its gradient. */
GM_FN struct gm_adamw_element gm_adamw_update(struct gm_adamw adamw, struct gm_adamw_element old,
                                              float g)
{
    struct gm_adamw_element y;
    y.m = GM_FMA(adamw.beta1, old.m, (1.0f - adamw.beta1) * g);
    y.v = GM_FMA(adamw.beta2, old.v, ((1.0f - adamw.beta2) * g) * g);
    float m_hat = GM_DIV(y.m, adamw.correction1);
    float v_hat = GM_DIV(y.v, adamw.correction2);
    float decayed = GM_FMA(-(adamw.lr * adamw.weight_decay), old.p, old.p);
    y.p = GM_FMA(-adamw.lr, GM_DIV(m_hat, GM_SQRT(v_hat) + adamw.eps), decayed);
    return y;
}

#endif
