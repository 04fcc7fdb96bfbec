/* Root-mean-square normalisation over the last dimension. */
#include "core/ops/rules.h"

static enum gm_status infer_rmsnorm(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                    struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_rmsnorm;
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, gm_tensor_cols(x), err));
    GM_TRY(gm_rule_want_attr(desc, call, 0, gm_attr_to_f32(call->attrs[0]) >= 0.0F, err,
                             "at least 0"));
    outputs[0] = *x;
    outputs[1] = gm_rule_vector(GM_DTYPE_F32, gm_tensor_rows(x));
    return GM_OK;
}

static enum gm_status infer_grad_x(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_rmsnorm_grad_x;
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, gm_tensor_cols(x), err));
    GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, gm_tensor_rows(x), err));
    GM_TRY(gm_rule_want_desc(desc, call, 3, x, err));
    outputs[0] = *x;
    return GM_OK;
}

static enum gm_status infer_grad_w(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_rmsnorm_grad_w;
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, gm_tensor_rows(x), err));
    GM_TRY(gm_rule_want_desc(desc, call, 2, x, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, gm_tensor_cols(x));
    return GM_OK;
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    GM_TRY(gm_rule_first_output_only(grad, err));
    const gm_value *in = grad->node->inputs;
    gm_value rstd = gm_rule_output(grad, 1);
    gm_value dy = grad->output_gradients[0];
    if (grad->wanted[0])
        grad->input_gradients[0] =
            gm_builder_node(grad->builder, GM_OP_RMSNORM_GRAD_X, 4,
                            (gm_value[]){in[0], in[1], rstd, dy}, NULL, 0, NULL);
    if (grad->wanted[1])
        grad->input_gradients[1] = gm_rule_node3(grad, GM_OP_RMSNORM_GRAD_W, in[0], rstd, dy, NULL);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_rmsnorm = {
    .op = GM_OP_RMSNORM,
    .name = "rmsnorm",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "w"},
    .output_count = 2,
    .attr_count = 1,
    .attrs = {{"eps", GM_ATTR_F32, 0}},
    .infer = infer_rmsnorm,
    .flops = gm_rule_flops_passes,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_rmsnorm_grad_x = {
    .op = GM_OP_RMSNORM_GRAD_X,
    .name = "rmsnorm_grad_x",
    .input_count_min = 4,
    .input_count_max = 4,
    .inputs = {"x", "w", "rstd", "dy"},
    .output_count = 1,
    .infer = infer_grad_x,
    .flops = gm_rule_flops_passes,
};

const struct gm_op_desc gm_op_desc_rmsnorm_grad_w = {
    .op = GM_OP_RMSNORM_GRAD_W,
    .name = "rmsnorm_grad_w",
    .input_count_min = 3,
    .input_count_max = 3,
    .inputs = {"x", "rstd", "dy"},
    .output_count = 1,
    .infer = infer_grad_w,
    .flops = gm_rule_flops_passes,
};
