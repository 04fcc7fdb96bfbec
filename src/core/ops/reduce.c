/* Reductions to one number, and the place of the greatest. */
#include "core/ops/rules.h"

static enum gm_status infer_sum(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_sum, call, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    return GM_OK;
}

static enum gm_status infer_sum_squares(const struct gm_op_call *call,
                                        struct gm_tensor_desc *outputs, struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_sum_squares, call, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    return GM_OK;
}

static enum gm_status infer_argmax(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(&gm_op_desc_argmax, call, err));
    GM_TRY(gm_rule_want(&gm_op_desc_argmax, call, 0, gm_tensor_cols(x) <= UINT32_MAX, err,
                        "at most 2^32 - 1 columns"));
    outputs[0] = x->rank == 1 ? gm_rule_vector(GM_DTYPE_U32, 1)
                              : gm_tensor_desc_make(GM_DTYPE_U32, x->rank - 1, x->dims);
    return GM_OK;
}

static uint64_t flops_squares(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return 2 * gm_rule_flops_input(call, outputs);
}

/* dy spread over all elements: ones times dy. */
static enum gm_status grad_sum(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    struct gm_tensor_desc x = gm_rule_input_desc(grad, 0);
    gm_value ones = gm_rule_fill(grad, &x, 1.0F);
    grad->input_gradients[0] =
        gm_rule_node2(grad, GM_OP_SCALE_BY, ones, grad->output_gradients[0], NULL);
    return GM_OK;
}

/* (x * dy) * 2: the doubling is exact, so its place does not matter short of overflow. */
static enum gm_status grad_sum_squares(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    gm_value scaled =
        gm_rule_node2(grad, GM_OP_SCALE_BY, grad->node->inputs[0], grad->output_gradients[0], NULL);
    grad->input_gradients[0] = gm_rule_scale(grad, scaled, 2.0F);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_sum = {
    .op = GM_OP_SUM,
    .name = "sum",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .infer = infer_sum,
    .flops = gm_rule_flops_input,
    .grad = grad_sum,
};

const struct gm_op_desc gm_op_desc_sum_squares = {
    .op = GM_OP_SUM_SQUARES,
    .name = "sum_squares",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .infer = infer_sum_squares,
    .flops = flops_squares,
    .grad = grad_sum_squares,
};

const struct gm_op_desc gm_op_desc_argmax = {
    .op = GM_OP_ARGMAX,
    .name = "argmax",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .infer = infer_argmax,
    .flops = gm_rule_flops_input,
};
