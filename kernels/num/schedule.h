/* Learning-rate schedules: a pure function of the step, which counts updates from 0.

   warm-up, step < warmup:  lr (step + 1) / warmup
   after it, with progress = min(1, (step - warmup) / (total - warmup)), or 1 where total <= warmup:
       constant  lr
       linear    min_lr + (lr - min_lr) (1 - progress)
       cosine    min_lr + (lr - min_lr) (1 + cos(pi progress)) / 2
   Steps are exact up to 2^24. */
#ifndef GM_KERNELS_NUM_SCHEDULE_H
#define GM_KERNELS_NUM_SCHEDULE_H

#include "kernels/num/trig.h"

enum gm_schedule_kind { GM_SCHEDULE_CONSTANT = 0, GM_SCHEDULE_LINEAR = 1, GM_SCHEDULE_COSINE = 2 };

struct gm_schedule {
    gm_u32 kind; /* enum gm_schedule_kind; any other value is constant */
    float lr;
    float min_lr;
    gm_u32 warmup_steps;
    gm_u32 total_steps;
};

GM_FN float gm_schedule_progress(struct gm_schedule schedule, gm_u32 step)
{
    if (step >= schedule.total_steps || schedule.total_steps <= schedule.warmup_steps)
        return 1.0f;
    return GM_DIV((float)(step - schedule.warmup_steps),
                  (float)(schedule.total_steps - schedule.warmup_steps));
}

GM_FN float gm_schedule_lr(struct gm_schedule schedule, gm_u32 step)
{
    if (step < schedule.warmup_steps)
        return schedule.lr * GM_DIV((float)(step + 1u), (float)schedule.warmup_steps);
    float progress = gm_schedule_progress(schedule, step);
    float share = 1.0f;
    if (schedule.kind == GM_SCHEDULE_LINEAR)
        share = 1.0f - progress;
    if (schedule.kind == GM_SCHEDULE_COSINE)
        share = GM_FMA(0.5f, gm_f32_cos(progress * 0x1.921fb6p+1f), 0.5f);
    return schedule.kind == GM_SCHEDULE_LINEAR || schedule.kind == GM_SCHEDULE_COSINE
               ? GM_FMA(share, schedule.lr - schedule.min_lr, schedule.min_lr)
               : schedule.lr;
}

#endif
