/* A task: a pure function call as data. Its name is the BLAKE3 of its deterministic encoding; the
   same task gives the same outputs everywhere. */
#ifndef GM_CORE_TASK_H
#define GM_CORE_TASK_H

#include "base/bytes.h"
#include "core/program.h"
#include "core/slice.h"

enum { GM_TASK_ENCODED_MAX = 60 << 10 }; /* fits a control message */

/* Numbers are stable. */
enum gm_task_input_kind {
    GM_TASK_INPUT_GENERATED = 0, /* step, iteration, seed: made where the task runs */
    GM_TASK_INPUT_TENSOR = 1,    /* by root */
    GM_TASK_INPUT_SLICE = 2,
};

struct gm_task_input {
    enum gm_task_input_kind kind;
    struct gm_hash root;   /* TENSOR */
    struct gm_slice slice; /* SLICE */
};

struct gm_task {
    struct gm_hash program;
    uint64_t seed;
    uint32_t step;
    uint32_t iterations; /* at least 1 */
    uint32_t input_count;
    struct gm_task_input *inputs; /* one per input of the program, in its order */
};

/* Room for input_count inputs, all GENERATED. */
enum gm_status gm_task_init(struct gm_task *task, uint32_t input_count) GM_MUST_USE;
void gm_task_fini(struct gm_task *task);

enum gm_status gm_task_encode(const struct gm_task *task, struct gm_buf *out) GM_MUST_USE;
/* Strict. On success the task owns its inputs: gm_task_fini. */
enum gm_status gm_task_decode(struct gm_bytes bytes, struct gm_task *out,
                              struct gm_error *err) GM_MUST_USE;
enum gm_status gm_task_hash(const struct gm_task *task, struct gm_hash *hash) GM_MUST_USE;

/* Kinds and slices agree with the program's inputs. */
enum gm_status gm_task_check(const struct gm_task *task, const struct gm_program *program,
                             struct gm_error *err) GM_MUST_USE;

/* The attested list root (trust/root.h) over the task's inputs: tensors by their root, slices by
   the BLAKE3 derive-key hash of their encoding, generated inputs by zeros. */
enum gm_status gm_task_inputs_root(const struct gm_task *task, const struct gm_program *program,
                                   struct gm_hash *root) GM_MUST_USE;

#endif
