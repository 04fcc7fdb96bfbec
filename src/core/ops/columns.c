/* Cutting matrices along the last dimension and putting them side by side. */
#include "core/ops/rules.h"

#include <inttypes.h>
#include <string.h>

enum { START, COUNT };

#define COLUMNS_MAX (UINT64_C(1) << 48) /* no tensor has more */

static enum gm_status infer_slice(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                  struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_slice_cols;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    GM_TRY(gm_rule_want_attr(desc, call, COUNT, call->attrs[COUNT] > 0, err, "at least 1"));
    /* Both are below 2^48: the sum fits. */
    uint64_t end = call->attrs[START] + call->attrs[COUNT];
    const struct gm_tensor_desc *x = &call->inputs[0];
    GM_TRY(gm_rule_want(desc, call, 0, end <= gm_tensor_cols(x), err,
                        "at least %" PRIu64 " columns", end));
    outputs[0] = gm_rule_with_cols(x, call->attrs[COUNT]);
    return GM_OK;
}

/* Zeros, dy, zeros. Slices that together cover a value get one concat_cols instead: autodiff.c. */
static enum gm_status grad_slice(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    struct gm_tensor_desc x = gm_rule_input_desc(grad, 0);
    uint64_t start = grad->node->attrs[START];
    uint64_t count = grad->node->attrs[COUNT];
    uint64_t rest = gm_tensor_cols(&x) - start - count;
    gm_value parts[3];
    uint32_t part_count = 0;
    if (start > 0) {
        struct gm_tensor_desc left = gm_rule_with_cols(&x, start);
        parts[part_count++] = gm_rule_fill(grad, &left, 0.0F);
    }
    parts[part_count++] = grad->output_gradients[0];
    if (rest > 0) {
        struct gm_tensor_desc right = gm_rule_with_cols(&x, rest);
        parts[part_count++] = gm_rule_fill(grad, &right, 0.0F);
    }
    grad->input_gradients[0] = part_count == 1 ? parts[0]
                                               : gm_builder_node(grad->builder, GM_OP_CONCAT_COLS,
                                                                 part_count, parts, NULL, 0, NULL);
    return GM_OK;
}

static enum gm_status infer_concat(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                   struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_concat_cols;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    uint64_t cols = 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        const struct gm_tensor_desc *x = &call->inputs[i];
        size_t leading_bytes = (x->rank - 1) * sizeof(x->dims[0]);
        bool same = x->rank == call->inputs[0].rank &&
                    memcmp(x->dims, call->inputs[0].dims, leading_bytes) == 0;
        GM_TRY(gm_rule_want(desc, call, i, same, err, "the leading dimensions of x0"));
        cols += gm_tensor_cols(x);
    }
    outputs[0] = gm_rule_with_cols(&call->inputs[0], cols);
    return GM_OK;
}

static enum gm_status grad_concat(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    uint64_t start = 0;
    for (uint32_t i = 0; i < grad->node->input_count; i++) {
        struct gm_tensor_desc x = gm_rule_input_desc(grad, i);
        uint64_t attrs[] = {[START] = start, [COUNT] = gm_tensor_cols(&x)};
        if (grad->wanted[i])
            grad->input_gradients[i] =
                gm_rule_node1(grad, GM_OP_SLICE_COLS, grad->output_gradients[0], attrs);
        start += attrs[COUNT];
    }
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_slice_cols = {
    .op = GM_OP_SLICE_COLS,
    .name = "slice_cols",
    .input_count_min = 1,
    .input_count_max = 1,
    .inputs = GM_RULE_LIST("x"),
    .output_count = 1,
    .attr_count = 2,
    .attrs = {{"start", GM_ATTR_U64, COLUMNS_MAX}, {"count", GM_ATTR_U64, COLUMNS_MAX}},
    .infer = infer_slice,
    .flops = gm_rule_flops_output,
    .grad = grad_slice,
};

const struct gm_op_desc gm_op_desc_concat_cols = {
    .op = GM_OP_CONCAT_COLS,
    .name = "concat_cols",
    .input_count_min = 1,
    .input_count_max = 8,
    .inputs = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"},
    .output_count = 1,
    .infer = infer_concat,
    .flops = gm_rule_flops_output,
    .grad = grad_concat,
};
