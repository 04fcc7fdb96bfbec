/* What the processor can do, by feature bits, never by vendor or model: a library that knows
   models by name runs its slow kernels on the ones it does not know. */
#ifndef GM_BASE_CPU_H
#define GM_BASE_CPU_H

#include <stdbool.h>

/* Instruction levels that code is written for. A level implies those before it on the same
   architecture. */
enum gm_cpu_level {
    GM_CPU_SCALAR, /* plain C17 */
    GM_CPU_NEON,   /* arm64 Advanced SIMD with FMA */
    GM_CPU_AVX2,   /* AVX2 and FMA3 */
    GM_CPU_AVX512, /* AVX-512 F, VL, BW, DQ */
    GM_CPU_LEVEL_COUNT
};

/* "scalar", "neon", "avx2", "avx512". */
const char *gm_cpu_level_name(enum gm_cpu_level level);
/* Compiled in, and offered by this processor and its system. SCALAR is always available. */
bool gm_cpu_level_available(enum gm_cpu_level level);
/* The highest available level. */
enum gm_cpu_level gm_cpu_level_best(void);

#endif
