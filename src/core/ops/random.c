/* Random values as functions of (seed, stream, index). */
#include "core/ops/rules.h"

static enum gm_status infer_uniform(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                    struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_random_uniform;
    GM_TRY(gm_rule_want_vector(desc, call, 0, GM_DTYPE_U32, 2, err));
    bool ordered = gm_attr_to_f32(call->attrs[1]) <= gm_attr_to_f32(call->attrs[2]);
    GM_TRY(gm_rule_want_attr(desc, call, 1, ordered, err, "at most high"));
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, call->dim_count, call->dims);
    return GM_OK;
}

static enum gm_status infer_normal(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_random_normal;
    GM_TRY(gm_rule_want_vector(desc, call, 0, GM_DTYPE_U32, 2, err));
    GM_TRY(gm_rule_want_attr(desc, call, 2, gm_attr_to_f32(call->attrs[2]) >= 0.0F, err,
                             "at least 0"));
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, call->dim_count, call->dims);
    return GM_OK;
}

static uint64_t flops(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)call;
    return 16 * gm_tensor_count(&outputs[0]);
}

const struct gm_op_desc gm_op_desc_random_uniform = {
    .op = GM_OP_RANDOM_UNIFORM,
    .name = "random_uniform",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = GM_RULE_LIST("seed"),
    .output_count = 1,
    .attr_count = 3,
    .attrs = {{"stream", GM_ATTR_U64, UINT64_MAX},
              {"low", GM_ATTR_F32, 0},
              {"high", GM_ATTR_F32, 0}},
    .has_dims = true,
    .infer = infer_uniform,
    .flops = flops,
};

const struct gm_op_desc gm_op_desc_random_normal = {
    .op = GM_OP_RANDOM_NORMAL,
    .name = "random_normal",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = GM_RULE_LIST("seed"),
    .output_count = 1,
    .attr_count = 3,
    .attrs = {{"stream", GM_ATTR_U64, UINT64_MAX},
              {"mean", GM_ATTR_F32, 0},
              {"std", GM_ATTR_F32, 0}},
    .has_dims = true,
    .infer = infer_normal,
    .flops = flops,
};
