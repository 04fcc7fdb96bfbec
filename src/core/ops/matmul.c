/* Matrix products. With A = a or its transpose, B likewise: y = A B + bias. */
#include "core/ops/rules.h"

#include <inttypes.h>
#include <string.h>

enum { TRANS_A, TRANS_B, BATCHED };

struct matrix {
    uint64_t rows;
    uint64_t cols;
};

/* The operand as it takes part in the product, after its transpose. */
static struct matrix operand(const struct gm_op_call *call, uint32_t input)
{
    const struct gm_tensor_desc *x = &call->inputs[input];
    bool batched = call->attrs[BATCHED] != 0;
    struct matrix m = {batched ? x->dims[x->rank - 2] : gm_tensor_rows(x), gm_tensor_cols(x)};
    return call->attrs[input] != 0 ? (struct matrix){m.cols, m.rows} : m;
}

static enum gm_status want_batches(const struct gm_op_call *call, struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_matmul;
    const struct gm_tensor_desc *a = &call->inputs[0];
    const struct gm_tensor_desc *b = &call->inputs[1];
    GM_TRY(gm_rule_want(desc, call, 0, a->rank >= 3, err, "at least 3 dimensions when batched"));
    GM_TRY(gm_rule_want(desc, call, 1, b->rank == a->rank, err,
                        "%" PRIu32 " dimensions, as a has, when batched", a->rank));
    size_t leading_bytes = (a->rank - 2) * sizeof(a->dims[0]);
    return gm_rule_want(desc, call, 1, memcmp(a->dims, b->dims, leading_bytes) == 0, err,
                        "the leading dimensions of a");
}

static enum gm_status infer(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                            struct gm_error *err)
{
    const struct gm_op_desc *desc = &gm_op_desc_matmul;
    bool batched = call->attrs[BATCHED] != 0;
    GM_TRY(gm_rule_want_f32(desc, call, err));
    if (batched)
        GM_TRY(want_batches(call, err));
    struct matrix a = operand(call, 0);
    struct matrix b = operand(call, 1);
    char text[GM_TENSOR_TEXT_CHARS];
    GM_TRY(gm_rule_want(desc, call, 1, a.cols == b.rows, err, "%" PRIu64 " %s to multiply a, %.90s",
                        a.cols, call->attrs[TRANS_B] != 0 ? "columns (trans_b)" : "rows",
                        gm_tensor_desc_text(text, &call->inputs[0])));
    if (call->input_count == 3)
        GM_TRY(gm_rule_want_vector(desc, call, 2, GM_DTYPE_F32, b.cols, err));
    outputs[0] = gm_rule_with_cols(&call->inputs[0], b.cols);
    if (batched)
        outputs[0].dims[outputs[0].rank - 2] = a.rows;
    else if (call->attrs[TRANS_A] != 0)
        outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){a.rows, b.cols});
    return GM_OK;
}

static uint64_t flops(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    uint64_t count = gm_tensor_count(&outputs[0]);
    uint64_t products = gm_rule_cost(2, count, operand(call, 0).cols, 1);
    return call->input_count == 3 && products < UINT64_MAX - count ? products + count : products;
}

/* One factor's gradient, brought to the factor's own shape. */
static gm_value product(const struct gm_grad *grad, uint32_t factor, gm_value left, gm_value right,
                        bool trans_left, bool trans_right)
{
    uint64_t attrs[] = {trans_left, trans_right, grad->node->attrs[BATCHED]};
    struct gm_tensor_desc shape = gm_rule_input_desc(grad, factor);
    gm_value y = gm_rule_node2(grad, GM_OP_MATMUL, left, right, attrs);
    return gm_rule_reshape(grad, y, &shape);
}

/* dA = dY B^T and dB = A^T dY; a transposed operand has the transposed gradient, which is the
   product in the other order. */
static enum gm_status differentiate(struct gm_grad *grad, struct gm_error *err)
{
    (void)err;
    const struct gm_node *node = grad->node;
    gm_value a = node->inputs[0];
    gm_value b = node->inputs[1];
    gm_value dy = grad->output_gradients[0];
    bool ta = node->attrs[TRANS_A] != 0;
    bool tb = node->attrs[TRANS_B] != 0;
    if (grad->wanted[0])
        grad->input_gradients[0] =
            ta ? product(grad, 0, b, dy, tb, true) : product(grad, 0, dy, b, false, !tb);
    if (grad->wanted[1])
        grad->input_gradients[1] =
            tb ? product(grad, 1, dy, a, true, ta) : product(grad, 1, a, dy, !ta, false);
    if (node->input_count == 3 && grad->wanted[2])
        grad->input_gradients[2] = gm_rule_node1(grad, GM_OP_SUM_ROWS, dy, NULL);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_matmul = {
    .op = GM_OP_MATMUL,
    .name = "matmul",
    .input_count_min = 2,
    .input_count_max = 3,
    .inputs = {"a", "b", "bias"},
    .output_count = 1,
    .attr_count = 3,
    .attrs = {{"trans_a", GM_ATTR_U64, 1},
              {"trans_b", GM_ATTR_U64, 1},
              {"batched", GM_ATTR_U64, 1}},
    .heavy = true,
    .infer = infer,
    .flops = flops,
    .grad = differentiate,
};
