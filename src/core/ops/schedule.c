/* The scalars of a training step: learning rate, clipping factor, 1 / count. */
#include "core/ops/rules.h"

enum { KIND, LR, MIN_LR };

static enum gm_status infer_rate(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_learning_rate;
    GM_TRY(gm_rule_want_vector(desc, call, 0, GM_DTYPE_U32, 1, err));
    for (uint32_t i = LR; i <= MIN_LR; i++)
        GM_TRY(gm_rule_want_attr(desc, call, i, gm_attr_to_f32(call->attrs[i]) >= 0.0F, err,
                                 "at least 0"));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    return GM_OK;
}

static enum gm_status infer_clip(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_clip_factor;
    GM_TRY(gm_rule_want_vector(desc, call, 0, GM_DTYPE_F32, 1, err));
    GM_TRY(gm_rule_want_attr(desc, call, 0, gm_attr_to_f32(call->attrs[0]) > 0.0F, err,
                             "more than 0"));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    return GM_OK;
}

static enum gm_status infer_reciprocal(const struct gm_op_call *call,
                                       struct gm_tensor_desc *outputs, struct gm_error *err)
{
    GM_TRY(gm_rule_want_vector(&gm_op_desc_reciprocal_count, call, 0, GM_DTYPE_U32, 1, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_learning_rate = {
    .op = GM_OP_LEARNING_RATE,
    .name = "learning_rate",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = GM_RULE_LIST("step"),
    .output_count = 1,
    .attr_count = 5,
    .attrs = {{"kind", GM_ATTR_U64, GM_SCHEDULE_COSINE},
              {"lr", GM_ATTR_F32, 0},
              {"min_lr", GM_ATTR_F32, 0},
              {"warmup", GM_ATTR_U64, UINT32_MAX},
              {"total", GM_ATTR_U64, UINT32_MAX}},
    .infer = infer_rate,
    .flops = gm_rule_flops_output,
};

const struct gm_op_desc gm_op_desc_clip_factor = {
    .op = GM_OP_CLIP_FACTOR,
    .name = "clip_factor",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"sum_squares"},
    .output_count = 1,
    .attr_count = 1,
    .attrs = {{"max_norm", GM_ATTR_F32, 0}},
    .infer = infer_clip,
    .flops = gm_rule_flops_output,
};

const struct gm_op_desc gm_op_desc_reciprocal_count = {
    .op = GM_OP_RECIPROCAL_COUNT,
    .name = "reciprocal_count",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"count"},
    .output_count = 1,
    .infer = infer_reciprocal,
    .flops = gm_rule_flops_output,
};
