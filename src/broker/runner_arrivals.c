/* Blobs that arrive in pieces, and the trees of blobs that leave in pieces. */
#include <string.h>

#include "base/mem.h"
#include "broker/runner_blobs.h"

/* ---- uploads: the lock `arriving` is held ---- */

static struct gm_broker_arrival *arrival_find(struct gm_broker_runner *runner,
                                              const struct gm_hash *root)
{
    for (size_t i = 0; i < runner->arrival_count; i++) {
        if (gm_hash_equal(&runner->arrivals[i].root, root))
            return &runner->arrivals[i];
    }
    return NULL;
}

static enum gm_status arrival_close(struct gm_broker_runner *runner,
                                    struct gm_broker_arrival *arrival, struct gm_error *err)
{
    enum gm_status status = gm_blob_partial_close(arrival->partial, err);
    *arrival = runner->arrivals[--runner->arrival_count];
    return status;
}

void gm_broker_arrivals_close(struct gm_broker_runner *runner, uint64_t unused_since_ms)
{
    (void)pthread_mutex_lock(&runner->arriving);
    for (size_t i = runner->arrival_count; i-- > 0;) {
        if (runner->arrivals[i].used_ms <= unused_since_ms)
            (void)arrival_close(runner, &runner->arrivals[i], NULL);
    }
    (void)pthread_mutex_unlock(&runner->arriving);
}

static enum gm_status arrival_open(struct gm_broker_runner *runner,
                                   const struct gm_msg_put_begin *begin, const struct gm_hash *root,
                                   struct gm_broker_arrival **out, struct gm_error *err)
{
    struct gm_blob_partial *partial;
    if (runner->arrival_count == GM_BROKER_ARRIVALS_MAX)
        return gm_error_set(err, GM_BUSY, "%d blobs arrive already", GM_BROKER_ARRIVALS_MAX);
    GM_TRY(gm_blob_partial_open(runner->blobs, root, begin->size_bytes,
                                (const struct gm_hash *)begin->pieces.data,
                                begin->pieces.size_bytes / GM_HASH_SIZE, &partial, err));
    *out = &runner->arrivals[runner->arrival_count++];
    **out = (struct gm_broker_arrival){
        .root = *root, .partial = partial, .size_bytes = begin->size_bytes};
    return GM_OK;
}

/* Bit i of byte i / 8: piece i is missing. */
static enum gm_status missing_list(const struct gm_broker_arrival *arrival, struct gm_buf *out)
{
    uint64_t bytes = (gm_blob_piece_count(arrival->size_bytes) + 7) / 8;
    uint8_t *bits = gm_buf_extend(out, bytes);
    if (bits == NULL)
        return out->status;
    memset(bits, 0, bytes);
    for (uint64_t i = gm_blob_partial_missing(arrival->partial, 0); i != UINT64_MAX;
         i = gm_blob_partial_missing(arrival->partial, i + 1))
        bits[i / 8] |= (uint8_t)(1u << (i % 8));
    return GM_OK;
}

enum gm_status gm_broker_arrival_begin(struct gm_broker_runner *runner,
                                       const struct gm_msg_put_begin *begin, bool *opened,
                                       struct gm_buf *missing, struct gm_error *err)
{
    struct gm_hash root;
    memcpy(root.bytes, begin->root, GM_HASH_SIZE);
    *opened = false;
    (void)pthread_mutex_lock(&runner->arriving);
    struct gm_broker_arrival *arrival = arrival_find(runner, &root);
    enum gm_status status = GM_OK;
    if (arrival != NULL && arrival->size_bytes != begin->size_bytes) {
        status = gm_error_set(err, GM_INVALID, "the blob arrives with another size already");
    } else if (arrival == NULL) {
        status = arrival_open(runner, begin, &root, &arrival, err);
        *opened = status == GM_OK;
    }
    if (status == GM_OK) {
        arrival->used_ms = gm_broker_now_ms();
        if (gm_blob_partial_missing(arrival->partial, 0) == UINT64_MAX)
            status = arrival_close(runner, arrival, err);
        else
            status = missing_list(arrival, missing);
    }
    (void)pthread_mutex_unlock(&runner->arriving);
    return status == GM_EXISTS ? GM_OK : status;
}

