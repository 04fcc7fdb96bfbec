#include <string.h>

#include "base/mem.h"
#include "trust/blake3.h"
#include "worker/transfer.h"

/* Asks for the tree and checks it against the name; *values is the caller's, NULL for one piece. */
static enum gm_status tree_get(const struct gm_transfer *transfer, const struct gm_hash *root,
                               uint64_t *size_bytes, struct gm_hash **values, uint64_t *count,
                               struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_TREE_ASK};
    struct gm_reply reply;
    memcpy(request.tree_ask.root, root->bytes, GM_ROOT_BYTES);
    GM_TRY(gm_transfer_ask(transfer, GM_PORT_BLOBS, &request, GM_MESSAGE_TREE, &reply, err));
    struct gm_bytes pieces = reply.message.tree.pieces;
    *size_bytes = reply.message.tree.size_bytes;
    *count = pieces.size_bytes / GM_HASH_SIZE;
    *values = gm_mem_new(*count, sizeof **values);
    enum gm_status status = GM_OK;
    if (*values == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "a blob's tree: not enough memory");
    else if (*count > 0)
        memcpy(*values, pieces.data, pieces.size_bytes);
    gm_reply_fini(&reply);
    if (status == GM_OK)
        status = gm_blob_list_check(root, *size_bytes, *values, *count, err);
    if (status != GM_OK) {
        gm_mem_free(*values);
        *values = NULL;
    }
    return status;
}

static enum gm_status piece_get(const struct gm_transfer *transfer, const struct gm_hash *root,
                                uint64_t index, struct gm_reply *reply, struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_PIECE_ASK};
    memcpy(request.piece_ask.root, root->bytes, GM_ROOT_BYTES);
    request.piece_ask.piece_index = index;
    return gm_transfer_ask(transfer, GM_PORT_BLOBS, &request, GM_MESSAGE_PIECE, reply, err);
}

enum gm_status gm_transfer_get(const struct gm_transfer *transfer, const struct gm_hash *root,
                               struct gm_buf *out, struct gm_error *err)
{
    uint64_t size_bytes;
    uint64_t count;
    struct gm_hash *values;
    GM_TRY(tree_get(transfer, root, &size_bytes, &values, &count, err));
    enum gm_status status = GM_OK;
    if (size_bytes > out->limit_bytes - out->size_bytes)
        status = gm_error_set(err, GM_LIMIT, "a blob of %llu bytes where %zu are allowed",
                              (unsigned long long)size_bytes, out->limit_bytes);
    for (uint64_t i = 0; status == GM_OK && i < gm_blob_piece_count(size_bytes); i++) {
        struct gm_reply reply;
        status = piece_get(transfer, root, i, &reply, err);
        if (status != GM_OK)
            break;
        struct gm_bytes data = reply.message.piece.data;
        status = gm_blob_piece_check(root, size_bytes, count > 0 ? values : NULL, i, data, err);
        if (status == GM_OK) {
            gm_buf_append(out, data.data, data.size_bytes);
            status = out->status;
        }
        gm_reply_fini(&reply);
    }
    gm_mem_free(values);
    return status;
}

static enum gm_status many_take(const struct gm_hash *roots, size_t count, struct gm_bytes blobs,
                                struct gm_buf *out, size_t *taken, struct gm_error *err)
{
    size_t at = 0;
    while (*taken < count && blobs.size_bytes - at >= 4) {
        uint32_t size = gm_load_u32(blobs.data + at);
        if (size > blobs.size_bytes - at - 4)
            break; /* too large for company, or garbage: either way not taken */
        struct gm_hash found = gm_blake3(blobs.data + at + 4, size);
        if (!gm_hash_equal(&found, &roots[*taken]))
            return gm_error_set(err, GM_UNTRUSTED, "a blob that does not have its name");
        gm_buf_append(out, blobs.data + at, 4 + (size_t)size);
        at += 4 + (size_t)size;
        (*taken)++;
    }
    return out->status;
}

enum gm_status gm_transfer_get_many(const struct gm_transfer *transfer, const struct gm_hash *roots,
                                    size_t count, struct gm_buf *out, size_t *taken,
                                    struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_MANY_ASK};
    struct gm_reply reply;
    *taken = 0;
    if (count > GM_WIRE_CONTROL_BYTES_MAX / GM_ROOT_BYTES)
        count = GM_WIRE_CONTROL_BYTES_MAX / GM_ROOT_BYTES;
    request.many_ask.roots = (struct gm_bytes){roots->bytes, count * GM_ROOT_BYTES};
    GM_TRY(gm_transfer_ask(transfer, GM_PORT_BLOBS, &request, GM_MESSAGE_MANY, &reply, err));
    enum gm_status status = many_take(roots, count, reply.message.many.blobs, out, taken, err);
    gm_reply_fini(&reply);
    return status;
}

static enum gm_status pieces_store(const struct gm_transfer *transfer, const struct gm_hash *root,
                                   struct gm_blob_partial *partial, struct gm_error *err)
{
    for (uint64_t i = gm_blob_partial_missing(partial, 0); i != UINT64_MAX;
         i = gm_blob_partial_missing(partial, i + 1)) {
        struct gm_reply reply;
        GM_TRY(piece_get(transfer, root, i, &reply, err));
        enum gm_status status = gm_blob_partial_put(partial, i, reply.message.piece.data, err);
        gm_reply_fini(&reply);
        if (status != GM_OK)
            return status;
    }
    return GM_OK;
}

static bool worth_going_on(enum gm_status status)
{
    return status == GM_TIMEOUT || status == GM_PEER || status == GM_BUSY || status == GM_CANCELLED;
}

/* Opens the partial; GM_EXISTS when the blob is whole. */
static enum gm_status partial_begin(const struct gm_transfer *transfer, const struct gm_hash *root,
                                    struct gm_blob_store *store, struct gm_blob_partial **out,
                                    struct gm_error *err)
{
    uint64_t size_bytes;
    uint64_t count;
    struct gm_hash *values;
    GM_TRY(tree_get(transfer, root, &size_bytes, &values, &count, err));
    enum gm_status status = gm_blob_partial_open(store, root, size_bytes, values, count, out, err);
    gm_mem_free(values);
    return status;
}

enum gm_status gm_transfer_get_stored(const struct gm_transfer *transfer,
                                      const struct gm_hash *root, struct gm_blob_store *store,
                                      bool *held, struct gm_error *err)
{
    struct gm_blob_partial *partial;
    *held = gm_blob_store_has(store, root, NULL) && gm_blob_store_hold(store, root);
    if (*held)
        return GM_OK;
    enum gm_status status = partial_begin(transfer, root, store, &partial, err);
    if (status == GM_EXISTS)
        *held = gm_blob_store_hold(store, root);
    if (status != GM_OK)
        return *held ? GM_OK : status;
    status = pieces_store(transfer, root, partial, err);
    enum gm_status closed = gm_blob_partial_close(partial, status == GM_OK ? err : NULL);
    if (status == GM_OK)
        status = closed;
    *held = status == GM_OK || worth_going_on(status);
    if (!*held)
        gm_blob_store_release(store, root);
    return status;
}
