/* Softmax attention with grouped queries: head h of q uses head h / (heads / kv_heads) of k, v. */
#include "core/ops/rules.h"

#include <inttypes.h>

enum { HEADS, KV_HEADS, CAUSAL, SCALE };

/* q, k and v; both operations start with them and carry the same attributes. */
static enum gm_status want_qkv(const struct gm_op_desc *desc, const struct gm_op_call *call,
                               struct gm_error *err)
{
    const struct gm_tensor_desc *q = &call->inputs[0];
    uint64_t heads = call->attrs[HEADS];
    uint64_t kv_heads = call->attrs[KV_HEADS];
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_attr(desc, call, HEADS, heads > 0, err, "at least 1"));
    GM_TRY(gm_rule_want_attr(desc, call, KV_HEADS, kv_heads > 0 && heads % kv_heads == 0, err,
                             "a divisor of heads"));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 3, err));
    GM_TRY(gm_rule_want(desc, call, 0, q->dims[2] % heads == 0, err,
                        "a multiple of %" PRIu64 " columns (heads)", heads));
    struct gm_tensor_desc kv = gm_rule_with_cols(q, q->dims[2] / heads * kv_heads);
    GM_TRY(gm_rule_want_desc(desc, call, 1, &kv, err));
    return gm_rule_want_desc(desc, call, 2, &kv, err);
}

/* m and l: one number per query and head. */
static struct gm_tensor_desc per_query(const struct gm_op_call *call)
{
    const struct gm_tensor_desc *q = &call->inputs[0];
    uint64_t dims[] = {q->dims[0], call->attrs[HEADS], q->dims[1]};
    return gm_tensor_desc_make(GM_DTYPE_F32, 3, dims);
}

static enum gm_status infer_attention(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                      struct gm_error *err)
{
    GM_TRY(want_qkv(&gm_op_desc_attention, call, err));
    outputs[0] = call->inputs[0];
    outputs[1] = per_query(call);
    outputs[2] = outputs[1];
    return GM_OK;
}

static enum gm_status infer_grad(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_attention_grad;
    GM_TRY(want_qkv(desc, call, err));
    struct gm_tensor_desc numbers = per_query(call);
    GM_TRY(gm_rule_want_desc(desc, call, 3, &call->inputs[0], err));
    GM_TRY(gm_rule_want_desc(desc, call, 4, &numbers, err));
    GM_TRY(gm_rule_want_desc(desc, call, 5, &numbers, err));
    GM_TRY(gm_rule_want_desc(desc, call, 6, &call->inputs[0], err));
    for (uint32_t j = 0; j < 3; j++)
        outputs[j] = call->inputs[j];
    return GM_OK;
}

/* Query-key pairs that take part times q's columns: every pair costs two operations per column and
   product. */
static uint64_t pair_cost(const struct gm_op_call *call, uint64_t products)
{
    const struct gm_tensor_desc *q = &call->inputs[0];
    uint64_t positions = q->dims[1];
    uint64_t cost = gm_rule_cost(products, q->dims[0], positions, q->dims[2]);
    /* causal: T (T + 1) / 2 pairs of T T; 2 * products is even, so nothing is lost */
    return call->attrs[CAUSAL] != 0 ? gm_rule_cost(cost, positions + 1, 1, 1)
                                    : gm_rule_cost(cost, 2, positions, 1);
}

static uint64_t flops_attention(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)outputs;
    return pair_cost(call, 2);
}

static uint64_t flops_grad(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)outputs;
    return pair_cost(call, 5);
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    GM_TRY(gm_rule_first_output_only(grad, err));
    const gm_value *in = grad->node->inputs;
    gm_value inputs[] = {in[0],
                         in[1],
                         in[2],
                         gm_rule_output(grad, 0),
                         gm_rule_output(grad, 1),
                         gm_rule_output(grad, 2),
                         grad->output_gradients[0]};
    gm_value dq =
        gm_builder_node(grad->builder, GM_OP_ATTENTION_GRAD, 7, inputs, grad->node->attrs, 0, NULL);
    for (uint32_t i = 0; i < 3 && dq != GM_VALUE_NONE; i++)
        grad->input_gradients[i] = dq + i;
    return GM_OK;
}

/* clang-format off */
#define ATTENTION_ATTRS                                                                            \
    {                                                                                              \
        {"heads", GM_ATTR_U64, 1 << 16}, {"kv_heads", GM_ATTR_U64, 1 << 16},                       \
        {"causal", GM_ATTR_U64, 1}, {"scale", GM_ATTR_F32, 0},                                     \
    }
/* clang-format on */

const struct gm_op_desc gm_op_desc_attention = {
    .op = GM_OP_ATTENTION,
    .name = "attention",
    .input_count_min = 3,
    .input_count_max = 3,
    .inputs = {"q", "k", "v"},
    .output_count = 3,
    .attr_count = 4,
    .attrs = ATTENTION_ATTRS,
    .heavy = true,
    .infer = infer_attention,
    .flops = flops_attention,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_attention_grad = {
    .op = GM_OP_ATTENTION_GRAD,
    .name = "attention_grad",
    .input_count_min = 7,
    .input_count_max = 7,
    .inputs = {"q", "k", "v", "o", "m", "l", "do"},
    .output_count = 3,
    .attr_count = 4,
    .attrs = ATTENTION_ATTRS,
    .heavy = true,
    .infer = infer_grad,
    .flops = flops_grad,
};
