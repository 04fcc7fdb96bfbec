/* Packing with AVX2: contiguous lines are copied, contiguous k is transposed in squares of 8. */
#include <immintrin.h>
#include <string.h>

#include "backends/cpu/gemm_level.h"

enum { SIDE = 8 };

/* r[i][k] becomes r[k][i]. */
static inline void transpose(__m256 r[SIDE])
{
    __m256 t[SIDE];
    for (int i = 0; i < SIDE; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < SIDE; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int q = 0; q < 4; q++) {
        t[q] = _mm256_permute2f128_ps(r[q], r[4 + q], 0x20);
        t[4 + q] = _mm256_permute2f128_ps(r[q], r[4 + q], 0x31);
    }
    for (int i = 0; i < SIDE; i++)
        r[i] = t[i];
}

static void pack_square(float *target, size_t width, const float *source, size_t line_stride,
                        size_t line_count)
{
    __m256 r[SIDE];
    for (size_t i = 0; i < SIDE; i++) {
        size_t line = i < line_count ? i : line_count - 1;
        r[i] = _mm256_loadu_ps(source + line * line_stride);
    }
    transpose(r);
    for (size_t i = 0; i < SIDE; i++)
        _mm256_storeu_ps(target + i * width, r[i]);
}

static void pack_contiguous(float *target, size_t width, const float *source, size_t k_stride,
                            size_t k_count)
{
    for (size_t k = 0; k < k_count; k++)
        _mm256_storeu_ps(target + k * width, _mm256_loadu_ps(source + k * k_stride));
}

/* At most 8 lines. */
static void pack_lines(float *target, size_t width, const float *source, size_t line_stride,
                       size_t k_stride, size_t line_count, size_t k_count)
{
    if (line_stride == 1 && line_count == SIDE) {
        pack_contiguous(target, width, source, k_stride, k_count);
        return;
    }
    size_t k = 0;
    for (; k_stride == 1 && k + SIDE <= k_count; k += SIDE)
        pack_square(target + k * width, width, source + k, line_stride, line_count);
    for (; k < k_count; k++) {
        float line[SIDE] = {0};
        for (size_t i = 0; i < line_count; i++)
            line[i] = source[i * line_stride + k * k_stride];
        memcpy(target + k * width, line, sizeof line);
    }
}

void gm_gemm_pack_avx2(float *target, size_t width, const float *source, size_t line_stride,
                       size_t k_stride, size_t line_count, size_t k_count)
{
    for (size_t line = 0; line < line_count; line += SIDE) {
        size_t left = line_count - line < SIDE ? line_count - line : SIDE;
        pack_lines(target + line, width, source + line * line_stride, line_stride, k_stride, left,
                   k_count);
    }
}
