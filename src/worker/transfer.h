/* Blobs to and from a broker, in pieces that are checked on arrival, across lost connections: a
   call that fails is repeated until it succeeds, the broker refuses, `stop` is set, or patience
   ends. */
#ifndef GM_WORKER_TRANSFER_H
#define GM_WORKER_TRANSFER_H

#include <stdatomic.h>

#include "data/blob_store.h"
#include "wire/client.h"

struct gm_transfer {
    struct gm_client *client; /* not owned */
    uint64_t patience_ms;     /* without any progress */
    const atomic_bool *stop;  /* NULL: cannot be stopped */
};

/* A request that is safe to repeat; as gm_client_ask. GM_CANCELLED: stopped. */
enum gm_status gm_transfer_ask(const struct gm_transfer *transfer, enum gm_port port,
                               const struct gm_message *request, enum gm_message_type expected,
                               struct gm_reply *reply, struct gm_error *err) GM_MUST_USE;

/* Where an upload's bytes come from. */
struct gm_blob_source {
    void *ctx;
    enum gm_status (*read)(void *ctx, const struct gm_hash *root, uint64_t offset_bytes, void *out,
                           uint64_t size_bytes, struct gm_error *err);
};

struct gm_blob_name {
    struct gm_hash root;
    uint64_t size_bytes;
};

/* Sends what of these the broker does not have: small ones many at a time, large ones piece by
   piece. `lease` is NULL for a submission. */
enum gm_status gm_transfer_put(const struct gm_transfer *transfer, const uint8_t *lease,
                               const struct gm_blob_name *blobs, size_t count,
                               const struct gm_blob_source *source,
                               struct gm_error *err) GM_MUST_USE;

/* The whole blob, appended to `out` whose limit bounds it. */
enum gm_status gm_transfer_get(const struct gm_transfer *transfer, const struct gm_hash *root,
                               struct gm_buf *out, struct gm_error *err) GM_MUST_USE;
/* Several small ones at once: appends to `out` as many as came, in order, as u32 size and bytes;
 *taken says how many. One that is too large for company is not taken: get it alone. */
enum gm_status gm_transfer_get_many(const struct gm_transfer *transfer, const struct gm_hash *roots,
                                    size_t count, struct gm_buf *out, size_t *taken,
                                    struct gm_error *err) GM_MUST_USE;
/* Into a store, going on where an interrupted one ended. *held says whether the name is held once
   more for the caller: on success, and when the connection or patience failed with a part of the
   blob there, which stays for a later call as long as it is held. */
enum gm_status gm_transfer_get_stored(const struct gm_transfer *transfer,
                                      const struct gm_hash *root, struct gm_blob_store *store,
                                      bool *held, struct gm_error *err) GM_MUST_USE;

#endif
