#include "backend/lower_rules.h"

void gm_lower_learning_rate(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_learning_rate, 1);
    gm_lower_attr_u32(l, 0);
    gm_lower_attr_f32(l, 1);
    gm_lower_attr_f32(l, 2);
    gm_lower_attr_u32(l, 3);
    gm_lower_attr_u32(l, 4);
}

void gm_lower_clip_factor(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_clip_factor, 1);
    gm_lower_attr_f32(l, 0);
}

void gm_lower_reciprocal_count(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_reciprocal_count, 1);
}

void gm_lower_adamw(struct gm_lowering *l)
{
    uint64_t constants = gm_lower_scratch_new(l, 3);
    gm_lower_launch(l, GM_KERNEL_adamw_constants, 1, 1);
    gm_lower_in(l, 4);
    gm_lower_in(l, 5);
    gm_lower_scratch(l, constants);
    gm_lower_attr_f32(l, 0);
    gm_lower_attr_f32(l, 1);
    gm_lower_launch(l, GM_KERNEL_adamw, gm_tensor_count(&l->outputs[0]), 1);
    for (uint32_t i = 0; i < 4; i++)
        gm_lower_in(l, i);
    gm_lower_scratch(l, constants);
    for (uint32_t j = 0; j < 3; j++)
        gm_lower_out(l, j);
    for (uint32_t attr = 0; attr < 4; attr++)
        gm_lower_attr_f32(l, attr);
}

void gm_lower_sgd(struct gm_lowering *l)
{
    gm_lower_launch(l, GM_KERNEL_sgd, gm_tensor_count(&l->outputs[0]), 1);
    for (uint32_t i = 0; i < 4; i++)
        gm_lower_in(l, i);
    gm_lower_out(l, 0);
    gm_lower_out(l, 1);
    gm_lower_attr_f32(l, 0);
    gm_lower_attr_f32(l, 1);
    gm_lower_attr_u32(l, 2);
}
