/* Faster ways for single operations, with the bits of their lowering. Those that need no vector
   code of their own stand here; those compiled per level are declared in level_fast.h. */
#ifndef GM_CPU_FAST_H
#define GM_CPU_FAST_H

#include "backends/cpu/ops.h"

/* Matrix multiplication by the gemm engine. */
void gm_cpu_matmul_run(const struct gm_cpu_call *call);
size_t gm_cpu_matmul_scratch(const struct gm_cpu_call *call);

#endif
