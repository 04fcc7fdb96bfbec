/* A whole job in one process: runs the job's graph of tasks one after the other on one device, by
   the executor that workers use. The market must end in the same state, to the hash. */
#ifndef GM_CLI_LOCAL_H
#define GM_CLI_LOCAL_H

#include "cli/compose.h"
#include "worker/executor.h"

struct gm_local {
    const struct gm_composed *composed; /* not owned */
    struct gm_blob_store *store;        /* not owned: programs, data, given weights, checkpoints */
    struct gm_executor *executor;
    uint32_t step;         /* the state is the one before this step */
    struct gm_hash *state; /* state_count roots; every tensor is held in the executor */
    bool state_held;
    float loss_first; /* mean loss of step 0; NaN: not known yet */
    float loss_last;
    float loss_validation;
};

/* The state is empty until _start or _resume. */
enum gm_status gm_local_new(const struct gm_composed *composed, struct gm_device *device,
                            struct gm_local **out, struct gm_error *err) GM_MUST_USE;
void gm_local_free(struct gm_local *local); /* NULL is allowed */

/* The job's first state. */
enum gm_status gm_local_start(struct gm_local *local, struct gm_error *err) GM_MUST_USE;
/* What the step's batch gives at the present state: outputs "loss" and "count", then the gradients
   of all parameters, all as sums over the batch. gm_task_result_drop on success. */
enum gm_status gm_local_gradients(struct gm_local *local, struct gm_task_result *out,
                                  struct gm_error *err) GM_MUST_USE;
/* One step: gradients of all shards, their reduction, the update. GM_DIVERGED: the state stays as
   it was. */
enum gm_status gm_local_step(struct gm_local *local, struct gm_error *err) GM_MUST_USE;
/* Mean loss of the state on the validation part, into loss_validation. */
enum gm_status gm_local_evaluate(struct gm_local *local, struct gm_error *err) GM_MUST_USE;

/* Writes the state's tensors as blobs and then, under `path`, which of them belong to which step of
   which recipe. A crash in between leaves the checkpoint before. */
enum gm_status gm_local_save(struct gm_local *local, const char *path,
                             struct gm_error *err) GM_MUST_USE;
/* GM_NOT_FOUND: there is none; GM_STALE: it is of another recipe. */
enum gm_status gm_local_resume(struct gm_local *local, const char *path,
                               struct gm_error *err) GM_MUST_USE;

/* The parameters as a canonical safetensors file, and its BLAKE3. */
enum gm_status gm_local_write_model(struct gm_local *local, const char *path, struct gm_hash *name,
                                    struct gm_error *err) GM_MUST_USE;

/* The shape of a tensor of the state. */
const struct gm_tensor_desc *gm_local_state_desc(const struct gm_local *local, uint32_t index);

/* What the job will take, planned before it starts. */
struct gm_local_memory {
    uint64_t tensor_bytes;   /* at the peak: the state before and after an update, or the state and
                                the   gradients of all shards */
    uint64_t arena_bytes;    /* intermediate values of all programs, which stay prepared */
    uint64_t overhead_bytes; /* packing space, tables, slices of data */
};
/* Prepares the programs of a step. */
enum gm_status gm_local_memory(struct gm_local *local, struct gm_local_memory *out,
                               struct gm_error *err) GM_MUST_USE;

#endif
