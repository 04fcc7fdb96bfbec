/* Blobs in the test's memory, found by name: where an executor computes from, and what a small
   server serves. Not for several threads at once. */
#ifndef GM_TEST_WORKER_BLOBS_H
#define GM_TEST_WORKER_BLOBS_H

#include "core/task.h"
#include "worker/executor.h"

enum { BLOBS_MAX = 256 };

struct blobs {
    struct gm_hash names[BLOBS_MAX];
    struct gm_buf bytes[BLOBS_MAX];
    size_t count;
    uint64_t reads; /* calls of any kind that found their blob */
    bool lies;      /* changes a bit of what it gives */
};

void blobs_init(struct blobs *blobs);
void blobs_fini(struct blobs *blobs);
/* NULL: not there. */
const struct gm_buf *blobs_find(const struct blobs *blobs, const struct gm_hash *name);
struct gm_hash blobs_put(struct blobs *blobs, const void *data, size_t size_bytes);
/* Row-major data, stored as the tensor's blob. */
struct gm_hash blobs_put_tensor(struct blobs *blobs, const struct gm_tensor_desc *desc,
                                const void *data);
/* Takes the program over: encodes and frees it. */
struct gm_hash blobs_put_program(struct blobs *blobs, struct gm_program *program);
struct gm_task_source blobs_source(struct blobs *blobs);

struct gm_tensor_desc shape_f32(uint64_t rows, uint64_t cols);

#endif
