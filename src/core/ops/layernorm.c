/* Layer normalisation over the last dimension. */
#include "core/ops/rules.h"

static enum gm_status infer_layernorm(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                      struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_layernorm;
    const struct gm_tensor_desc *x = &call->inputs[0];
    uint64_t cols = gm_tensor_cols(x);
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, cols, err));
    GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, cols, err));
    GM_TRY(gm_rule_want_attr(desc, call, 0, gm_attr_to_f32(call->attrs[0]) >= 0.0F, err,
                             "at least 0"));
    outputs[0] = *x;
    outputs[1] = gm_rule_vector(GM_DTYPE_F32, gm_tensor_rows(x));
    outputs[2] = outputs[1];
    return GM_OK;
}

static enum gm_status infer_grad_x(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_layernorm_grad_x;
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, gm_tensor_cols(x), err));
    GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, gm_tensor_rows(x), err));
    GM_TRY(gm_rule_want_vector(desc, call, 3, GM_DTYPE_F32, gm_tensor_rows(x), err));
    GM_TRY(gm_rule_want_desc(desc, call, 4, x, err));
    outputs[0] = *x;
    return GM_OK;
}

static enum gm_status infer_grad_w(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_layernorm_grad_w;
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, gm_tensor_rows(x), err));
    GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, gm_tensor_rows(x), err));
    GM_TRY(gm_rule_want_desc(desc, call, 3, x, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, gm_tensor_cols(x));
    outputs[1] = outputs[0];
    return GM_OK;
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    GM_TRY(gm_rule_first_output_only(grad, err));
    const gm_value *in = grad->node->inputs;
    gm_value mean = gm_rule_output(grad, 1);
    gm_value rstd = gm_rule_output(grad, 2);
    gm_value dy = grad->output_gradients[0];
    if (grad->wanted[0])
        grad->input_gradients[0] =
            gm_builder_node(grad->builder, GM_OP_LAYERNORM_GRAD_X, 5,
                            (gm_value[]){in[0], in[1], mean, rstd, dy}, NULL, 0, NULL);
    if (grad->wanted[1] || grad->wanted[2]) {
        gm_value dw = gm_builder_node(grad->builder, GM_OP_LAYERNORM_GRAD_W, 4,
                                      (gm_value[]){in[0], mean, rstd, dy}, NULL, 0, NULL);
        grad->input_gradients[1] = dw;
        grad->input_gradients[2] = dw == GM_VALUE_NONE ? dw : dw + 1;
    }
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_layernorm = {
    .op = GM_OP_LAYERNORM,
    .name = "layernorm",
    .input_count_min = 3,
    .input_count_max = 3,
    .inputs = {"x", "w", "b"},
    .output_count = 3,
    .attr_count = 1,
    .attrs = {{"eps", GM_ATTR_F32, 0}},
    .infer = infer_layernorm,
    .flops = gm_rule_flops_passes,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_layernorm_grad_x = {
    .op = GM_OP_LAYERNORM_GRAD_X,
    .name = "layernorm_grad_x",
    .input_count_min = 5,
    .input_count_max = 5,
    .inputs = {"x", "w", "mean", "rstd", "dy"},
    .output_count = 1,
    .infer = infer_grad_x,
    .flops = gm_rule_flops_passes,
};

const struct gm_op_desc gm_op_desc_layernorm_grad_w = {
    .op = GM_OP_LAYERNORM_GRAD_W,
    .name = "layernorm_grad_w",
    .input_count_min = 4,
    .input_count_max = 4,
    .inputs = {"x", "mean", "rstd", "dy"},
    .output_count = 2,
    .infer = infer_grad_w,
    .flops = gm_rule_flops_passes,
};
