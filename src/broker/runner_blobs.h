/* Inside the runner: blobs that arrive in pieces, and trees of blobs. Any thread. */
#ifndef GM_BROKER_RUNNER_BLOBS_H
#define GM_BROKER_RUNNER_BLOBS_H

#include "broker/runner_state.h"

/* Begins or goes on with an upload that was allowed. `missing` receives the list of missing pieces,
   nothing when all are there. *opened: the store holds the blob once more for the caller. */
enum gm_status gm_broker_arrival_begin(struct gm_broker_runner *runner,
                                       const struct gm_msg_put_begin *begin, bool *opened,
                                       struct gm_buf *missing, struct gm_error *err) GM_MUST_USE;
/* Pieces prove themselves by the blob's name, so whoever brings one is welcome. */
enum gm_status gm_broker_arrival_put(struct gm_broker_runner *runner,
                                     const struct gm_msg_put_piece *piece,
                                     struct gm_error *err) GM_MUST_USE;
/* Appends the chaining values of the pieces; nothing for a blob of one piece. */
enum gm_status gm_broker_tree_read(struct gm_broker_runner *runner, const struct gm_hash *root,
                                   uint64_t size_bytes, struct gm_buf *out,
                                   struct gm_error *err) GM_MUST_USE;

#endif
