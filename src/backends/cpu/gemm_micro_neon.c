/* Advanced SIMD: 8 rows by 3 vectors of 4 fill 24 of the 32 registers with accumulators. */
#include <arm_neon.h>

#include "backends/cpu/gemm_level.h"

#define VEC       float32x4_t
#define VEC_WIDTH 4
#define ROWS      8
#define VECTORS   3

#define vec_zero()         vdupq_n_f32(0)
#define vec_load(p)        vld1q_f32(p)
#define vec_store(p, x)    vst1q_f32(p, x)
#define vec_broadcast(p)   vld1q_dup_f32(p)
#define vec_fma(a, b, acc) vfmaq_f32(acc, a, b)
#define vec_add(a, b)      vaddq_f32(a, b)

static inline float32x4_t vec_canonical(float32x4_t x)
{
    uint32x4_t number = vceqq_f32(x, x);
    return vbslq_f32(number, x, vreinterpretq_f32_u32(vdupq_n_u32(0x7fc00000)));
}

#include "backends/cpu/gemm_kernel_text.h"

/* clang-format off */
GM_ROWS_8(GM_KERNEL, 1)
GM_ROWS_8(GM_KERNEL, 2)
GM_ROWS_8(GM_KERNEL, 3)
/* clang-format on */

const struct gm_gemm_level gm_gemm_level_neon = {.rows = ROWS,
                                                 .rows_crowded = 4,
                                                 .vector_width = VEC_WIDTH,
                                                 .vectors = VECTORS,
                                                 .a_panel_width = 8,
                                                 .row_block = 9 * ROWS,
                                                 .row_group = 96 * ROWS,
                                                 .column_block = 768,
                                                 .pack = gm_gemm_pack_plain,
                                                 .kernels = {{GM_ROWS_8(GM_KERNEL_NAME, 1)},
                                                             {GM_ROWS_8(GM_KERNEL_NAME, 2)},
                                                             {GM_ROWS_8(GM_KERNEL_NAME, 3)}}};
