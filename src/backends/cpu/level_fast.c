/* The table of faster ways, once per level. What is not in it runs by its lowering. */
#include "backends/cpu/fast.h"
#include "backends/cpu/level.h"

const struct gm_cpu_fast GM_LEVEL(gm_cpu_fast)[GM_OP_LIMIT] = {
    [GM_OP_MATMUL] = {gm_cpu_matmul_run, gm_cpu_matmul_scratch},
};
