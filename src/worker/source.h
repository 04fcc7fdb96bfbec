/* What a worker of the market computes from: programs, tensors and data of its broker. Tensors go
   through memory; data sets, which are read here and there and used for long, are kept in a folder
   within the owner's quota. */
#ifndef GM_WORKER_SOURCE_H
#define GM_WORKER_SOURCE_H

#include "worker/executor.h"
#include "worker/transfer.h"

enum { GM_SOURCE_DATA_SETS_MAX = 16 };

struct gm_source_blob {
    struct gm_hash root;
    struct gm_bytes bytes;
};

struct gm_market_source {
    struct gm_transfer *transfer; /* not owned */
    struct gm_blob_store *store;  /* not owned */
    struct gm_buf small;          /* blobs that came in company: u32 size, bytes */
    struct gm_source_blob *ahead; /* where they are in `small` */
    size_t ahead_count;
    struct gm_buf large; /* the tensor that is being read */
    struct gm_hash large_root;
    uint64_t memory_bytes_max;                         /* of one tensor */
    struct gm_hash data_sets[GM_SOURCE_DATA_SETS_MAX]; /* held in the store, last used last */
    size_t data_set_count;
    struct gm_hash part; /* a data set whose fetching was interrupted */
    bool part_held;
};

void gm_market_source_init(struct gm_market_source *source, struct gm_transfer *transfer,
                           struct gm_blob_store *store, uint64_t memory_bytes_max);
void gm_market_source_fini(struct gm_market_source *source);
/* As the executor wants it; `source` must stay where it is. */
struct gm_task_source gm_market_source_view(struct gm_market_source *source);

#endif
