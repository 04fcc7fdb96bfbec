#include "base/cpu.h"

const char *gm_cpu_level_name(enum gm_cpu_level level)
{
    static const char *const names[] = {"scalar", "neon", "avx2", "avx512"};
    return level < GM_CPU_LEVEL_COUNT ? names[level] : "?";
}

/* __builtin_cpu_supports reads CPUID and asks XGETBV whether the system saves the registers. */
bool gm_cpu_level_available(enum gm_cpu_level level)
{
    switch (level) {
    case GM_CPU_SCALAR:
        return true;
#if defined(__x86_64__)
    case GM_CPU_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case GM_CPU_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#elif defined(__aarch64__)
    case GM_CPU_NEON:
        return true; /* part of the base architecture */
#endif
    default:
        return false;
    }
}

enum gm_cpu_level gm_cpu_level_best(void)
{
    enum gm_cpu_level best = GM_CPU_SCALAR;
    for (int level = GM_CPU_SCALAR; level < GM_CPU_LEVEL_COUNT; level++) {
        if (gm_cpu_level_available((enum gm_cpu_level)level))
            best = (enum gm_cpu_level)level;
    }
    return best;
}
