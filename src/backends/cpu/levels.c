#include <stdio.h>
#include <string.h>

#include "backends/cpu/ops.h"

#define DECLARE(level)                                                                             \
    extern gm_cpu_kernel *const gm_cpu_kernels_##level[GM_KERNEL_COUNT];                           \
    extern const struct gm_cpu_fast gm_cpu_fast_##level[GM_OP_LIMIT];
DECLARE(scalar)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#elif defined(__aarch64__)
DECLARE(neon)
#endif

/* From slow to fast. The reference is the kernels' text and nothing else. */
static const struct gm_cpu_ops LEVELS[] = {
    {"reference", GM_CPU_SCALAR, gm_cpu_kernels_scalar, NULL},
    {"scalar", GM_CPU_SCALAR, gm_cpu_kernels_scalar, gm_cpu_fast_scalar},
#if defined(__x86_64__)
    {"avx2", GM_CPU_AVX2, gm_cpu_kernels_avx2, gm_cpu_fast_avx2},
    {"avx512", GM_CPU_AVX512, gm_cpu_kernels_avx512, gm_cpu_fast_avx512},
#elif defined(__aarch64__)
    {"neon", GM_CPU_NEON, gm_cpu_kernels_neon, gm_cpu_fast_neon},
#endif
};

enum { LEVEL_COUNT = sizeof LEVELS / sizeof *LEVELS };

const struct gm_cpu_ops *gm_cpu_ops_find(const char *name)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(LEVELS[i].name, name) == 0)
            return gm_cpu_level_available(LEVELS[i].level) ? &LEVELS[i] : NULL;
    }
    return NULL;
}

const struct gm_cpu_ops *gm_cpu_ops_best(void)
{
    const struct gm_cpu_ops *best = &LEVELS[1];
    for (size_t i = 2; i < LEVEL_COUNT; i++) {
        if (gm_cpu_level_available(LEVELS[i].level))
            best = &LEVELS[i];
    }
    return best;
}

void gm_cpu_ops_names(char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < LEVEL_COUNT && used < size; i++) {
        if (gm_cpu_level_available(LEVELS[i].level))
            used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ", ",
                                     LEVELS[i].name);
    }
}
