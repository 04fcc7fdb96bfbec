/* What both directions of attention share. A strip is a block of queries (or keys) against all keys
   (or queries) of one head: O(T) memory per thread, and both of its products with other tensors are
   matrix multiplications by the dot rule. */
#ifndef GM_CPU_LEVEL_ATTENTION_H
#define GM_CPU_LEVEL_ATTENTION_H

#include "backends/cpu/level.h"
#include "backends/cpu/ops.h"

struct gm_strip_shape {
    size_t batch, t, heads, kv_heads, d;
    bool causal;
    float scale;
    size_t block; /* lines of a strip */
    size_t row;   /* floats from one line of a strip to the next */
};

/* Lines so many that packing is repaid, so few that the strip stays in a core's cache. */
static inline struct gm_strip_shape gm_strip_shape(const struct gm_cpu_call *call)
{
    enum { STRIP_FLOATS = 1 << 17, LINES_MAX = 64, LINES_MIN = 8, ROW_MULTIPLE = 16 };
    const struct gm_tensor_desc *q = call->inputs[0];
    struct gm_strip_shape s = {.batch = (size_t)q->dims[0],
                               .t = (size_t)q->dims[1],
                               .heads = (size_t)call->node->attrs[0],
                               .kv_heads = (size_t)call->node->attrs[1],
                               .causal = call->node->attrs[2] != 0,
                               .scale = gm_attr_to_f32(call->node->attrs[3])};
    s.d = (size_t)q->dims[2] / s.heads;
    s.block = STRIP_FLOATS / s.t;
    s.block = s.block > LINES_MAX ? LINES_MAX : s.block < LINES_MIN ? LINES_MIN : s.block;
    s.block = s.block > s.t ? s.t : s.block;
    s.row = (s.t + ROW_MULTIPLE - 1) / ROW_MULTIPLE * ROW_MULTIPLE;
    return s;
}

static inline size_t gm_strip_blocks(const struct gm_strip_shape *s)
{
    return (s->t + s->block - 1) / s->block;
}

/* Offset of row t of head `head` of `heads` in a tensor (B, T, heads * D). */
static inline size_t gm_strip_at(const struct gm_strip_shape *s, size_t heads, size_t batch,
                                 size_t head, size_t t)
{
    return ((batch * s->t + t) * heads + head) * s->d;
}

/* Bytes of workspace for any product of a strip on one thread. */
static inline size_t gm_strip_workspace(const struct gm_cpu_call *call,
                                        const struct gm_strip_shape *s)
{
    size_t across = gm_gemm_workspace_bytes(call->gemm, 1, s->block, s->t, s->d);
    size_t along = gm_gemm_workspace_bytes(call->gemm, 1, s->block, s->d, s->t);
    size_t most = across > along ? across : along;
    return (most + 63) / 64 * 64;
}

/* rows (m, k) . cols (n, k)^T, both with lines of `stride` floats; c has lines of c_row. */
static inline void gm_strip_across(const struct gm_cpu_call *call, void *workspace, const float *a,
                                   size_t a_stride, size_t m, const float *b, size_t b_stride,
                                   size_t n, size_t k, float *c, size_t c_row)
{
    struct gm_gemm gemm = {.m = m, .n = n, .k = k, .c = c, .c_row_stride = c_row};
    gemm.a = (struct gm_gemm_operand){.data = a, .row_stride = a_stride, .col_stride = 1};
    gemm.b = (struct gm_gemm_operand){.data = b, .row_stride = 1, .col_stride = b_stride};
    gm_gemm_run(call->gemm, NULL, workspace, &gemm);
}

/* strip (m, k) . lines (k, n), lines of b_stride floats. */
static inline void gm_strip_along(const struct gm_cpu_call *call, void *workspace,
                                  const float *strip, size_t strip_row, size_t m, const float *b,
                                  size_t b_stride, size_t n, size_t k, float *c, size_t c_row)
{
    struct gm_gemm gemm = {.m = m, .n = n, .k = k, .c = c, .c_row_stride = c_row};
    gemm.a = (struct gm_gemm_operand){.data = strip, .row_stride = strip_row, .col_stride = 1};
    gemm.b = (struct gm_gemm_operand){.data = b, .row_stride = b_stride, .col_stride = 1};
    gm_gemm_run(call->gemm, NULL, workspace, &gemm);
}

/* Whether a line holds NaN: masked terms went in as zeros, and zero times an infinity that the mask
   hides is NaN. Such lines are computed again by the reference, which leaves masked terms out. */
static inline bool gm_strip_has_nan(const float *x, size_t count)
{
    int found = 0;
    for (size_t i = 0; i < count; i++)
        found |= x[i] != x[i];
    return found != 0;
}

#endif
