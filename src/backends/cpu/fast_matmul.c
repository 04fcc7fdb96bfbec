#include "backends/cpu/fast.h"

/* The operands as the engine wants them: a transpose is a swap of strides. */
static struct gm_gemm_operand operand(const void *data, uint64_t cols, bool transposed)
{
    struct gm_gemm_operand o = {.data = data, .row_stride = (size_t)cols, .col_stride = 1};
    if (transposed) {
        o.row_stride = 1;
        o.col_stride = (size_t)cols;
    }
    return o;
}

static struct gm_gemm_batch batch_of(const struct gm_cpu_call *call)
{
    const struct gm_tensor_desc *a = call->inputs[0];
    const struct gm_tensor_desc *b = call->inputs[1];
    bool trans_a = call->node->attrs[0] != 0;
    bool trans_b = call->node->attrs[1] != 0;
    bool batched = call->node->attrs[2] != 0;
    size_t a_rows = (size_t)(batched ? a->dims[a->rank - 2] : gm_tensor_rows(a));
    size_t b_rows = (size_t)(batched ? b->dims[b->rank - 2] : gm_tensor_rows(b));
    size_t a_cols = (size_t)gm_tensor_cols(a);
    size_t b_cols = (size_t)gm_tensor_cols(b);

    struct gm_gemm_batch batch = {0};
    batch.first.m = trans_a ? a_cols : a_rows;
    batch.first.n = trans_b ? b_rows : b_cols;
    batch.first.k = trans_a ? a_rows : a_cols;
    batch.first.a = operand(call->in[0], a_cols, trans_a);
    batch.first.b = operand(call->in[1], b_cols, trans_b);
    batch.first.c = call->out[0];
    batch.first.c_row_stride = batch.first.n;
    batch.first.bias = call->node->input_count == 3 ? call->in[2] : NULL;
    batch.a_stride = a_rows * a_cols;
    batch.b_stride = b_rows * b_cols;
    batch.c_stride = batch.first.m * batch.first.n;
    uint64_t size = (uint64_t)batch.c_stride;
    batch.count = size == 0 ? 0 : (size_t)(gm_tensor_count(call->outputs) / size);
    return batch;
}

size_t gm_cpu_matmul_scratch(const struct gm_cpu_call *call)
{
    struct gm_gemm_batch batch = batch_of(call);
    return gm_gemm_workspace_bytes(call->gemm, gm_pool_thread_count(call->pool), batch.first.m,
                                   batch.first.n, batch.first.k);
}

void gm_cpu_matmul_run(const struct gm_cpu_call *call)
{
    struct gm_gemm_batch batch = batch_of(call);
    if (batch.count == 1)
        gm_gemm_run(call->gemm, call->pool, call->scratch, &batch.first);
    else if (batch.count > 1)
        gm_gemm_run_batch(call->gemm, call->pool, call->scratch, &batch);
}
