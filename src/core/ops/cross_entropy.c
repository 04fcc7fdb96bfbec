/* Softmax cross-entropy: a sum over rows, with its count, so that shards can be added. */
#include "core/ops/rules.h"

#include <inttypes.h>

static enum gm_status want_target(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                  struct gm_error *err)
{
    const struct gm_tensor_desc *x = &call->inputs[0];
    uint64_t rows = gm_tensor_rows(x);
    GM_TRY(gm_rule_want_dtype(desc, call, 0, GM_DTYPE_F32, err));
    GM_TRY(gm_rule_want(desc, call, 0, gm_tensor_cols(x) < UINT32_MAX && rows <= UINT32_MAX, err,
                        "fewer than 2^32 - 1 rows and columns"));
    return gm_rule_want(desc, call, 1,
                        call->inputs[1].dtype == GM_DTYPE_U32 &&
                            gm_tensor_count(&call->inputs[1]) == rows,
                        err, "u32 with %" PRIu64 " elements, one per row of x", rows);
}

static enum gm_status infer_loss(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    GM_TRY(want_target(&gm_op_desc_cross_entropy, call, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, 1);
    outputs[1] = gm_rule_vector(GM_DTYPE_U32, 1);
    outputs[2] = gm_rule_vector(GM_DTYPE_F32, gm_tensor_rows(&call->inputs[0]));
    outputs[3] = outputs[2];
    return GM_OK;
}

static enum gm_status infer_grad(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_cross_entropy_grad;
    uint64_t rows = gm_tensor_rows(&call->inputs[0]);
    GM_TRY(want_target(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, rows, err));
    GM_TRY(gm_rule_want_vector(desc, call, 3, GM_DTYPE_F32, rows, err));
    GM_TRY(gm_rule_want_vector(desc, call, 4, GM_DTYPE_F32, 1, err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static uint64_t flops(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    return 2 * gm_rule_flops_passes(call, outputs);
}

static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    GM_TRY(gm_rule_first_output_only(grad, err));
    const gm_value *in = grad->node->inputs;
    gm_value inputs[] = {in[0], in[1], gm_rule_output(grad, 2), gm_rule_output(grad, 3),
                         grad->output_gradients[0]};
    grad->input_gradients[0] =
        gm_builder_node(grad->builder, GM_OP_CROSS_ENTROPY_GRAD, 5, inputs, NULL, 0, NULL);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_cross_entropy = {
    .op = GM_OP_CROSS_ENTROPY,
    .name = "cross_entropy",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "target"},
    .output_count = 4,
    .infer = infer_loss,
    .flops = flops,
    .grad = differentiate,
};

const struct gm_op_desc gm_op_desc_cross_entropy_grad = {
    .op = GM_OP_CROSS_ENTROPY_GRAD,
    .name = "cross_entropy_grad",
    .input_count_min = 5,
    .input_count_max = 5,
    .inputs = {"x", "target", "m", "l", "dloss"},
    .output_count = 1,
    .inplace = {1},
    .infer = infer_grad,
    .flops = flops,
};
