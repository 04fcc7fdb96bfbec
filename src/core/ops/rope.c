/* Rotary position embedding: pairs (i, i + D/2) of every head turn by an angle of the position. */
#include "core/ops/rules.h"

#include <inttypes.h>

enum { POSITIONS, TABLE_HEAD_DIM, THETA };
enum { HEAD_DIM, INVERSE };

static enum gm_status infer_table(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                  struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_rope_table;
    uint64_t head_dim = call->attrs[TABLE_HEAD_DIM];
    GM_TRY(gm_rule_want_attr(desc, call, POSITIONS, call->attrs[POSITIONS] > 0, err, "at least 1"));
    GM_TRY(gm_rule_want_attr(desc, call, TABLE_HEAD_DIM, head_dim > 0 && head_dim % 2 == 0, err,
                             "an even number above 0"));
    GM_TRY(gm_rule_want_attr(desc, call, THETA, gm_attr_to_f32(call->attrs[THETA]) > 0.0F, err,
                             "more than 0"));
    uint64_t dims[] = {call->attrs[POSITIONS], head_dim / 2};
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, 2, dims);
    outputs[1] = outputs[0];
    return GM_OK;
}

static enum gm_status infer_rope(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_rope;
    const struct gm_tensor_desc *x = &call->inputs[0];
    uint64_t head_dim = call->attrs[HEAD_DIM];
    GM_TRY(gm_rule_want_attr(desc, call, HEAD_DIM, head_dim > 0 && head_dim % 2 == 0, err,
                             "an even number above 0"));
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 3, err));
    GM_TRY(gm_rule_want(desc, call, 0, x->dims[2] % head_dim == 0, err,
                        "a multiple of %" PRIu64 " columns (head_dim)", head_dim));
    uint64_t dims[] = {x->dims[1], head_dim / 2};
    struct gm_tensor_desc table = gm_tensor_desc_make(GM_DTYPE_F32, 2, dims);
    GM_TRY(gm_rule_want_desc(desc, call, 1, &table, err));
    GM_TRY(gm_rule_want_desc(desc, call, 2, &table, err));
    outputs[0] = *x;
    return GM_OK;
}

static uint64_t flops_table(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)call;
    return 64 * gm_tensor_count(&outputs[0]);
}

static uint64_t flops_rope(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return 3 * gm_rule_flops_output(call, outputs);
}

/* A rotation's transpose is the rotation back. */
static enum gm_status grad_rope(struct gm_grad *grad, struct gm_error *err)
{
    GM_TRY(gm_rule_no_gradient(grad, 1, err));
    GM_TRY(gm_rule_no_gradient(grad, 2, err));
    const struct gm_node *node = grad->node;
    uint64_t attrs[] = {[HEAD_DIM] = node->attrs[HEAD_DIM], [INVERSE] = !node->attrs[INVERSE]};
    grad->input_gradients[0] = gm_rule_node3(grad, GM_OP_ROPE, grad->output_gradients[0],
                                             node->inputs[1], node->inputs[2], attrs);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_rope_table = {
    .op = GM_OP_ROPE_TABLE,
    .name = "rope_table",
    .output_count = 2,
    .attr_count = 3,
    .attrs = {{"positions", GM_ATTR_U64, 1 << 24},
              {"head_dim", GM_ATTR_U64, 1 << 16},
              {"theta", GM_ATTR_F32, 0}},
    .infer = infer_table,
    .flops = flops_table,
};

const struct gm_op_desc gm_op_desc_rope = {
    .op = GM_OP_ROPE,
    .name = "rope",
    .input_count_min = 3,
    .input_count_max = 3,
    .inputs = {"x", "cos", "sin"},
    .output_count = 1,
    .attr_count = 2,
    .attrs = {{"head_dim", GM_ATTR_U64, 1 << 16}, {"inverse", GM_ATTR_U64, 1}},
    .infer = infer_rope,
    .flops = flops_rope,
    .grad = grad_rope,
};
