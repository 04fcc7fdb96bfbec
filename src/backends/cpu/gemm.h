/* Matrix multiplication by the profile's dot rule: c(i, j) = sum over k of a(i, k) b(k, j), and
   convolution, whose patches are a matrix that is never stored.

   For every element k runs upwards in segments of GM_GEMM_SEGMENT by absolute index; a segment is
   one chain acc = fma(a, b, acc) from +0; total = +0, then total = total + segment, upwards; then,
   if there is a bias, one more addition; NaN is stored as 0x7fc00000. Which level computes, how
   many threads, and how the work is cut leave no trace in the bits. */
#ifndef GM_CPU_GEMM_H
#define GM_CPU_GEMM_H

#include <stddef.h>

#include "backends/cpu/pool.h"
#include "base/cpu.h"

enum { GM_GEMM_SEGMENT = 1024 };

/* Writes a part of a matrix that exists only as a rule. `line` counts along m for the left
   operand, along n for the right one:
     target[k * target_stride + i] = element(line_first + i, k_first + k)
   for i < line_count and k < k_count; nothing beyond. Called from any thread of the pool. */
typedef void gm_gemm_gather(const void *ctx, float *target, size_t target_stride, size_t line_first,
                            size_t line_count, size_t k_first, size_t k_count);

/* A matrix to read: element (r, c) is data[r * row_stride + c * col_stride], strides in elements,
   so that a transpose is a swap of strides; or, with `gather` set, a rule (data is not used). */
struct gm_gemm_operand {
    const float *data;
    size_t row_stride;
    size_t col_stride;
    gm_gemm_gather *gather;
    const void *gather_ctx;
};

struct gm_gemm {
    size_t m, n, k;
    struct gm_gemm_operand a; /* (m, k) */
    struct gm_gemm_operand b; /* (k, n) */
    float *c;                 /* (m, n), rows contiguous; written, not read; no overlap with a, b */
    size_t c_row_stride;      /* at least n */
    const float *bias;        /* (n) or NULL */
};

/* The same product `count` times, each operand moved by its stride in elements; a stride of 0
   shares an operand. Gathering operands are not moved. */
struct gm_gemm_batch {
    struct gm_gemm first;
    size_t count;
    size_t a_stride, b_stride, c_stride;
};

/* Micro-kernels and block sizes for one instruction level (gemm_level.h). */
struct gm_gemm_level;

/* NULL when the level is not compiled in or this processor lacks it. */
const struct gm_gemm_level *gm_gemm_level_get(enum gm_cpu_level level);

/* Bytes of scratch memory that the calls below need for these sizes and up to `thread_count`
   threads. Their workspace is aligned to 64 bytes; it is faster on huge pages. */
size_t gm_gemm_workspace_bytes(const struct gm_gemm_level *level, size_t thread_count, size_t m,
                               size_t n, size_t k);

/* The pool may be NULL: one thread. Nothing is allocated. */
void gm_gemm_run(const struct gm_gemm_level *level, struct gm_pool *pool, void *workspace,
                 const struct gm_gemm *gemm);
/* Many small products share the threads whole; few large ones are cut up one after the other. */
void gm_gemm_run_batch(const struct gm_gemm_level *level, struct gm_pool *pool, void *workspace,
                       const struct gm_gemm_batch *batch);

#endif
