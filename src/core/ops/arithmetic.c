/* Elementwise arithmetic of two tensors of one shape, and with one number. */
#include "core/ops/rules.h"

static enum gm_status infer_pair(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 struct gm_tensor_desc *outputs, struct gm_error *err)
{
    GM_TRY(gm_rule_want_desc(desc, call, 1, &call->inputs[0], err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static enum gm_status infer_add(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                struct gm_error *err)
{
    enum gm_dtype dtype = call->inputs[0].dtype;
    GM_TRY(gm_rule_want(&gm_op_desc_add, call, 0, dtype == GM_DTYPE_F32 || dtype == GM_DTYPE_U32,
                        err, "f32 or u32"));
    return infer_pair(&gm_op_desc_add, call, outputs, err);
}

static enum gm_status infer_sub(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_sub, call, err));
    return infer_pair(&gm_op_desc_sub, call, outputs, err);
}

static enum gm_status infer_mul(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_mul, call, err));
    return infer_pair(&gm_op_desc_mul, call, outputs, err);
}

static enum gm_status infer_div(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_div, call, err));
    return infer_pair(&gm_op_desc_div, call, outputs, err);
}

static enum gm_status infer_scale(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                  struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_scale, call, err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static enum gm_status infer_scale_by(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                     struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_scale_by, call, err));
    GM_TRY(gm_rule_want_vector(&gm_op_desc_scale_by, call, 1, GM_DTYPE_F32, 1, err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static enum gm_status grad_add(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    grad->input_gradients[0] = grad->output_gradients[0];
    grad->input_gradients[1] = grad->output_gradients[0];
    return GM_OK;
}

static enum gm_status grad_sub(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    grad->input_gradients[0] = grad->output_gradients[0];
    if (grad->wanted[1])
        grad->input_gradients[1] = gm_rule_scale(grad, grad->output_gradients[0], -1.0F);
    return GM_OK;
}

static enum gm_status grad_mul(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    gm_value dy = grad->output_gradients[0];
    for (uint32_t i = 0; i < 2; i++)
        if (grad->wanted[i])
            grad->input_gradients[i] =
                gm_rule_node2(grad, GM_OP_MUL, dy, grad->node->inputs[1 - i], NULL);
    return GM_OK;
}

/* y = a / b: da = dy / b, db = -(dy * y) / b. */
static enum gm_status grad_div(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    gm_value dy = grad->output_gradients[0];
    gm_value b = grad->node->inputs[1];
    if (grad->wanted[0])
        grad->input_gradients[0] = gm_rule_node2(grad, GM_OP_DIV, dy, b, NULL);
    if (grad->wanted[1]) {
        gm_value product = gm_rule_node2(grad, GM_OP_MUL, dy, gm_rule_output(grad, 0), NULL);
        gm_value quotient = gm_rule_node2(grad, GM_OP_DIV, product, b, NULL);
        grad->input_gradients[1] = gm_rule_scale(grad, quotient, -1.0F);
    }
    return GM_OK;
}

static enum gm_status grad_scale(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    grad->input_gradients[0] =
        gm_rule_node1(grad, GM_OP_SCALE, grad->output_gradients[0], grad->node->attrs);
    return GM_OK;
}

static enum gm_status grad_scale_by(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    gm_value dy = grad->output_gradients[0];
    if (grad->wanted[0])
        grad->input_gradients[0] =
            gm_rule_node2(grad, GM_OP_SCALE_BY, dy, grad->node->inputs[1], NULL);
    if (grad->wanted[1]) {
        gm_value product = gm_rule_node2(grad, GM_OP_MUL, dy, grad->node->inputs[0], NULL);
        grad->input_gradients[1] = gm_rule_node1(grad, GM_OP_SUM, product, NULL);
    }
    return GM_OK;
}

#define PAIR(NAME, name_)                                                                          \
    const struct gm_op_desc gm_op_desc_##name_ = {                                                 \
        .op = GM_OP_##NAME,                                                                        \
        .name = #name_,                                                                            \
        .input_count_min = 2,                                                                      \
        .input_count_max = 2,                                                                      \
        .inputs = GM_RULE_LIST("a", "b"),                                                          \
        .output_count = 1,                                                                         \
        .inplace = {1},                                                                            \
        .infer = infer_##name_,                                                                    \
        .flops = gm_rule_flops_output,                                                             \
        .grad = grad_##name_,                                                                      \
    }

PAIR(ADD, add);
PAIR(SUB, sub);
PAIR(MUL, mul);
PAIR(DIV, div);

const struct gm_op_desc gm_op_desc_scale = {
    .op = GM_OP_SCALE,
    .name = "scale",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .inplace = {1},
    .attr_count = 1,
    .attrs = {{"factor", GM_ATTR_F32, 0}},
    .infer = infer_scale,
    .flops = gm_rule_flops_output,
    .grad = grad_scale,
};

const struct gm_op_desc gm_op_desc_scale_by = {
    .op = GM_OP_SCALE_BY,
    .name = "scale_by",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "s"},
    .output_count = 1,
    .inplace = {1},
    .infer = infer_scale_by,
    .flops = gm_rule_flops_output,
    .grad = grad_scale_by,
};
