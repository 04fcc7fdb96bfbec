/* Convolution over images (N, C, H, W) with weights (O, C, KH, KW). */
#include "core/ops/window.h"

#include <inttypes.h>

enum { STRIDE_H, STRIDE_W, PAD_H, PAD_W, SIZE_H, SIZE_W };

static enum gm_status want_strides(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                   struct gm_error *err)
{
    for (uint32_t i = STRIDE_H; i <= STRIDE_W; i++)
        GM_TRY(gm_rule_want_attr(desc, call, i, call->attrs[i] > 0, err, "at least 1"));
    return GM_OK;
}

/* (n, o, oh, ow) of the convolution of an (h, w) image with a (kh, kw) kernel; sides that do not
   fit are 0. */
static struct gm_tensor_desc result(const struct gm_op_call *call, uint64_t n, uint64_t o,
                                    const uint64_t image[2], const uint64_t kernel[2])
{
    uint64_t dims[] = {
        n, o, gm_window_count(image[0], kernel[0], call->attrs[STRIDE_H], call->attrs[PAD_H]),
        gm_window_count(image[1], kernel[1], call->attrs[STRIDE_W], call->attrs[PAD_W])};
    return gm_tensor_desc_make(GM_DTYPE_F32, 4, dims);
}

static enum gm_status infer_conv2d(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_conv2d;
    const struct gm_tensor_desc *x = &call->inputs[0];
    const struct gm_tensor_desc *w = &call->inputs[1];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 4, err));
    GM_TRY(gm_rule_want_rank(desc, call, 1, 4, err));
    GM_TRY(want_strides(desc, call, err));
    GM_TRY(gm_rule_want(desc, call, 1, w->dims[1] == x->dims[1], err,
                        "%" PRIu64 " input channels, as x has", x->dims[1]));
    if (call->input_count == 3)
        GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, w->dims[0], err));
    outputs[0] = result(call, x->dims[0], w->dims[0], &x->dims[2], &w->dims[2]);
    return gm_rule_want(desc, call, 1, outputs[0].dims[2] > 0 && outputs[0].dims[3] > 0, err,
                        "a kernel no larger than the padded image");
}

static enum gm_status infer_grad_x(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_conv2d_grad_x;
    const struct gm_tensor_desc *w = &call->inputs[0];
    const struct gm_tensor_desc *dy = &call->inputs[1];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 4, err));
    GM_TRY(gm_rule_want_rank(desc, call, 1, 4, err));
    GM_TRY(want_strides(desc, call, err));
    struct gm_tensor_desc expected =
        result(call, dy->dims[0], w->dims[0], &call->attrs[SIZE_H], &w->dims[2]);
    GM_TRY(gm_rule_want_desc(desc, call, 1, &expected, err));
    uint64_t dims[] = {dy->dims[0], w->dims[1], call->attrs[SIZE_H], call->attrs[SIZE_W]};
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, 4, dims);
    return GM_OK;
}

static enum gm_status infer_grad_w(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_conv2d_grad_w;
    const struct gm_tensor_desc *x = &call->inputs[0];
    const struct gm_tensor_desc *dy = &call->inputs[1];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 4, err));
    GM_TRY(gm_rule_want_rank(desc, call, 1, 4, err));
    GM_TRY(want_strides(desc, call, err));
    struct gm_tensor_desc expected =
        result(call, x->dims[0], dy->dims[1], &x->dims[2], &call->attrs[SIZE_H]);
    GM_TRY(gm_rule_want_desc(desc, call, 1, &expected, err));
    uint64_t dims[] = {dy->dims[1], x->dims[1], call->attrs[SIZE_H], call->attrs[SIZE_W]};
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, 4, dims);
    return GM_OK;
}

/* Two per product; the three operations make the same products, one for every element of y and of
   one output channel's weights. Padding counts as if it were data. */
static uint64_t flops_products(const struct gm_tensor_desc *y, const struct gm_tensor_desc *w)
{
    return gm_rule_cost(2, gm_tensor_count(y), w->dims[1], w->dims[2] * w->dims[3]);
}

static uint64_t flops_conv2d(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return flops_products(&outputs[0], &call->inputs[1]);
}

static uint64_t flops_grad_x(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)outputs;
    return flops_products(&call->inputs[1], &call->inputs[0]);
}

static uint64_t flops_grad_w(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return flops_products(&call->inputs[1], &outputs[0]);
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    const struct gm_node *node = grad->node;
    const uint64_t *a = node->attrs;
    struct gm_tensor_desc x = gm_rule_input_desc(grad, 0);
    struct gm_tensor_desc w = gm_rule_input_desc(grad, 1);
    gm_value dy = grad->output_gradients[0];
    if (grad->wanted[0]) {
        uint64_t attrs[] = {a[0], a[1], a[2], a[3], x.dims[2], x.dims[3]};
        grad->input_gradients[0] =
            gm_rule_node2(grad, GM_OP_CONV2D_GRAD_X, node->inputs[1], dy, attrs);
    }
    if (grad->wanted[1]) {
        uint64_t attrs[] = {a[0], a[1], a[2], a[3], w.dims[2], w.dims[3]};
        grad->input_gradients[1] =
            gm_rule_node2(grad, GM_OP_CONV2D_GRAD_W, node->inputs[0], dy, attrs);
    }
    if (node->input_count == 3 && grad->wanted[2])
        grad->input_gradients[2] = gm_rule_node1(grad, GM_OP_SUM_CHANNELS, dy, NULL);
    return GM_OK;
}

/* clang-format off */
#define STRIDES_AND_PADS                                                                           \
    {"stride_h", GM_ATTR_U64, GM_WINDOW_STRIDE_MAX},                                               \
    {"stride_w", GM_ATTR_U64, GM_WINDOW_STRIDE_MAX},                                               \
    {"pad_h", GM_ATTR_U64, GM_WINDOW_STRIDE_MAX},                                                  \
    {"pad_w", GM_ATTR_U64, GM_WINDOW_STRIDE_MAX}
/* clang-format on */

const struct gm_op_desc gm_op_desc_conv2d = {
    .op = GM_OP_CONV2D,
    .name = "conv2d",
    .input_count_min = 2,
    .input_count_max = 3,
    .inputs = {"x", "w", "bias"},
    .output_count = 1,
    .attr_count = 4,
    .attrs = {STRIDES_AND_PADS},
    .heavy = true,
    .infer = infer_conv2d,
    .flops = flops_conv2d,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_conv2d_grad_x = {
    .op = GM_OP_CONV2D_GRAD_X,
    .name = "conv2d_grad_x",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"w", "dy"},
    .output_count = 1,
    .attr_count = 6,
    .attrs = {STRIDES_AND_PADS,
              {"h", GM_ATTR_U64, GM_WINDOW_SIDE_MAX},
              {"w", GM_ATTR_U64, GM_WINDOW_SIDE_MAX}},
    .heavy = true,
    .infer = infer_grad_x,
    .flops = flops_grad_x,
};

const struct gm_op_desc gm_op_desc_conv2d_grad_w = {
    .op = GM_OP_CONV2D_GRAD_W,
    .name = "conv2d_grad_w",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "dy"},
    .output_count = 1,
    .attr_count = 6,
    .attrs = {STRIDES_AND_PADS,
              {"kh", GM_ATTR_U64, GM_WINDOW_SIDE_MAX},
              {"kw", GM_ATTR_U64, GM_WINDOW_SIDE_MAX}},
    .heavy = true,
    .infer = infer_grad_w,
    .flops = flops_grad_w,
};
