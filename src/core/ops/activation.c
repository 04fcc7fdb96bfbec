/* Activations: y = f(x), and dx = f'(x) * dy. */
#include "core/ops/rules.h"

static enum gm_status infer_forward(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                    struct gm_tensor_desc *outputs, struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(desc, call, err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static enum gm_status infer_backward(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                     struct gm_tensor_desc *outputs, struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_desc(desc, call, 1, &call->inputs[0], err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

/* Sixteen for the functions: what exp, erf and tanh of the profile cost, roughly. */
static uint64_t flops_function(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)call;
    return 16 * gm_tensor_count(&outputs[0]);
}

static uint64_t flops_compare(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return gm_rule_flops_output(call, outputs);
}

#define ACTIVATION(NAME, name_, flops_)                                                            \
    static enum gm_status infer_##name_(const struct gm_op_call *call,                             \
                                        struct gm_tensor_desc *outputs, struct gm_error *err)      \
    {                                                                                              \
        return infer_forward(&gm_op_desc_##name_, call, outputs, err);                             \
    }                                                                                              \
    static enum gm_status infer_##name_##_grad(                                                    \
        const struct gm_op_call *call, struct gm_tensor_desc *outputs, struct gm_error *err)       \
    {                                                                                              \
        return infer_backward(&gm_op_desc_##name_##_grad, call, outputs, err);                     \
    }                                                                                              \
    static enum gm_status grad_##name_(struct gm_grad *grad, struct gm_error *err)                 \
    {                                                                                              \
        (void)err;                                                                                 \
        grad->input_gradients[0] = gm_rule_node2(grad, GM_OP_##NAME##_GRAD, grad->node->inputs[0], \
                                                 grad->output_gradients[0], NULL);                 \
        return GM_OK;                                                                              \
    }                                                                                              \
    const struct gm_op_desc gm_op_desc_##name_ = {                                                 \
        .op = GM_OP_##NAME,                                                                        \
        .name = #name_,                                                                            \
        .input_count_min = 1,                                                                      \
        .input_count_max = 1,                                                                      \
        .inputs = {"x"},                                                                           \
        .output_count = 1,                                                                         \
        .inplace = {1},                                                                            \
        .infer = infer_##name_,                                                                    \
        .flops = flops_,                                                                           \
        .grad = grad_##name_,                                                                      \
    };                                                                                             \
    const struct gm_op_desc gm_op_desc_##name_##_grad = {                                          \
        .op = GM_OP_##NAME##_GRAD,                                                                 \
        .name = #name_ "_grad",                                                                    \
        .input_count_min = 2,                                                                      \
        .input_count_max = 2,                                                                      \
        .inputs = GM_RULE_LIST("x", "dy"),                                                         \
        .output_count = 1,                                                                         \
        .inplace = {2},                                                                            \
        .infer = infer_##name_##_grad,                                                             \
        .flops = flops_,                                                                           \
    }

ACTIVATION(RELU, relu, flops_compare);
ACTIVATION(GELU, gelu, flops_function);
ACTIVATION(GELU_TANH, gelu_tanh, flops_function);
ACTIVATION(SILU, silu, flops_function);
