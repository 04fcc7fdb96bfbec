/* Optimizers and the scalars they need. What depends on the step alone is computed once, by a
   single item, and read by the items of the elements. */
#ifndef GM_KERNELS_OPTIMIZER_CL
#define GM_KERNELS_OPTIMIZER_CL

#include "kernels/num/adamw.h"
#include "kernels/num/schedule.h"
#include "kernels/num/sgd.h"

/* Item: the only one. */
GM_KERNEL void gm_k_learning_rate(gm_u64 count, GM_GLOBAL const gm_u32 *step, GM_GLOBAL float *y,
                                  gm_u32 kind, float lr, float min_lr, gm_u32 warmup_steps,
                                  gm_u32 total_steps GM_ITEM_PARAMS)
{
    if (GM_ID(0) >= count)
        return;
    struct gm_schedule schedule;
    schedule.kind = kind;
    schedule.lr = lr;
    schedule.min_lr = min_lr;
    schedule.warmup_steps = warmup_steps;
    schedule.total_steps = total_steps;
    y[0] = gm_f32_canonical(gm_schedule_lr(schedule, step[0]));
}

/* 1 while the norm is at most max_norm, else max_norm / norm; a NaN norm gives NaN. Item: the only
   one. */
GM_KERNEL void gm_k_clip_factor(gm_u64 count, GM_GLOBAL const float *sum_squares,
                                GM_GLOBAL float *y, float max_norm GM_ITEM_PARAMS)
{
    if (GM_ID(0) >= count)
        return;
    float norm = GM_SQRT(sum_squares[0]);
    y[0] = gm_f32_canonical(norm <= max_norm ? 1.0f : GM_DIV(max_norm, norm));
}

/* Item: the only one. */
GM_KERNEL void gm_k_reciprocal_count(gm_u64 count, GM_GLOBAL const gm_u32 *x,
                                     GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    if (GM_ID(0) < count)
        y[0] = x[0] == 0 ? 0.0f : GM_DIV(1.0f, (float)x[0]);
}

/* constants (3): lr, 1 - beta1^t, 1 - beta2^t, with t = step + 1. Item: the only one. */
GM_KERNEL void gm_k_adamw_constants(gm_u64 count, GM_GLOBAL const float *lr,
                                    GM_GLOBAL const gm_u32 *step, GM_GLOBAL float *constants,
                                    float beta1, float beta2 GM_ITEM_PARAMS)
{
    if (GM_ID(0) >= count)
        return;
    constants[0] = lr[0];
    constants[1] = gm_adamw_correction(beta1, step[0] + 1u);
    constants[2] = gm_adamw_correction(beta2, step[0] + 1u);
}

/* Item: an element. */
GM_KERNEL void gm_k_adamw(gm_u64 count, GM_GLOBAL const float *p, GM_GLOBAL const float *g,
                          GM_GLOBAL const float *m, GM_GLOBAL const float *v,
                          GM_GLOBAL const float *constants, GM_GLOBAL float *p_new,
                          GM_GLOBAL float *m_new, GM_GLOBAL float *v_new, float beta1, float beta2,
                          float eps, float weight_decay GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i >= count)
        return;
    struct gm_adamw adamw;
    adamw.lr = constants[0];
    adamw.beta1 = beta1;
    adamw.beta2 = beta2;
    adamw.eps = eps;
    adamw.weight_decay = weight_decay;
    adamw.correction1 = constants[1];
    adamw.correction2 = constants[2];
    struct gm_adamw_element old;
    old.p = p[i];
    old.m = m[i];
    old.v = v[i];
    struct gm_adamw_element y = gm_adamw_update(adamw, old, g[i]);
    p_new[i] = gm_f32_canonical(y.p);
    m_new[i] = gm_f32_canonical(y.m);
    v_new[i] = gm_f32_canonical(y.v);
}

/* Item: an element. */
GM_KERNEL void gm_k_sgd(gm_u64 count, GM_GLOBAL const float *p, GM_GLOBAL const float *g,
                        GM_GLOBAL const float *b, GM_GLOBAL const float *lr, GM_GLOBAL float *p_new,
                        GM_GLOBAL float *b_new, float momentum, float weight_decay,
                        gm_u32 nesterov GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    if (i >= count)
        return;
    struct gm_sgd sgd;
    sgd.lr = lr[0];
    sgd.momentum = momentum;
    sgd.weight_decay = weight_decay;
    sgd.nesterov = nesterov;
    struct gm_sgd_element old;
    old.p = p[i];
    old.b = b[i];
    struct gm_sgd_element y = gm_sgd_update(sgd, old, g[i]);
    p_new[i] = gm_f32_canonical(y.p);
    b_new[i] = gm_f32_canonical(y.b);
}

#endif