enum gm_status gm_broker_arrival_put(struct gm_broker_runner *runner,
                                     const struct gm_msg_put_piece *piece, struct gm_error *err)
{
    struct gm_hash root;
    memcpy(root.bytes, piece->root, GM_HASH_SIZE);
    (void)pthread_mutex_lock(&runner->arriving);
    struct gm_broker_arrival *arrival = arrival_find(runner, &root);
    enum gm_status status = GM_OK;
    if (arrival != NULL) {
        arrival->used_ms = gm_broker_now_ms();
        status = gm_blob_partial_put(arrival->partial, piece->piece_index, piece->data, err);
        if (status == GM_OK && gm_blob_partial_missing(arrival->partial, 0) == UINT64_MAX)
            status = arrival_close(runner, arrival, err);
    } else if (!gm_blob_store_has(runner->blobs, &root, NULL)) {
        /* A repeated last piece finds its blob whole; another one must be announced anew. */
        status = gm_error_set(err, GM_STALE, "no upload of this blob has begun: begin again");
    }
    (void)pthread_mutex_unlock(&runner->arriving);
    return status;
}

/* ---- trees ---- */

static enum gm_status values_make(struct gm_broker_runner *runner, const struct gm_hash *root,
                                  uint64_t size_bytes, struct gm_hash *values, struct gm_error *err)
{
    uint8_t *piece = gm_mem_new(1, GM_BLOB_PIECE_BYTES);
    enum gm_status status = piece == NULL ? GM_NO_MEMORY : GM_OK;
    for (uint64_t i = 0; status == GM_OK && i < gm_blob_piece_count(size_bytes); i++) {
        size_t bytes = gm_blob_piece_bytes(size_bytes, i);
        status =
            gm_blob_store_read(runner->blobs, root, i * GM_BLOB_PIECE_BYTES, piece, bytes, err);
        if (status == GM_OK)
            values[i] = gm_blob_piece_value(i, (struct gm_bytes){piece, bytes});
    }
    gm_mem_free(piece);
    return status;
}

/* Puts a copy into the place of the oldest; without memory it is made again next time. */
static void tree_keep(struct gm_broker_runner *runner, const struct gm_hash *root,
                      const struct gm_hash *values, uint64_t count)
{
    struct gm_hash *copy = gm_mem_new(count, sizeof *copy);
    if (copy == NULL)
        return;
    memcpy(copy, values, count * sizeof *copy);
    (void)pthread_mutex_lock(&runner->arriving);
    struct gm_broker_tree *tree = &runner->trees[runner->tree_next];
    gm_mem_free(tree->values);
    *tree = (struct gm_broker_tree){*root, copy, count};
    runner->tree_next = (runner->tree_next + 1) % GM_BROKER_TREES_MAX;
    if (runner->tree_count < GM_BROKER_TREES_MAX)
        runner->tree_count++;
    (void)pthread_mutex_unlock(&runner->arriving);
}

static bool tree_kept(struct gm_broker_runner *runner, const struct gm_hash *root,
                      struct gm_hash *values, uint64_t count)
{
    bool found = false;
    (void)pthread_mutex_lock(&runner->arriving);
    for (size_t i = 0; i < runner->tree_count && !found; i++) {
        const struct gm_broker_tree *tree = &runner->trees[i];
        found = tree->count == count && gm_hash_equal(&tree->root, root);
        if (found)
            memcpy(values, tree->values, count * sizeof *values);
    }
    (void)pthread_mutex_unlock(&runner->arriving);
    return found;
}

enum gm_status gm_broker_tree_read(struct gm_broker_runner *runner, const struct gm_hash *root,
                                   uint64_t size_bytes, struct gm_buf *out, struct gm_error *err)
{
    uint64_t count = gm_blob_piece_count(size_bytes);
    if (count < 2)
        return GM_OK;
    if (count > GM_WIRE_BLOB_BYTES_MAX / GM_HASH_SIZE)
        return gm_error_set(err, GM_LIMIT, "a blob of %llu pieces", (unsigned long long)count);
    struct gm_hash *values = (struct gm_hash *)gm_buf_extend(out, count * GM_HASH_SIZE);
    if (values == NULL)
        return out->status;
    if (tree_kept(runner, root, values, count))
        return GM_OK;
    GM_TRY(values_make(runner, root, size_bytes, values, err));
    tree_keep(runner, root, values, count);
    return GM_OK;
}
