/* Squared error: a sum over elements, with its count. */
#include "core/ops/rules.h"

static enum gm_status infer_loss(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_mse;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_desc(desc, call, 1, &call->inputs[0], err));
    GM_TRY(gm_rule_want(desc, call, 0, gm_tensor_count(&call->inputs[0]) <= UINT32_MAX, err,
                        "fewer than 2^32 elements"));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    outputs[1] = gm_rule_vector(GM_DTYPE_U32, 1);
    return GM_OK;
}

static enum gm_status infer_grad(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_mse_grad;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_desc(desc, call, 1, &call->inputs[0], err));
    GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, 1, err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static uint64_t flops(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return 3 * gm_rule_flops_input(call, outputs);
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    const gm_value *in = grad->node->inputs;
    gm_value dx =
        gm_rule_node3(grad, GM_OP_MSE_GRAD, in[0], in[1], grad->output_gradients[0], NULL);
    grad->input_gradients[0] = dx;
    if (grad->wanted[1])
        grad->input_gradients[1] = gm_rule_scale(grad, dx, -1.0F);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_mse = {
    .op = GM_OP_MSE,
    .name = "mse",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "t"},
    .output_count = 2,
    .infer = infer_loss,
    .flops = flops,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_mse_grad = {
    .op = GM_OP_MSE_GRAD,
    .name = "mse_grad",
    .input_count_min = 3,
    .input_count_max = 3,
    .inputs = {"x", "t", "dloss"},
    .output_count = 1,
    .inplace = {1},
    .infer = infer_grad,
    .flops = flops,
};
