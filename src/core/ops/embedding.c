/* Rows of a table by index, and the scatter that is its gradient. */
#include "core/ops/rules.h"

static enum gm_status infer_embedding(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                      struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_embedding;
    const struct gm_tensor_desc *table = &call->inputs[0];
    const struct gm_tensor_desc *ids = &call->inputs[1];
    GM_TRY(gm_rule_want_dtype(desc, call, 0, GM_DTYPE_F32, err));
    GM_TRY(gm_rule_want_rank(desc, call, 0, 2, err));
    GM_TRY(gm_rule_want(desc, call, 0, table->dims[0] <= UINT32_MAX, err, "at most 2^32 - 1 rows"));
    GM_TRY(gm_rule_want_dtype(desc, call, 1, GM_DTYPE_U32, err));
    GM_TRY(gm_rule_want(desc, call, 1, ids->rank < GM_RANK_MAX, err, "at most 7 dimensions"));
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, ids->rank, ids->dims);
    outputs[0].dims[outputs[0].rank++] = table->dims[1];
    return GM_OK;
}

static enum gm_status infer_embedding_grad(const struct gm_op_call *call,
                                           struct gm_tensor_desc *outputs, struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_embedding_grad;
    const struct gm_tensor_desc *ids = &call->inputs[0];
    const struct gm_tensor_desc *dy = &call->inputs[1];
    GM_TRY(gm_rule_want_dtype(desc, call, 0, GM_DTYPE_U32, err));
    GM_TRY(gm_rule_want(desc, call, 0, ids->rank < GM_RANK_MAX, err, "at most 7 dimensions"));
    struct gm_tensor_desc expected = gm_tensor_desc_make(GM_DTYPE_F32, ids->rank, ids->dims);
    expected.dims[expected.rank++] = gm_tensor_cols(dy);
    GM_TRY(gm_rule_want_desc(desc, call, 1, &expected, err));
    GM_TRY(gm_rule_want_attr(desc, call, 0, call->attrs[0] > 0, err, "at least 1"));
    outputs[0] =
        gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){call->attrs[0], gm_tensor_cols(dy)});
    return GM_OK;
}

static enum gm_status grad_embedding(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    struct gm_tensor_desc table = gm_rule_input_desc(grad, 0);
    grad->input_gradients[0] = gm_rule_node2(grad, GM_OP_EMBEDDING_GRAD, grad->node->inputs[1],
                                             grad->output_gradients[0], table.dims);
    return GM_OK;
}

static uint64_t flops_embedding_grad(const struct gm_op_call *call,
                                     const struct gm_tensor_desc *outputs)
{
    /* The sums, and the zeros of the rows that no sample names. */
    return gm_tensor_count(&call->inputs[1]) + gm_tensor_count(&outputs[0]);
}

const struct gm_op_desc gm_op_desc_embedding = {
    .op = GM_OP_EMBEDDING,
    .name = "embedding",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"table", "ids"},
    .output_count = 1,
    .infer = infer_embedding,
    .flops = gm_rule_flops_output,
    .grad = grad_embedding,
};

const struct gm_op_desc gm_op_desc_embedding_grad = {
    .op = GM_OP_EMBEDDING_GRAD,
    .name = "embedding_grad",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"ids", "dy"},
    .output_count = 1,
    .attr_count = 1,
    .attrs = {{"vocab", GM_ATTR_U64, UINT32_MAX}},
    .infer = infer_embedding_grad,
    .flops = flops_embedding_grad,
};
