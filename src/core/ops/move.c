/* The same bytes under another value or shape. */
#include "core/ops/rules.h"

#include <inttypes.h>

static enum gm_status infer_copy(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    (void)err;
    outputs[0] = call->inputs[0];
    return GM_OK;
}

/* The gradient is the same tensor: no operation is needed. */
static enum gm_status grad_copy(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    grad->input_gradients[0] = grad->output_gradients[0];
    return GM_OK;
}

static enum gm_status infer_reshape(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                    struct gm_error *err)
{
    const struct gm_tensor_desc *x = &call->inputs[0];
    outputs[0] = gm_tensor_desc_make(x->dtype, call->dim_count, call->dims);
    char text[GM_TENSOR_TEXT_CHARS];
    bool same =
        gm_tensor_desc_valid(&outputs[0]) && gm_tensor_count(&outputs[0]) == gm_tensor_count(x);
    return gm_rule_want(&gm_op_desc_reshape, call, 0, same, err,
                        "as many elements as the new shape %.120s",
                        gm_tensor_desc_text(text, &outputs[0]));
}

static enum gm_status grad_reshape(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    struct gm_tensor_desc x = gm_rule_input_desc(grad, 0);
    grad->input_gradients[0] = gm_rule_reshape(grad, grad->output_gradients[0], &x);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_copy = {
    .op = GM_OP_COPY,
    .name = "copy",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .inplace = {1},
    .infer = infer_copy,
    .flops = gm_rule_flops_output,
    .grad = grad_copy,
};

const struct gm_op_desc gm_op_desc_reshape = {
    .op = GM_OP_RESHAPE,
    .name = "reshape",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .inplace = {1},
    .has_dims = true,
    .infer = infer_reshape,
    .flops = gm_rule_flops_output,
    .grad = grad_reshape,
};
