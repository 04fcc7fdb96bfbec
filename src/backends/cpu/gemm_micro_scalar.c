/* Plain C17, the level every machine has; fmaf is exact everywhere, in hardware or not. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "backends/cpu/gemm_level.h"

#define VEC       float
#define VEC_WIDTH 1
#define ROWS      4
#define VECTORS   4

#define vec_zero()         0.0f
#define vec_load(p)        (*(p))
#define vec_store(p, x)    (*(p) = (x))
#define vec_broadcast(p)   (*(p))
#define vec_fma(a, b, acc) fmaf(a, b, acc)
#define vec_add(a, b)      ((a) + (b))

static inline float vec_canonical(float x)
{
    static const uint32_t bits = 0x7fc00000;
    float nan;
    memcpy(&nan, &bits, sizeof nan);
    return x == x ? x : nan;
}

#include "backends/cpu/gemm_kernel_text.h"

/* clang-format off */
GM_ROWS_4(GM_KERNEL, 1)
GM_ROWS_4(GM_KERNEL, 2)
GM_ROWS_4(GM_KERNEL, 3)
GM_ROWS_4(GM_KERNEL, 4)
/* clang-format on */

const struct gm_gemm_level gm_gemm_level_scalar = {.rows = ROWS,
                                                   .rows_crowded = ROWS,
                                                   .vector_width = VEC_WIDTH,
                                                   .vectors = VECTORS,
                                                   .a_panel_width = 4,
                                                   .row_block = 16 * ROWS,
                                                   .row_group = 128 * ROWS,
                                                   .column_block = 512,
                                                   .pack = gm_gemm_pack_plain,
                                                   .kernels = {{GM_ROWS_4(GM_KERNEL_NAME, 1)},
                                                               {GM_ROWS_4(GM_KERNEL_NAME, 2)},
                                                               {GM_ROWS_4(GM_KERNEL_NAME, 3)},
                                                               {GM_ROWS_4(GM_KERNEL_NAME, 4)}}};
