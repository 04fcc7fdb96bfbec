#include "backend/lower_rules.h"

/* Numbers that the convolution kernels share, in their order. */
struct conv {
    uint64_t c_count, h, w, o_count, kh_count, kw_count, oh_count, ow_count;
};

static void append_conv(struct gm_lowering *l, const struct conv *c)
{
    const uint64_t numbers[] = {c->c_count,  c->h,        c->w,        c->o_count,
                                c->kh_count, c->kw_count, c->oh_count, c->ow_count};
    for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        gm_lower_u64(l, numbers[i]);
    for (uint32_t attr = 0; attr < 4; attr++)
        gm_lower_attr_u64(l, attr);
}

static struct conv conv(const struct gm_tensor_desc *x, const struct gm_tensor_desc *weight,
                        const struct gm_tensor_desc *y)
{
    return (struct conv){weight->dims[1], x->dims[2],      x->dims[3], weight->dims[0],
                         weight->dims[2], weight->dims[3], y->dims[2], y->dims[3]};
}

void gm_lower_conv2d(struct gm_lowering *l)
{
    struct conv c = conv(l->inputs[0], l->inputs[1], &l->outputs[0]);
    uint64_t planes = l->inputs[0]->dims[0] * c.o_count;
    uint64_t inner = c.oh_count * c.ow_count;
    gm_lower_launch(l, GM_KERNEL_conv2d, inner, planes);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    append_conv(l, &c);
    if (l->node->input_count < 3)
        return;
    gm_lower_launch(l, GM_KERNEL_add_channel, inner, planes);
    gm_lower_out(l, 0);
    gm_lower_in(l, 2);
    gm_lower_out(l, 0);
    gm_lower_u64(l, c.o_count);
    gm_lower_u64(l, inner);
}

void gm_lower_conv2d_grad_x(struct gm_lowering *l)
{
    struct conv c = conv(&l->outputs[0], l->inputs[0], l->inputs[1]);
    gm_lower_launch(l, GM_KERNEL_conv2d_grad_x, c.h * c.w, l->outputs[0].dims[0] * c.c_count);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    append_conv(l, &c);
}

void gm_lower_conv2d_grad_w(struct gm_lowering *l)
{
    struct conv c = conv(l->inputs[0], &l->outputs[0], l->inputs[1]);
    uint64_t batch = l->inputs[0]->dims[0];
    uint64_t weights = gm_tensor_count(&l->outputs[0]);
    uint64_t segments = gm_lower_segments(batch * c.oh_count * c.ow_count);
    uint64_t part = gm_lower_scratch_new(l, segments * weights);
    gm_lower_launch(l, GM_KERNEL_conv2d_grad_w_segments, weights, segments);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_scratch(l, part);
    gm_lower_u64(l, batch);
    append_conv(l, &c);
    gm_lower_totals(l, part, segments, weights, 0);
}

/* `image` is the side that is pooled, `windows` the pooled one. */
static void append_pool(struct gm_lowering *l, const struct gm_tensor_desc *image,
                        const struct gm_tensor_desc *windows)
{
    gm_lower_u64(l, image->dims[2]);
    gm_lower_u64(l, image->dims[3]);
    for (uint32_t attr = 0; attr < 4; attr++)
        gm_lower_attr_u64(l, attr);
    gm_lower_u64(l, windows->dims[2]);
    gm_lower_u64(l, windows->dims[3]);
}

void gm_lower_max_pool2d(struct gm_lowering *l)
{
    const struct gm_tensor_desc *y = &l->outputs[0];
    gm_lower_launch(l, GM_KERNEL_max_pool2d, y->dims[2] * y->dims[3], y->dims[0] * y->dims[1]);
    gm_lower_in(l, 0);
    gm_lower_out(l, 0);
    gm_lower_out(l, 1);
    append_pool(l, l->inputs[0], y);
}

void gm_lower_max_pool2d_grad(struct gm_lowering *l)
{
    const struct gm_tensor_desc *x = &l->outputs[0];
    gm_lower_launch(l, GM_KERNEL_max_pool2d_grad, x->dims[2] * x->dims[3], x->dims[0] * x->dims[1]);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    append_pool(l, x, l->inputs[1]);
}
