/* The micro-kernel, once for all levels. The including file defines
     VEC, VEC_WIDTH           the vector and its floats
     vec_zero, vec_load, vec_store, vec_broadcast, vec_fma(a, b, acc), vec_add, vec_canonical
     ROWS, VECTORS            the full tile
   and gets kernel_<vectors>_<rows> through GM_KERNEL. With constant `rows` and `vectors` the loops
   below unroll and the accumulators live in registers; intrinsics in this form reach 99 % of the
   peak, so no assembler is kept. */

/* The totals are needed when the segment is done, and nothing else foresees where they lie. */
static inline __attribute__((always_inline)) void prefetch_row(const float *c, int vectors)
{
    enum { LINE_FLOATS = 16 };
    GM_UNROLL
    for (int at = 0; at < vectors * VEC_WIDTH; at += LINE_FLOATS)
        __builtin_prefetch(c + at, 1);
}

static inline __attribute__((always_inline)) void finish_row(const struct gm_gemm_tile *tile,
                                                             const VEC *acc, float *c, int vectors)
{
    GM_UNROLL
    for (int v = 0; v < vectors; v++) {
        VEC total = tile->first ? vec_zero() : vec_load(c + v * VEC_WIDTH);
        total = vec_add(total, acc[v]);
        if (tile->last) {
            if (tile->bias != NULL)
                total = vec_add(total, vec_load(tile->bias + v * VEC_WIDTH));
            total = vec_canonical(total);
        }
        vec_store(c + v * VEC_WIDTH, total);
    }
}

/* The same for a total of one segment and no bias, without a branch. */
static inline __attribute__((always_inline)) void finish_only_row(const VEC *acc, float *c,
                                                                  int vectors)
{
    GM_UNROLL
    for (int v = 0; v < vectors; v++)
        vec_store(c + v * VEC_WIDTH, vec_canonical(vec_add(vec_zero(), acc[v])));
}

/* Row i is reached as group[i / 3] + (i % 3) * stride: addresses a processor can form from few
   registers, so that all of them stay in registers. */
static inline __attribute__((always_inline)) void kernel(const struct gm_gemm_tile *tile,
                                                         const int rows, const int vectors)
{
    VEC acc[ROWS][VECTORS];
    GM_UNROLL
    for (int i = 0; i < rows; i++) {
        GM_UNROLL
        for (int v = 0; v < vectors; v++)
            acc[i][v] = vec_zero();
    }
    GM_UNROLL
    for (int i = 0; i < rows; i++)
        prefetch_row(tile->c + (size_t)i * tile->c_row_stride, vectors);
    const size_t row_stride = tile->a_row_stride;
    const size_t a_k_stride = tile->a_k_stride;
    const size_t b_k_stride = tile->b_k_stride;
    const float *group[(ROWS + 2) / 3];
    GM_UNROLL
    for (int g = 0; g < (rows + 2) / 3; g++)
        group[g] = tile->a + (size_t)g * 3 * row_stride;
    const float *b = tile->b;
    for (size_t k = tile->k_count; k > 0; k--) {
        VEC right[VECTORS];
        GM_UNROLL
        for (int v = 0; v < vectors; v++)
            right[v] = vec_load(b + v * VEC_WIDTH);
        b += b_k_stride;
        GM_UNROLL
        for (int i = 0; i < rows; i++) {
            VEC left = vec_broadcast(group[i / 3] + (size_t)(i % 3) * row_stride);
            GM_UNROLL
            for (int v = 0; v < vectors; v++)
                acc[i][v] = vec_fma(left, right[v], acc[i][v]);
        }
        GM_UNROLL
        for (int g = 0; g < (rows + 2) / 3; g++)
            group[g] += a_k_stride;
    }
    if (tile->first && tile->last && tile->bias == NULL) {
        GM_UNROLL
        for (int i = 0; i < rows; i++)
            finish_only_row(acc[i], tile->c + (size_t)i * tile->c_row_stride, vectors);
        return;
    }
    GM_UNROLL
    for (int i = 0; i < rows; i++)
        finish_row(tile, acc[i], tile->c + (size_t)i * tile->c_row_stride, vectors);
}

/* GM_ROWS_n(X, v) is X(v, 1) ... X(v, n): makes kernels, then lists them in the level's table. */
#define GM_ROWS_4(X, v)  X(v, 1) X(v, 2) X(v, 3) X(v, 4)
#define GM_ROWS_6(X, v)  GM_ROWS_4(X, v) X(v, 5) X(v, 6)
#define GM_ROWS_8(X, v)  GM_ROWS_6(X, v) X(v, 7) X(v, 8)
#define GM_ROWS_14(X, v) GM_ROWS_8(X, v) X(v, 9) X(v, 10) X(v, 11) X(v, 12) X(v, 13) X(v, 14)

#define GM_KERNEL_NAME(vectors, rows) kernel_##vectors##_##rows,

#define GM_KERNEL(vectors, rows)                                                                   \
    static void kernel_##vectors##_##rows(const struct gm_gemm_tile *tile)                         \
    {                                                                                              \
        kernel(tile, rows, vectors);                                                               \
    }
