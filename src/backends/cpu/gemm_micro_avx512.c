/* AVX-512: 14 rows by 2 vectors of 16 fill 28 of the 32 registers with accumulators. */
#include <immintrin.h>

#include "backends/cpu/gemm_level.h"

#define VEC       __m512
#define VEC_WIDTH 16
#define ROWS      14
#define VECTORS   2

#define vec_zero()         _mm512_setzero_ps()
#define vec_load(p)        _mm512_loadu_ps(p)
#define vec_store(p, x)    _mm512_storeu_ps(p, x)
#define vec_broadcast(p)   _mm512_set1_ps(*(p))
#define vec_fma(a, b, acc) _mm512_fmadd_ps(a, b, acc)
#define vec_add(a, b)      _mm512_add_ps(a, b)

static inline __m512 vec_canonical(__m512 x)
{
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_castsi512_ps(_mm512_mask_set1_epi32(_mm512_castps_si512(x), nan, 0x7fc00000));
}

#include "backends/cpu/gemm_kernel_text.h"

/* clang-format off */
GM_ROWS_14(GM_KERNEL, 1)
GM_ROWS_14(GM_KERNEL, 2)
/* clang-format on */

const struct gm_gemm_level gm_gemm_level_avx512 = {
    .rows = ROWS,
    .rows_crowded = 8,
    .vector_width = VEC_WIDTH,
    .vectors = VECTORS,
    .a_panel_width = 16,
    .row_block = 4 * ROWS,
    .row_group = 73 * ROWS,
    .column_block = 1024,
    .pack = gm_gemm_pack_avx512,
    .kernels = {{GM_ROWS_14(GM_KERNEL_NAME, 1)}, {GM_ROWS_14(GM_KERNEL_NAME, 2)}}};
