/* Packing with AVX-512: contiguous lines are copied under a mask, contiguous k is transposed in
   squares of 16 by 16. */
#include <immintrin.h>

#include "backends/cpu/gemm_level.h"

enum { SIDE = 16 };

/* r[i][k] becomes r[k][i]: pairs, then quads within 128-bit lanes, then the lanes themselves. */
static inline __attribute__((always_inline)) void transpose(__m512 r[SIDE])
{
    __m512 t[SIDE];
    GM_UNROLL
    for (int i = 0; i < SIDE; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    GM_UNROLL
    for (int i = 0; i < SIDE; i += 4) {
        __m512d low0 = _mm512_castps_pd(t[i]), high0 = _mm512_castps_pd(t[i + 1]);
        __m512d low1 = _mm512_castps_pd(t[i + 2]), high1 = _mm512_castps_pd(t[i + 3]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(low0, low1));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low0, low1));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high0, high1));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high0, high1));
    }
    /* r[4 g + q], lane l: lines 4 g .. 4 g + 3 at k = 4 l + q. */
    GM_UNROLL
    for (int q = 0; q < 4; q++) {
        __m512 even01 = _mm512_shuffle_f32x4(r[q], r[4 + q], 0x88);
        __m512 odd01 = _mm512_shuffle_f32x4(r[q], r[4 + q], 0xdd);
        __m512 even23 = _mm512_shuffle_f32x4(r[8 + q], r[12 + q], 0x88);
        __m512 odd23 = _mm512_shuffle_f32x4(r[8 + q], r[12 + q], 0xdd);
        t[q] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        t[8 + q] = _mm512_shuffle_f32x4(even01, even23, 0xdd);
        t[4 + q] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        t[12 + q] = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
    }
    GM_UNROLL
    for (int i = 0; i < SIDE; i++)
        r[i] = t[i];
}

static inline __mmask16 first_lanes(size_t count)
{
    return (__mmask16)(count >= SIDE ? 0xffff : (1u << count) - 1);
}

/* At most 16 lines whose k is contiguous; writes 16 floats per k. */
static void pack_transposed(float *target, size_t width, const float *source, size_t line_stride,
                            size_t line_count, size_t k_count)
{
    for (size_t k = 0; k < k_count; k += SIDE) {
        size_t k_left = k_count - k;
        __mmask16 mask = first_lanes(k_left);
        __m512 r[SIDE];
        GM_UNROLL
        for (size_t i = 0; i < SIDE; i++) {
            /* A repeated line stands for one that is not there: no branch, no foreign memory. */
            size_t line = i < line_count ? i : line_count - 1;
            r[i] = _mm512_maskz_loadu_ps(mask, source + line * line_stride + k);
        }
        transpose(r);
        float *to = target + k * width;
        if (k_left >= SIDE) {
            GM_UNROLL
            for (size_t i = 0; i < SIDE; i++)
                _mm512_storeu_ps(to + i * width, r[i]);
        } else {
            for (size_t i = 0; i < k_left; i++)
                _mm512_storeu_ps(to + i * width, r[i]);
        }
    }
}

/* At most 16 contiguous lines; writes 16 floats per k. */
static void pack_contiguous(float *target, size_t width, const float *source, size_t k_stride,
                            size_t line_count, size_t k_count)
{
    __mmask16 mask = first_lanes(line_count);
    for (size_t k = 0; k < k_count; k++)
        _mm512_storeu_ps(target + k * width, _mm512_maskz_loadu_ps(mask, source + k * k_stride));
}

void gm_gemm_pack_avx512(float *target, size_t width, const float *source, size_t line_stride,
                         size_t k_stride, size_t line_count, size_t k_count)
{
    if (line_stride != 1 && k_stride != 1) {
        gm_gemm_pack_plain(target, width, source, line_stride, k_stride, line_count, k_count);
        return;
    }
    for (size_t line = 0; line < line_count; line += SIDE) {
        size_t left = line_count - line < SIDE ? line_count - line : SIDE;
        if (line_stride == 1)
            pack_contiguous(target + line, width, source + line, k_stride, left, k_count);
        else
            pack_transposed(target + line, width, source + line * line_stride, line_stride, left,
                            k_count);
    }
}
