#include "backend/lower_rules.h"

/* Matrices as the product sees them: element (i, k) of a at i * row + k * col. */
struct operand {
    uint64_t row, col, size;
};

static struct operand operand(uint64_t rows, uint64_t cols, bool transposed)
{
    struct operand o = {cols, 1, rows * cols};
    return transposed ? (struct operand){1, cols, rows * cols} : o;
}

void gm_lower_matmul(struct gm_lowering *l)
{
    const struct gm_tensor_desc *a = l->inputs[0];
    const struct gm_tensor_desc *b = l->inputs[1];
    bool trans_a = l->node->attrs[0] != 0;
    bool trans_b = l->node->attrs[1] != 0;
    bool batched = l->node->attrs[2] != 0;
    uint64_t a_rows = batched ? a->dims[a->rank - 2] : gm_tensor_rows(a);
    uint64_t b_rows = batched ? b->dims[b->rank - 2] : gm_tensor_rows(b);
    uint64_t a_cols = gm_tensor_cols(a);
    uint64_t b_cols = gm_tensor_cols(b);
    uint64_t m = trans_a ? a_cols : a_rows;
    uint64_t n = trans_b ? b_rows : b_cols;
    uint64_t k = trans_a ? a_rows : a_cols;
    struct operand of_a = operand(a_rows, a_cols, trans_a);
    struct operand of_b = operand(b_rows, b_cols, trans_b);

    gm_lower_launch(l, GM_KERNEL_matmul, n, gm_tensor_rows(&l->outputs[0]));
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    const uint64_t numbers[] = {m,         n,        k,        of_a.row, of_a.col,
                                of_a.size, of_b.row, of_b.col, of_b.size};
    for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        gm_lower_u64(l, numbers[i]);
    if (l->node->input_count < 3)
        return;
    gm_lower_launch(l, GM_KERNEL_add_row, n, gm_tensor_rows(&l->outputs[0]));
    gm_lower_out(l, 0);
    gm_lower_in(l, 2);
    gm_lower_out(l, 0);
    gm_lower_u64(l, n);
}

static void lower_sum(struct gm_lowering *l, enum gm_kernel first_level)
{
    uint64_t count = gm_tensor_count(l->inputs[0]);
    uint64_t blocks = gm_lower_blocks(count);
    uint64_t part = gm_lower_scratch_new(l, blocks);
    gm_lower_launch(l, first_level, blocks, 1);
    gm_lower_in(l, 0);
    gm_lower_scratch(l, part);
    gm_lower_u64(l, count);
    gm_lower_sum_levels(l, GM_KERNEL_sum_blocks, part, blocks, 0);
}

void gm_lower_sum(struct gm_lowering *l)
{
    lower_sum(l, GM_KERNEL_sum_blocks);
}

void gm_lower_sum_squares(struct gm_lowering *l)
{
    lower_sum(l, GM_KERNEL_sum_squares_blocks);
}

void gm_lower_sum_rows(struct gm_lowering *l)
{
    uint64_t rows = gm_tensor_rows(l->inputs[0]);
    uint64_t n = gm_tensor_cols(l->inputs[0]);
    uint64_t segments = gm_lower_segments(rows);
    uint64_t part = gm_lower_scratch_new(l, segments * n);
    gm_lower_launch(l, GM_KERNEL_sum_rows_segments, n, segments);
    gm_lower_in(l, 0);
    gm_lower_scratch(l, part);
    gm_lower_u64(l, rows);
    gm_lower_u64(l, n);
    gm_lower_totals(l, part, segments, n, 0);
}

void gm_lower_sum_channels(struct gm_lowering *l)
{
    uint64_t channels = l->inputs[0]->dims[1];
    uint64_t terms = channels == 0 ? 0 : gm_tensor_count(l->inputs[0]) / channels;
    uint64_t batch = l->inputs[0]->dims[0];
    uint64_t segments = gm_lower_segments(terms);
    uint64_t part = gm_lower_scratch_new(l, segments * channels);
    gm_lower_launch(l, GM_KERNEL_sum_channels_segments, channels, segments);
    gm_lower_in(l, 0);
    gm_lower_scratch(l, part);
    gm_lower_u64(l, terms);
    gm_lower_u64(l, channels);
    gm_lower_u64(l, batch == 0 ? 0 : terms / batch);
    gm_lower_totals(l, part, segments, channels, 0);
}

void gm_lower_argmax(struct gm_lowering *l)
{
    gm_lower_launch(l, GM_KERNEL_argmax, gm_tensor_rows(l->inputs[0]), 1);
    gm_lower_in(l, 0);
    gm_lower_out(l, 0);
    gm_lower_u64(l, gm_tensor_cols(l->inputs[0]));
}
