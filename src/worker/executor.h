/* Runs tasks: the one path by which anything is computed, in a worker of the market or alone in one
   process. Fetches what a task needs from a source, keeps tensors on the device by their root, so
   that weights travel once, and keeps programs ready by their name. What is kept is dropped, oldest
   first, when it is more than the largest task so far took in and gave out, or the device's memory
   limit is met.

   Threads: one at a time. */
#ifndef GM_WORKER_EXECUTOR_H
#define GM_WORKER_EXECUTOR_H

#include "backend/exec.h"
#include "core/task.h"

/* Where programs, tensors and data come from. The calls may block. */
struct gm_task_source {
    void *ctx;
    /* Appends the encoded program. */
    enum gm_status (*program)(void *ctx, const struct gm_hash *name, struct gm_buf *out,
                              struct gm_error *err);
    /* Bytes [offset, offset + size) of a tensor's blob (tile order, trust/tile.h), read from its
       start to its end. */
    enum gm_status (*read)(void *ctx, const struct gm_hash *root, uint64_t offset_bytes, void *out,
                           uint64_t size_bytes, struct gm_error *err);
    /* The same for a data set, read here and there. */
    enum gm_status (*data)(void *ctx, const struct gm_hash *root, uint64_t offset_bytes, void *out,
                           uint64_t size_bytes, struct gm_error *err);
    /* These tensors are read next: a chance to fetch many small ones at once. NULL: not wanted. */
    enum gm_status (*announce)(void *ctx, const struct gm_hash *roots, size_t count,
                               struct gm_error *err);
};

struct gm_task_output {
    struct gm_tensor_desc desc;
    struct gm_hash root;
};

struct gm_task_result {
    bool diverged;
    uint32_t bad_output; /* when diverged: the first output with NaN or infinity */
    uint32_t output_count;
    struct gm_task_output *outputs;
    struct gm_hash inputs_root;  /* core/task.h */
    struct gm_hash outputs_root; /* the list root (trust/record.h) of the outputs */
    uint64_t flops;
    uint64_t first_kernel_ns; /* monotonic */
    uint64_t root_ns;         /* when the last output's root was known */
    uint64_t busy_ns;         /* the device's, between the two */
};

struct gm_executor;

/* Owns neither device nor source; both must outlive it. */
enum gm_status gm_executor_new(struct gm_device *device, const struct gm_task_source *source,
                               struct gm_executor **out, struct gm_error *err) GM_MUST_USE;
void gm_executor_free(struct gm_executor *executor); /* NULL is allowed */

/* Runs the task and names its outputs, which stay on the device until the result is dropped; after
   that they are kept as long as there is room. GM_DIVERGED is not returned: a diverged task is a
   result. On failure nothing is held. */
enum gm_status gm_executor_run(struct gm_executor *executor, const struct gm_task *task,
                               struct gm_task_result *out, struct gm_error *err) GM_MUST_USE;
void gm_task_result_drop(struct gm_executor *executor, struct gm_task_result *result);

/* Takes a tensor from host memory, so that later tasks find it by its root. */
enum gm_status gm_executor_put(struct gm_executor *executor, const struct gm_tensor *tensor,
                               struct gm_hash *root, struct gm_error *err) GM_MUST_USE;

/* Reads a tensor from the source, if it is not kept already, and holds it. */
enum gm_status gm_executor_load(struct gm_executor *executor, const struct gm_hash *root,
                                const struct gm_tensor_desc *desc,
                                struct gm_error *err) GM_MUST_USE;

/* Copies a tensor that is kept into host memory, row-major; GM_NOT_FOUND when it is not kept. */
enum gm_status gm_executor_get(struct gm_executor *executor, const struct gm_hash *root,
                               const struct gm_tensor_desc *desc, void *out,
                               struct gm_error *err) GM_MUST_USE;

/* Bytes of the tensor's blob, in tile order, for an upload; GM_NOT_FOUND when it is not kept. */
enum gm_status gm_executor_read_blob(struct gm_executor *executor, const struct gm_hash *root,
                                     uint64_t offset_bytes, void *out, uint64_t size_bytes,
                                     struct gm_error *err) GM_MUST_USE;

/* Holds a tensor that is kept against dropping, and lets it go; calls count. */
enum gm_status gm_executor_hold(struct gm_executor *executor, const struct gm_hash *root,
                                const struct gm_tensor_desc *desc) GM_MUST_USE;
void gm_executor_release(struct gm_executor *executor, const struct gm_hash *root,
                         const struct gm_tensor_desc *desc);

/* A drill: from now on the last large output of every task is wrong by one element, and its root is
   that of the wrong tensor. What an auditor must catch; never set outside of tests and
   demonstrations. */
void gm_executor_set_lying(struct gm_executor *executor, bool lying);

/* What one run of the program takes on this device: planned, not measured. */
enum gm_status gm_executor_memory(struct gm_executor *executor, const struct gm_hash *program,
                                  struct gm_exec_memory *out, struct gm_error *err) GM_MUST_USE;

#endif
