/* Runs a program on a device: plan, buffers, iterations and carries, and the check for NaN and
   infinity. Everything the market computes goes through here: shards, reductions, updates. */
#ifndef GM_BACKEND_EXEC_H
#define GM_BACKEND_EXEC_H

#include "backend/backend.h"

struct gm_exec;

struct gm_exec_memory {
    uint64_t arena_bytes;
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint64_t overhead_bytes; /* packing space, tables, the prepared program itself */
};

/* Plans and prepares. Owns neither device nor program; both must outlive it. */
enum gm_status gm_exec_new(struct gm_device *device, const struct gm_program *program,
                           struct gm_exec **out, struct gm_error *err) GM_MUST_USE;
void gm_exec_free(struct gm_exec *exec); /* NULL is allowed */
struct gm_exec_memory gm_exec_memory(const struct gm_exec *exec);

/* What one run needs besides its tensors. */
struct gm_exec_args {
    uint64_t seed;
    uint32_t step; /* of the first iteration */
    uint32_t iterations;
};

/* inputs[i]: buffers for every input whose source is TENSOR or DATA (others NULL: exec makes them);
   outputs[j]: a buffer for every output, all different. Inputs are not changed, carries included.
   Blocks until done. GM_DIVERGED: an f32 output holds NaN or infinity; the outputs are all
   written, and *bad_output says which was first. */
enum gm_status gm_exec_run(struct gm_exec *exec, const struct gm_exec_args *args,
                           struct gm_buffer *const *inputs, struct gm_buffer *const *outputs,
                           uint32_t *bad_output, struct gm_error *err) GM_MUST_USE;

#endif
