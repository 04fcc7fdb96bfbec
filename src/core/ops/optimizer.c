/* Optimizer steps: a parameter, its gradient and its state give the next parameter and state. */
#include "core/ops/rules.h"

/* All tensors before `scalars` have the parameter's shape; then lr and step follow. */
static enum gm_status want_operands(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                    uint32_t scalars, struct gm_error *err)
{
    GM_TRY(gm_rule_want_dtype(desc, call, 0, GM_DTYPE_F32, err));
    for (uint32_t i = 1; i < scalars; i++)
        GM_TRY(gm_rule_want_desc(desc, call, i, &call->inputs[0], err));
    GM_TRY(gm_rule_want_vector(desc, call, scalars, GM_DTYPE_F32, 1, err));
    return gm_rule_want_vector(desc, call, scalars + 1, GM_DTYPE_U32, 1, err);
}

static enum gm_status want_share(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t attr, struct gm_error *err)
{
    float value = gm_attr_to_f32(call->attrs[attr]);
    return gm_rule_want_attr(desc, call, attr, value >= 0.0F && value < 1.0F, err,
                             "at least 0 and below 1");
}

static enum gm_status want_positive(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                    uint32_t attr, struct gm_error *err)
{
    return gm_rule_want_attr(desc, call, attr, gm_attr_to_f32(call->attrs[attr]) >= 0.0F, err,
                             "at least 0");
}

static enum gm_status infer_adamw(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                  struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_adamw;
    GM_TRY(want_operands(desc, call, 4, err));
    GM_TRY(want_share(desc, call, 0, err));
    GM_TRY(want_share(desc, call, 1, err));
    GM_TRY(want_positive(desc, call, 2, err));
    GM_TRY(want_positive(desc, call, 3, err));
    for (uint32_t j = 0; j < 3; j++)
        outputs[j] = call->inputs[0];
    return GM_OK;
}

static enum gm_status infer_sgd(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_sgd;
    GM_TRY(want_operands(desc, call, 3, err));
    GM_TRY(want_share(desc, call, 0, err));
    GM_TRY(want_positive(desc, call, 1, err));
    outputs[0] = call->inputs[0];
    outputs[1] = call->inputs[0];
    return GM_OK;
}

static uint64_t flops_adamw(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return 16 * gm_rule_flops_input(call, outputs);
}

static uint64_t flops_sgd(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return 6 * gm_rule_flops_input(call, outputs);
}

const struct gm_op_desc gm_op_desc_adamw = {
    .op = GM_OP_ADAMW,
    .name = "adamw",
    .input_count_min = 6,
    .input_count_max = 6,
    .inputs = {"p", "g", "m", "v", "lr", "step"},
    .output_count = 3,
    .inplace = {1, 3, 4},
    .attr_count = 4,
    .attrs = {{"beta1", GM_ATTR_F32, 0},
              {"beta2", GM_ATTR_F32, 0},
              {"eps", GM_ATTR_F32, 0},
              {"weight_decay", GM_ATTR_F32, 0}},
    .infer = infer_adamw,
    .flops = flops_adamw,
};

const struct gm_op_desc gm_op_desc_sgd = {
    .op = GM_OP_SGD,
    .name = "sgd",
    .input_count_min = 5,
    .input_count_max = 5,
    .inputs = {"p", "g", "momentum_buffer", "lr", "step"},
    .output_count = 2,
    .inplace = {1, 3},
    .attr_count = 3,
    .attrs = {{"momentum", GM_ATTR_F32, 0},
              {"weight_decay", GM_ATTR_F32, 0},
              {"nesterov", GM_ATTR_U64, 1}},
    .infer = infer_sgd,
    .flops = flops_sgd,
};
