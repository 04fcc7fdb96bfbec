/* Schedules and updates against the same formulas in binary64. */
#include "gm_test.h"

#include <math.h>

#include "kernels/num/adamw.h"
#include "kernels/num/random.h"
#include "kernels/num/rope.h"
#include "kernels/num/schedule.h"
#include "kernels/num/sgd.h"

Test(schedule, warms_up_and_comes_down_to_min_lr)
{
    struct gm_schedule schedule = {.kind = GM_SCHEDULE_COSINE,
                                   .lr = 1.0f,
                                   .min_lr = 0.125f,
                                   .warmup_steps = 10,
                                   .total_steps = 110};
    cr_assert_float_eq(gm_schedule_lr(schedule, 0), 0.1, 1e-7);
    cr_assert_eq(gm_schedule_lr(schedule, 9), 1.0f);
    cr_assert_eq(gm_schedule_lr(schedule, 10), 1.0f);
    cr_assert_float_eq(gm_schedule_lr(schedule, 60), 0.5625, 1e-6);
    cr_assert_eq(gm_schedule_lr(schedule, 110), 0.125f);
    cr_assert_eq(gm_schedule_lr(schedule, UINT32_MAX), 0.125f);
    schedule.kind = GM_SCHEDULE_LINEAR;
    cr_assert_eq(gm_schedule_lr(schedule, 60), 0.5625f);
    cr_assert_eq(gm_schedule_lr(schedule, 200), 0.125f);
    schedule.kind = GM_SCHEDULE_CONSTANT;
    cr_assert_eq(gm_schedule_lr(schedule, 60), 1.0f);
    for (gm_u32 step = 10; step < 110; step++) {
        double cosine = 0.125 + 0.875 * 0.5 * (1.0 + cos(M_PI * (step - 10) / 100.0));
        schedule.kind = GM_SCHEDULE_COSINE;
        cr_assert_float_eq(gm_schedule_lr(schedule, step), cosine, 2e-7);
    }
}

Test(schedule, without_steps_after_warm_up_is_already_at_its_end)
{
    struct gm_schedule schedule = {.kind = GM_SCHEDULE_COSINE,
                                   .lr = 1.0f,
                                   .min_lr = 0.5f,
                                   .warmup_steps = 0,
                                   .total_steps = 0};
    cr_assert_eq(gm_schedule_lr(schedule, 0), 0.5f);
    schedule.warmup_steps = 4;
    cr_assert_eq(gm_schedule_lr(schedule, 3), 1.0f);
    cr_assert_eq(gm_schedule_lr(schedule, 4), 0.5f);
}

Test(adamw, corrections_hold_from_the_first_update_to_ten_million)
{
    static const float betas[] = {0.9f, 0.95f, 0.99f, 0.999f, 0.9999f};
    static const gm_u32 updates[] = {1, 2, 3, 10, 100, 1000, 54321, 1000000, 10000000};
    for (size_t b = 0; b < sizeof betas / sizeof betas[0]; b++) {
        cr_assert_eq(gm_adamw_correction(betas[b], 1), 1.0f - betas[b]);
        for (size_t u = 0; u < sizeof updates / sizeof updates[0]; u++) {
            double expected = -expm1(updates[u] * log((double)betas[b]));
            double got = gm_adamw_correction(betas[b], updates[u]);
            cr_assert(fabs(got / expected - 1.0) <= 0x1p-23, "beta %g, update %u: %g, not %g",
                      (double)betas[b], updates[u], got, expected);
        }
    }
    cr_assert_eq(gm_adamw_correction(0.0f, 1), 1.0f);
}

Test(adamw, follows_binary64_over_a_thousand_updates)
{
    struct gm_adamw adamw = {
        .lr = 1e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .weight_decay = 0.1f};
    struct gm_adamw_element y = {.p = 0.5f};
    double p = 0.5, m = 0.0, v = 0.0;
    double beta1 = 0.9f, beta2 = 0.999f, lr = 1e-3f, decay = 0.1f, eps = 1e-8f;
    for (gm_u32 t = 1; t <= 1000; t++) {
        float g = gm_random_normal(1, 1, t, 0.1f, 1.0f);
        adamw.correction1 = gm_adamw_correction(adamw.beta1, t);
        adamw.correction2 = gm_adamw_correction(adamw.beta2, t);
        y = gm_adamw_update(adamw, y, g);
        p -= lr * decay * p;
        m = beta1 * m + (1.0 - beta1) * g;
        v = beta2 * v + (1.0 - beta2) * g * g;
        p -= lr * (m / (1.0 - pow(beta1, t))) / (sqrt(v / (1.0 - pow(beta2, t))) + eps);
        cr_assert_float_eq(y.p, p, 5e-6);
    }
}

Test(sgd, follows_binary64_with_and_without_nesterov)
{
    for (gm_u32 nesterov = 0; nesterov < 2; nesterov++) {
        struct gm_sgd sgd = {
            .lr = 0.01f, .momentum = 0.9f, .weight_decay = 0.01f, .nesterov = nesterov};
        struct gm_sgd_element y = {.p = 0.5f};
        double p = 0.5, b = 0.0, lr = 0.01f, momentum = 0.9f, decay = 0.01f;
        for (gm_u32 t = 0; t < 200; t++) {
            float g = gm_random_normal(1, 2, t, 0.0f, 1.0f);
            double d = g + decay * p;
            b = momentum * b + d;
            p -= lr * (nesterov ? d + momentum * b : b);
            y = gm_sgd_update(sgd, y, g);
            cr_assert_float_eq(y.p, p, 5e-6);
        }
    }
}

/* The angle is rounded as float32 implementations round it; what is left is checked here. */
Test(rope, turns_by_position_times_frequency)
{
    cr_assert_eq(gm_rope_frequency(10000.0f, 0, 64), 1.0f);
    for (gm_u32 i = 0; i < 32; i++) {
        float frequency = gm_rope_frequency(10000.0f, i, 64);
        double expected = pow(10000.0, -2.0 * i / 64.0);
        cr_assert(fabs(frequency / expected - 1.0) < 1e-6);
        for (gm_u32 position = 0; position < 4096; position += 17) {
            double angle = (double)((float)position * frequency);
            struct gm_f32_sin_cos turn = gm_rope_sin_cos(frequency, position);
            cr_assert_float_eq(turn.sin, sin(angle), 1e-7);
            cr_assert_float_eq(turn.cos, cos(angle), 1e-7);
        }
    }
}
