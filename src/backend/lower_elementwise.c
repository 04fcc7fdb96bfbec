#include "backend/lower_rules.h"

void gm_lower_fill(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_fill, 0);
    gm_lower_attr_f32(l, 0);
}

void gm_lower_iota(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_iota, 0);
    gm_lower_attr_u64(l, 0);
}

/* One work-item makes the four elements of a Philox counter. */
static void lower_random(struct gm_lowering *l, enum gm_kernel kernel)
{
    uint64_t count = gm_tensor_count(&l->outputs[0]);
    gm_lower_launch(l, kernel, (count + 3) / 4, 1);
    gm_lower_in(l, 0);
    gm_lower_out(l, 0);
    gm_lower_u64(l, count);
    gm_lower_attr_u64(l, 0);
    gm_lower_attr_f32(l, 1);
    gm_lower_attr_f32(l, 2);
}

void gm_lower_random_uniform(struct gm_lowering *l)
{
    lower_random(l, GM_KERNEL_random_uniform);
}

void gm_lower_random_normal(struct gm_lowering *l)
{
    lower_random(l, GM_KERNEL_random_normal);
}

void gm_lower_add(struct gm_lowering *l)
{
    bool whole = l->outputs[0].dtype == GM_DTYPE_U32;
    gm_lower_elementwise(l, whole ? GM_KERNEL_add_u32 : GM_KERNEL_add, 2);
}

void gm_lower_sub(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_sub, 2);
}

void gm_lower_mul(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_mul, 2);
}

void gm_lower_div(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_div, 2);
}

void gm_lower_scale(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_scale, 1);
    gm_lower_attr_f32(l, 0);
}

void gm_lower_scale_by(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_scale_by, 2);
}

void gm_lower_add_row(struct gm_lowering *l)
{
    uint64_t n = gm_tensor_cols(&l->outputs[0]);
    gm_lower_launch(l, GM_KERNEL_add_row, n, gm_tensor_rows(&l->outputs[0]));
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    gm_lower_u64(l, n);
}

void gm_lower_add_channel(struct gm_lowering *l)
{
    uint64_t channels = l->outputs[0].dims[1];
    uint64_t planes = l->outputs[0].dims[0] * channels;
    uint64_t inner = planes == 0 ? 0 : gm_tensor_count(&l->outputs[0]) / planes;
    gm_lower_launch(l, GM_KERNEL_add_channel, inner, planes);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    gm_lower_u64(l, channels);
    gm_lower_u64(l, inner);
}

void gm_lower_relu(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_relu, 1);
}

void gm_lower_gelu(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_gelu, 1);
}

void gm_lower_gelu_tanh(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_gelu_tanh, 1);
}

void gm_lower_silu(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_silu, 1);
}

void gm_lower_relu_grad(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_relu_grad, 2);
}

void gm_lower_gelu_grad(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_gelu_grad, 2);
}

void gm_lower_gelu_tanh_grad(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_gelu_tanh_grad, 2);
}

void gm_lower_silu_grad(struct gm_lowering *l)
{
    gm_lower_elementwise(l, GM_KERNEL_silu_grad, 2);
}
