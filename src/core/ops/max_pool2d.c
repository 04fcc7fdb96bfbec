/* Max pooling over images (N, C, H, W), with the place of every maximum. */
#include "core/ops/window.h"

enum { KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, SIZE_H, SIZE_W };

static enum gm_status want_window(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                  struct gm_error *err)
{
    for (uint32_t i = KERNEL_H; i <= STRIDE_W; i++)
        GM_TRY(gm_rule_want_attr(desc, call, i, call->attrs[i] > 0, err, "at least 1"));
    return GM_OK;
}

/* (n, c, oh, ow); sides that do not fit are 0. */
static struct gm_tensor_desc result(const struct gm_op_call *call, const uint64_t planes[2],
                                    const uint64_t image[2])
{
    const uint64_t *a = call->attrs;
    uint64_t dims[] = {planes[0], planes[1], gm_window_count(image[0], a[KERNEL_H], a[STRIDE_H], 0),
                       gm_window_count(image[1], a[KERNEL_W], a[STRIDE_W], 0)};
    return gm_tensor_desc_make(GM_DTYPE_F32, 4, dims);
}

static enum gm_status infer_pool(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_max_pool2d;
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 4, err));
    GM_TRY(want_window(desc, call, err));
    GM_TRY(gm_rule_want(desc, call, 0, x->dims[2] * x->dims[3] <= UINT32_MAX, err,
                        "planes of fewer than 2^32 elements"));
    outputs[0] = result(call, x->dims, &x->dims[2]);
    GM_TRY(gm_rule_want(desc, call, 0, outputs[0].dims[2] > 0 && outputs[0].dims[3] > 0, err,
                        "an image no smaller than the kernel"));
    outputs[1] = outputs[0];
    outputs[1].dtype = GM_DTYPE_U32;
    return GM_OK;
}

static enum gm_status infer_grad(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_max_pool2d_grad;
    const struct gm_tensor_desc *dy = &call->inputs[1];
    GM_TRY(gm_rule_want_dtype(desc, call, 0, GM_DTYPE_U32, err));
    GM_TRY(gm_rule_want_dtype(desc, call, 1, GM_DTYPE_F32, err));
    GM_TRY(gm_rule_want_rank(desc, call, 1, 4, err));
    GM_TRY(want_window(desc, call, err));
    GM_TRY(gm_rule_want_attr(desc, call, SIZE_H,
                             call->attrs[SIZE_H] * call->attrs[SIZE_W] <= UINT32_MAX, err,
                             "planes of fewer than 2^32 elements"));
    struct gm_tensor_desc expected = result(call, dy->dims, &call->attrs[SIZE_H]);
    GM_TRY(gm_rule_want_desc(desc, call, 1, &expected, err));
    expected.dtype = GM_DTYPE_U32;
    GM_TRY(gm_rule_want_desc(desc, call, 0, &expected, err));
    uint64_t dims[] = {dy->dims[0], dy->dims[1], call->attrs[SIZE_H], call->attrs[SIZE_W]};
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, 4, dims);
    return GM_OK;
}

static uint64_t flops_pool(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return gm_rule_cost(gm_tensor_count(&outputs[0]), call->attrs[KERNEL_H], call->attrs[KERNEL_W],
                        1);
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    GM_TRY(gm_rule_first_output_only(grad, err));
    const uint64_t *a = grad->node->attrs;
    struct gm_tensor_desc x = gm_rule_input_desc(grad, 0);
    uint64_t attrs[] = {a[0], a[1], a[2], a[3], x.dims[2], x.dims[3]};
    grad->input_gradients[0] = gm_rule_node2(grad, GM_OP_MAX_POOL2D_GRAD, gm_rule_output(grad, 1),
                                             grad->output_gradients[0], attrs);
    return GM_OK;
}

/* clang-format off */
#define KERNEL_AND_STRIDES                                                                         \
    {"kernel_h", GM_ATTR_U64, GM_WINDOW_SIDE_MAX}, {"kernel_w", GM_ATTR_U64, GM_WINDOW_SIDE_MAX},  \
    {"stride_h", GM_ATTR_U64, GM_WINDOW_STRIDE_MAX}, {"stride_w", GM_ATTR_U64, GM_WINDOW_STRIDE_MAX}
/* clang-format on */

const struct gm_op_desc gm_op_desc_max_pool2d = {
    .op = GM_OP_MAX_POOL2D,
    .name = "max_pool2d",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 2,
    .attr_count = 4,
    .attrs = {KERNEL_AND_STRIDES},
    .infer = infer_pool,
    .flops = flops_pool,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_max_pool2d_grad = {
    .op = GM_OP_MAX_POOL2D_GRAD,
    .name = "max_pool2d_grad",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"index", "dy"},
    .output_count = 1,
    .attr_count = 6,
    .attrs = {KERNEL_AND_STRIDES,
              {"h", GM_ATTR_U64, GM_WINDOW_SIDE_MAX},
              {"w", GM_ATTR_U64, GM_WINDOW_SIDE_MAX}},
    .infer = infer_grad,
    .flops = gm_rule_flops_output,
};
