/* What an instruction level gives the matrix multiplication: a table of micro-kernels and the
   block sizes that suit them. Blocking and threads live in gemm.c and know no level. */
#ifndef GM_CPU_GEMM_LEVEL_H
#define GM_CPU_GEMM_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

enum {
    GM_GEMM_ROWS_MAX = 14,   /* the tallest tile of any level */
    GM_GEMM_PANEL_MAX = 32,  /* the widest tile of any level */
    GM_GEMM_VECTORS_MAX = 4, /* vectors across a tile's width, at most */
};

/* Before a loop of constant length: repeats its body, so that arrays it indexes become registers.
   Clang does so in time only for this wording, and ignores the other. A build may define it empty.
 */
#if defined(GM_UNROLL)
#elif defined(__clang__)
#define GM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GM_UNROLL _Pragma("GCC unroll 16")
#endif

/* One tile, one segment: c (+)= a b. The tile's rows are fixed by the choice of kernel, its
   columns are whole vectors. */
struct gm_gemm_tile {
    const float *a; /* element (i, k) at a[i * a_row_stride + k * a_k_stride] */
    size_t a_row_stride, a_k_stride;
    const float *b; /* element (k, j) at b[k * b_k_stride + j] */
    size_t b_k_stride;
    float *c; /* totals; element (i, j) at c[i * c_row_stride + j] */
    size_t c_row_stride;
    const float *bias; /* added after the last segment; NULL: none */
    size_t k_count;    /* of this segment, at most GM_GEMM_SEGMENT */
    bool first;        /* the total starts from +0 and c is not read */
    bool last;         /* the total is complete: bias, then NaN made canonical */
};

typedef void gm_gemm_kernel(const struct gm_gemm_tile *tile);

/* target[k * width + i] = source[i * line_stride + k * k_stride] for i < line_count <= width, where
   width is a multiple of the level's vector, or a panel of the left operand. What lies in target
   for i >= line_count, up to the end of the vector, is some number: it feeds outputs nobody reads.
 */
typedef void gm_gemm_pack(float *target, size_t width, const float *source, size_t line_stride,
                          size_t k_stride, size_t line_count, size_t k_count);

struct gm_gemm_level {
    size_t rows; /* of the full tile */
    size_t
        rows_crowded; /* where the rows in place share a set of the first cache: at most its ways */
    size_t vector_width;  /* floats */
    size_t vectors;       /* across the full tile; its width is vectors * vector_width */
    size_t a_panel_width; /* floats from k to k + 1 in a packed left panel, at least rows */
    size_t row_block; /* rows of a packed left block, a multiple of `rows`; fits a core's cache */
    size_t row_group; /* rows packed together where they lie side by side; as above */
    size_t column_block; /* columns of a packed right block, a multiple of the tile's width */
    gm_gemm_pack *pack;
    /* kernels[v - 1][r - 1] computes r rows by v vectors. */
    gm_gemm_kernel *kernels[GM_GEMM_VECTORS_MAX][GM_GEMM_ROWS_MAX];
};

/* The levels; each exists only where its instructions do. */
extern const struct gm_gemm_level gm_gemm_level_scalar;
extern const struct gm_gemm_level gm_gemm_level_neon;
extern const struct gm_gemm_level gm_gemm_level_avx2;
extern const struct gm_gemm_level gm_gemm_level_avx512;

/* Packing in plain C, for every level that has none of its own. */
void gm_gemm_pack_plain(float *target, size_t width, const float *source, size_t line_stride,
                        size_t k_stride, size_t line_count, size_t k_count);
void gm_gemm_pack_avx2(float *target, size_t width, const float *source, size_t line_stride,
                       size_t k_stride, size_t line_count, size_t k_count);
void gm_gemm_pack_avx512(float *target, size_t width, const float *source, size_t line_stride,
                         size_t k_stride, size_t line_count, size_t k_count);

#endif
