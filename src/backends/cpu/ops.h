/* What an instruction level gives the CPU device: the kernels of kernels/ compiled as C with that
   level's instructions, and for some operations a faster way to the same bits. The reference is
   the scalar level without the faster ways. */
#ifndef GM_CPU_OPS_H
#define GM_CPU_OPS_H

#include "backend/lower.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel.h"
#include "backends/cpu/pool.h"

struct gm_cpu_ops;

/* One operation on its way: what a faster entry works on. */
struct gm_cpu_call {
    const struct gm_cpu_ops *ops;
    struct gm_pool *pool;
    const struct gm_gemm_level *gemm;
    const struct gm_node *node;
    const struct gm_tensor_desc *values; /* of the whole program */
    const struct gm_tensor_desc *inputs[GM_OP_INPUTS_MAX];
    const struct gm_tensor_desc *outputs; /* consecutive */
    void *in[GM_OP_INPUTS_MAX];           /* NULL while only sizes are asked for */
    void *out[GM_OP_OUTPUTS_MAX];
    unsigned char *scratch; /* as many bytes as scratch_bytes said, aligned to 64 */
};

struct gm_cpu_fast {
    /* NULL: the operation runs by its lowering. */
    void (*run)(const struct gm_cpu_call *call);
    /* NULL: no scratch memory. */
    size_t (*scratch_bytes)(const struct gm_cpu_call *call);
};

struct gm_cpu_ops {
    const char *name; /* "scalar", "avx2", ...; "reference" */
    enum gm_cpu_level level;
    gm_cpu_kernel *const *kernels;  /* GM_KERNEL_COUNT */
    const struct gm_cpu_fast *fast; /* GM_OP_LIMIT; NULL: none */
};

/* The table of this name, or NULL when it is not compiled in or the processor lacks it. */
const struct gm_cpu_ops *gm_cpu_ops_find(const char *name);
/* The fastest one here. */
const struct gm_cpu_ops *gm_cpu_ops_best(void);
/* Names of all that run here, "reference, scalar, avx2", into the caller's buffer. */
void gm_cpu_ops_names(char *out, size_t size);

/* Runs one operation by its lowering. */
void gm_cpu_launch_all(const struct gm_cpu_call *call);
/* Scratch memory that one operation needs, by whichever way it will run. */
size_t gm_cpu_scratch_bytes(const struct gm_cpu_call *call);
void gm_cpu_call_run(const struct gm_cpu_call *call);

#endif
