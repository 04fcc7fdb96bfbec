/* The list of levels: the one place that knows which are compiled for which architecture. */
#include "backends/cpu/gemm.h"
#include "backends/cpu/gemm_level.h"

const struct gm_gemm_level *gm_gemm_level_get(enum gm_cpu_level level)
{
    static const struct gm_gemm_level *const levels[GM_CPU_LEVEL_COUNT] = {
        [GM_CPU_SCALAR] = &gm_gemm_level_scalar,
#if defined(__x86_64__)
        [GM_CPU_AVX2] = &gm_gemm_level_avx2,
        [GM_CPU_AVX512] = &gm_gemm_level_avx512,
#elif defined(__aarch64__)
        [GM_CPU_NEON] = &gm_gemm_level_neon,
#endif
    };
    return level < GM_CPU_LEVEL_COUNT && gm_cpu_level_available(level) ? levels[level] : NULL;
}
