/* AVX2 with FMA: 6 rows by 2 vectors of 8 fill 12 of the 16 registers with accumulators. */
#include <immintrin.h>

#include "backends/cpu/gemm_level.h"

#define VEC       __m256
#define VEC_WIDTH 8
#define ROWS      6
#define VECTORS   2

#define vec_zero()         _mm256_setzero_ps()
#define vec_load(p)        _mm256_loadu_ps(p)
#define vec_store(p, x)    _mm256_storeu_ps(p, x)
#define vec_broadcast(p)   _mm256_broadcast_ss(p)
#define vec_fma(a, b, acc) _mm256_fmadd_ps(a, b, acc)
#define vec_add(a, b)      _mm256_add_ps(a, b)

static inline __m256 vec_canonical(__m256 x)
{
    __m256 nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    return _mm256_blendv_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)), nan);
}

#include "backends/cpu/gemm_kernel_text.h"

/* clang-format off */
GM_ROWS_6(GM_KERNEL, 1)
GM_ROWS_6(GM_KERNEL, 2)
/* clang-format on */

const struct gm_gemm_level gm_gemm_level_avx2 = {
    .rows = ROWS,
    .rows_crowded = ROWS,
    .vector_width = VEC_WIDTH,
    .vectors = VECTORS,
    .a_panel_width = 8,
    .row_block = 12 * ROWS,
    .row_group = 170 * ROWS,
    .column_block = 1024,
    .pack = gm_gemm_pack_avx2,
    .kernels = {{GM_ROWS_6(GM_KERNEL_NAME, 1)}, {GM_ROWS_6(GM_KERNEL_NAME, 2)}}};
