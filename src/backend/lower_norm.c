#include "backend/lower_rules.h"

struct matrix {
    uint64_t rows, n;
};

static struct matrix matrix(const struct gm_lowering *l)
{
    return (struct matrix){gm_tensor_rows(l->inputs[0]), gm_tensor_cols(l->inputs[0])};
}

void gm_lower_layernorm(struct gm_lowering *l)
{
    struct matrix x = matrix(l);
    gm_lower_launch(l, GM_KERNEL_layernorm_stats, x.rows, 1);
    gm_lower_in(l, 0);
    gm_lower_out(l, 1);
    gm_lower_out(l, 2);
    gm_lower_u64(l, x.n);
    gm_lower_attr_f32(l, 0);
    gm_lower_launch(l, GM_KERNEL_layernorm, x.n, x.rows);
    for (uint32_t i = 0; i < 3; i++)
        gm_lower_in(l, i);
    gm_lower_out(l, 1);
    gm_lower_out(l, 2);
    gm_lower_out(l, 0);
    gm_lower_u64(l, x.n);
}

void gm_lower_rmsnorm(struct gm_lowering *l)
{
    struct matrix x = matrix(l);
    gm_lower_launch(l, GM_KERNEL_rmsnorm_stats, x.rows, 1);
    gm_lower_in(l, 0);
    gm_lower_out(l, 1);
    gm_lower_u64(l, x.n);
    gm_lower_attr_f32(l, 0);
    gm_lower_launch(l, GM_KERNEL_rmsnorm, x.n, x.rows);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 1);
    gm_lower_out(l, 0);
    gm_lower_u64(l, x.n);
}

/* Both gradients of x: sums of every row, then every element. */
static void lower_grad_x(struct gm_lowering *l, enum gm_kernel stats, enum gm_kernel apply,
                         uint64_t sums_per_row)
{
    struct matrix x = matrix(l);
    uint64_t sums = gm_lower_scratch_new(l, sums_per_row * x.rows);
    gm_lower_launch(l, stats, x.rows, 1);
    for (uint32_t i = 0; i < l->node->input_count; i++)
        gm_lower_in(l, i);
    gm_lower_scratch(l, sums);
    gm_lower_u64(l, x.n);
    gm_lower_launch(l, apply, x.n, x.rows);
    for (uint32_t i = 0; i < l->node->input_count; i++)
        gm_lower_in(l, i);
    gm_lower_scratch(l, sums);
    gm_lower_out(l, 0);
    gm_lower_u64(l, x.n);
}

void gm_lower_layernorm_grad_x(struct gm_lowering *l)
{
    lower_grad_x(l, GM_KERNEL_layernorm_grad_stats, GM_KERNEL_layernorm_grad_x, 2);
}

void gm_lower_rmsnorm_grad_x(struct gm_lowering *l)
{
    lower_grad_x(l, GM_KERNEL_rmsnorm_grad_stats, GM_KERNEL_rmsnorm_grad_x, 1);
}

static void lower_grad_w(struct gm_lowering *l, enum gm_kernel chains, uint32_t output_count)
{
    struct matrix x = matrix(l);
    uint64_t segments = gm_lower_segments(x.rows);
    uint64_t parts[2] = {0, 0};
    for (uint32_t j = 0; j < output_count; j++)
        parts[j] = gm_lower_scratch_new(l, segments * x.n);
    gm_lower_launch(l, chains, x.n, segments);
    for (uint32_t i = 0; i < l->node->input_count; i++)
        gm_lower_in(l, i);
    for (uint32_t j = 0; j < output_count; j++)
        gm_lower_scratch(l, parts[j]);
    gm_lower_u64(l, x.rows);
    gm_lower_u64(l, x.n);
    for (uint32_t j = 0; j < output_count; j++)
        gm_lower_totals(l, parts[j], segments, x.n, j);
}

void gm_lower_layernorm_grad_w(struct gm_lowering *l)
{
    lower_grad_w(l, GM_KERNEL_layernorm_grad_w_segments, 2);
}

void gm_lower_rmsnorm_grad_w(struct gm_lowering *l)
{
    lower_grad_w(l, GM_KERNEL_rmsnorm_grad_w_segments, 1);
}
