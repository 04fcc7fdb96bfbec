/* Packing in plain C: the compiler makes vectors of the contiguous case. */
#include <string.h>

#include "backends/cpu/gemm_level.h"

void gm_gemm_pack_plain(float *target, size_t width, const float *source, size_t line_stride,
                        size_t k_stride, size_t line_count, size_t k_count)
{
    for (size_t k = 0; k < k_count; k++) {
        const float *from = source + k * k_stride;
        float *to = target + k * width;
        if (line_stride == 1)
            memcpy(to, from, line_count * sizeof *to);
        else
            for (size_t i = 0; i < line_count; i++)
                to[i] = from[i * line_stride];
        for (size_t i = line_count; i < width; i++)
            to[i] = 0;
    }
}
