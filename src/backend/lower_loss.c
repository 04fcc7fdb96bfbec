#include "backend/lower_rules.h"

void gm_lower_cross_entropy(struct gm_lowering *l)
{
    uint64_t rows = gm_tensor_rows(l->inputs[0]);
    uint64_t loss = gm_lower_scratch_new(l, rows);
    uint64_t used = gm_lower_scratch_new(l, rows);
    gm_lower_launch(l, GM_KERNEL_cross_entropy_rows, rows, 1);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 2);
    gm_lower_out(l, 3);
    gm_lower_scratch(l, loss);
    gm_lower_scratch(l, used);
    gm_lower_u64(l, gm_tensor_cols(l->inputs[0]));
    gm_lower_sum_levels(l, GM_KERNEL_sum_blocks, loss, rows, 0);
    gm_lower_sum_levels(l, GM_KERNEL_sum_u32_blocks, used, rows, 1);
}

void gm_lower_cross_entropy_grad(struct gm_lowering *l)
{
    uint64_t n = gm_tensor_cols(l->inputs[0]);
    gm_lower_launch(l, GM_KERNEL_cross_entropy_grad, n, gm_tensor_rows(l->inputs[0]));
    for (uint32_t i = 0; i < 5; i++)
        gm_lower_in(l, i);
    gm_lower_out(l, 0);
    gm_lower_u64(l, n);
}

void gm_lower_mse(struct gm_lowering *l)
{
    uint64_t count = gm_tensor_count(l->inputs[0]);
    uint64_t blocks = gm_lower_blocks(count);
    uint64_t part = gm_lower_scratch_new(l, blocks);
    gm_lower_launch(l, GM_KERNEL_mse_blocks, blocks, 1);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_scratch(l, part);
    gm_lower_u64(l, count);
    gm_lower_sum_levels(l, GM_KERNEL_sum_blocks, part, blocks, 0);
    gm_lower_launch(l, GM_KERNEL_fill_u32, 1, 1);
    gm_lower_out(l, 1);
    gm_lower_u32(l, (uint32_t)count);
}

void gm_lower_mse_grad(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_mse_grad, 3);
}
