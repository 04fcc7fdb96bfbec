/* How the CPU device calls a kernel: over a range of its work-items. */
#ifndef GM_CPU_KERNEL_H
#define GM_CPU_KERNEL_H

#include <stdint.h>

#include "backend/kernel.h"

union gm_cpu_arg {
    void *p;
    uint64_t u64;
    uint32_t u32;
    float f32;
};

/* Work-items (id 0, id 1) in [first, last) x [row_first, row_last). */
struct gm_cpu_range {
    uint64_t first, last;
    uint64_t row_first, row_last;
};

/* Runs a kernel over a range. `args` has GM_LAUNCH_ARGS_MAX entries, of which the kernel reads its
   own. */
typedef void gm_cpu_kernel(const union gm_cpu_arg *args, const struct gm_cpu_range *range);

#endif
