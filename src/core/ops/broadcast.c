/* Adding a vector along rows or channels, and the column and channel sums that are its gradients.
 */
#include "core/ops/rules.h"

static enum gm_status infer_add_row(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                    struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_add_row;
    uint64_t cols = gm_tensor_cols(&call->inputs[0]);
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, cols, err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static enum gm_status infer_sum_rows(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                     struct gm_error *err)
{
    GM_TRY(gm_rule_want_f32(&gm_op_desc_sum_rows, call, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, gm_tensor_cols(&call->inputs[0]));
    return GM_OK;
}

static enum gm_status want_channels(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                    struct gm_error *err)
{
    return gm_rule_want(desc, call, 0, call->inputs[0].rank >= 2, err,
                        "at least 2 dimensions, the second being channels");
}

static enum gm_status infer_add_channel(const struct gm_op_call *call,
                                        struct gm_tensor_desc *outputs, struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_add_channel;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(want_channels(desc, call, err));
    GM_TRY(gm_rule_want_vector(desc, call, 1, GM_DTYPE_F32, call->inputs[0].dims[1], err));
    outputs[0] = call->inputs[0];
    return GM_OK;
}

static enum gm_status infer_sum_channels(const struct gm_op_call *call,
                                         struct gm_tensor_desc *outputs, struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_sum_channels;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(want_channels(desc, call, err));
    outputs[0] = gm_rule_vector(GM_DTYPE_F32, call->inputs[0].dims[1]);
    return GM_OK;
}

static enum gm_status grad_add_vector(struct gm_grad *grad, enum gm_op sum)
{
    grad->input_gradients[0] = grad->output_gradients[0];
    if (grad->wanted[1])
        grad->input_gradients[1] = gm_rule_node1(grad, sum, grad->output_gradients[0], NULL);
    return GM_OK;
}

static enum gm_status grad_add_row(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    return grad_add_vector(grad, GM_OP_SUM_ROWS);
}

static enum gm_status grad_add_channel(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    return grad_add_vector(grad, GM_OP_SUM_CHANNELS);
}

/* dy spread over all rows (channels): added to zeros. */
static enum gm_status grad_sum_vector(struct gm_grad *grad, enum gm_op add)
{
    struct gm_tensor_desc x = gm_rule_input_desc(grad, 0);
    gm_value zeros = gm_rule_fill(grad, &x, 0.0F);
    grad->input_gradients[0] = gm_rule_node2(grad, add, zeros, grad->output_gradients[0], NULL);
    return GM_OK;
}

static enum gm_status grad_sum_rows(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    return grad_sum_vector(grad, GM_OP_ADD_ROW);
}

static enum gm_status grad_sum_channels(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    return grad_sum_vector(grad, GM_OP_ADD_CHANNEL);
}

const struct gm_op_desc gm_op_desc_add_row = {
    .op = GM_OP_ADD_ROW,
    .name = "add_row",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "b"},
    .output_count = 1,
    .inplace = {1},
    .infer = infer_add_row,
    .flops = gm_rule_flops_output,
    .grad = grad_add_row,
};

const struct gm_op_desc gm_op_desc_add_channel = {
    .op = GM_OP_ADD_CHANNEL,
    .name = "add_channel",
    .input_count_min = 2,
    .input_count_max = 2,
    .inputs = {"x", "b"},
    .output_count = 1,
    .inplace = {1},
    .infer = infer_add_channel,
    .flops = gm_rule_flops_output,
    .grad = grad_add_channel,
};

const struct gm_op_desc gm_op_desc_sum_rows = {
    .op = GM_OP_SUM_ROWS,
    .name = "sum_rows",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .infer = infer_sum_rows,
    .flops = gm_rule_flops_input,
    .grad = grad_sum_rows,
};

const struct gm_op_desc gm_op_desc_sum_channels = {
    .op = GM_OP_SUM_CHANNELS,
    .name = "sum_channels",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = {"x"},
    .output_count = 1,
    .infer = infer_sum_channels,
    .flops = gm_rule_flops_input,
    .grad = grad_sum_channels,
};
