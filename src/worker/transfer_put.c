#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/transfer.h"

enum {
    CALL_WAIT_MS = 20000,
    RETRY_MS_MIN = 50,
    RETRY_MS_MAX = 2000,
    ASKED_MS_MAX = 30000, /* of what the broker asks to wait */
    NAP_MS = 50,
    SMALL_BYTES_MAX = 256 << 10, /* below this blobs travel in company */
};

/* ---- calls that are repeated ---- */

static bool worth_repeating(enum gm_status status)
{
    return status == GM_TIMEOUT || status == GM_PEER || status == GM_BUSY;
}

static bool stopped(const struct gm_transfer *transfer)
{
    return transfer->stop != NULL && atomic_load(transfer->stop);
}

/* In naps, so that a stop is heard. */
static void wait_to_retry(const struct gm_transfer *transfer, uint64_t wait_ms)
{
    while (wait_ms > 0 && !stopped(transfer)) {
        uint64_t nap_ms = wait_ms < NAP_MS ? wait_ms : NAP_MS;
        gm_clock_wait_ms(nap_ms);
        wait_ms -= nap_ms;
    }
}

enum gm_status gm_transfer_ask(const struct gm_transfer *transfer, enum gm_port port,
                               const struct gm_message *request, enum gm_message_type expected,
                               struct gm_reply *reply, struct gm_error *err)
{
    uint64_t start_ms = gm_clock_monotonic_ns() / 1000000;
    uint64_t wait_ms = RETRY_MS_MIN;
    for (;;) {
        uint64_t asked_ms = 0;
        enum gm_status status = gm_client_ask(transfer->client, port, request, CALL_WAIT_MS,
                                              expected, reply, &asked_ms, err);
        if (!worth_repeating(status))
            return status;
        if (stopped(transfer))
            return gm_error_set(err, GM_CANCELLED, "stopped");
        if (gm_clock_monotonic_ns() / 1000000 - start_ms > transfer->patience_ms)
            return status;
        if (asked_ms > ASKED_MS_MAX)
            asked_ms = ASKED_MS_MAX;
        wait_to_retry(transfer, asked_ms > wait_ms ? asked_ms : wait_ms);
        wait_ms = wait_ms * 2 > RETRY_MS_MAX ? RETRY_MS_MAX : wait_ms * 2;
    }
}

/* ---- large blobs ---- */

static enum gm_status piece_read(const struct gm_blob_source *source,
                                 const struct gm_blob_name *blob, uint64_t index, uint8_t *out,
                                 struct gm_error *err)
{
    return source->read(source->ctx, &blob->root, index * GM_BLOB_PIECE_BYTES, out,
                        gm_blob_piece_bytes(blob->size_bytes, index), err);
}

static enum gm_status begin(const struct gm_transfer *transfer, const uint8_t *lease,
                            const struct gm_blob_name *blob, const struct gm_hash *values,
                            uint64_t count, struct gm_reply *reply, struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_PUT_BEGIN};
    memcpy(request.put_begin.root, blob->root.bytes, GM_ROOT_BYTES);
    request.put_begin.size_bytes = blob->size_bytes;
    request.put_begin.pieces =
        (struct gm_bytes){count > 1 ? values->bytes : NULL, count > 1 ? count * GM_HASH_SIZE : 0};
    if (lease != NULL)
        memcpy(request.put_begin.lease, lease, GM_ID_BYTES);
    return gm_transfer_ask(transfer, GM_PORT_BLOBS, &request, GM_MESSAGE_PUT_HAVE, reply, err);
}

static bool piece_missing(struct gm_bytes missing, uint64_t index)
{
    return index / 8 < missing.size_bytes && (missing.data[index / 8] >> (index % 8) & 1) != 0;
}

static enum gm_status pieces_send(const struct gm_transfer *transfer,
                                  const struct gm_blob_name *blob,
                                  const struct gm_blob_source *source, struct gm_bytes missing,
                                  uint8_t *room, struct gm_error *err)
{
    for (uint64_t i = 0; i < gm_blob_piece_count(blob->size_bytes); i++) {
        if (!piece_missing(missing, i))
            continue;
        struct gm_message request = {.type = GM_MESSAGE_PUT_PIECE};
        struct gm_reply reply;
        GM_TRY(piece_read(source, blob, i, room, err));
        memcpy(request.put_piece.root, blob->root.bytes, GM_ROOT_BYTES);
        request.put_piece.piece_index = i;
        request.put_piece.data = (struct gm_bytes){room, gm_blob_piece_bytes(blob->size_bytes, i)};
        GM_TRY(gm_transfer_ask(transfer, GM_PORT_BLOBS, &request, GM_MESSAGE_OK, &reply, err));
        gm_reply_fini(&reply);
    }
    return GM_OK;
}

static enum gm_status large_put(const struct gm_transfer *transfer, const uint8_t *lease,
                                const struct gm_blob_name *blob,
                                const struct gm_blob_source *source, struct gm_error *err)
{
    uint64_t count = gm_blob_piece_count(blob->size_bytes);
    struct gm_hash *values = gm_mem_new(count, sizeof *values);
    uint8_t *room = gm_mem_new(GM_BLOB_PIECE_BYTES, 1);
    struct gm_reply reply;
    enum gm_status status = GM_OK;
    if (values == NULL || room == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "an upload: not enough memory");
    for (uint64_t i = 0; status == GM_OK && count > 1 && i < count; i++) {
        status = piece_read(source, blob, i, room, err);
        if (status == GM_OK)
            values[i] = gm_blob_piece_value(
                i, (struct gm_bytes){room, gm_blob_piece_bytes(blob->size_bytes, i)});
    }
    if (status == GM_OK)
        status = begin(transfer, lease, blob, values, count, &reply, err);
    if (status == GM_OK) {
        status = pieces_send(transfer, blob, source, reply.message.put_have.missing, room, err);
        gm_reply_fini(&reply);
    }
    gm_mem_free(room);
    gm_mem_free(values);
    return status;
}

/* ---- small blobs, in company ---- */

static enum gm_status company_send(const struct gm_transfer *transfer, const uint8_t *lease,
                                   struct gm_buf *company, struct gm_error *err)
{
    if (company->size_bytes == 0)
        return GM_OK;
    struct gm_message request = {.type = GM_MESSAGE_PUT_MANY};
    struct gm_reply reply;
    if (lease != NULL)
        memcpy(request.put_many.lease, lease, GM_ID_BYTES);
    request.put_many.blobs = gm_buf_view(company);
    GM_TRY(gm_transfer_ask(transfer, GM_PORT_BLOBS, &request, GM_MESSAGE_OK, &reply, err));
    gm_reply_fini(&reply);
    company->size_bytes = 0;
    return GM_OK;
}

static enum gm_status small_put(const struct gm_transfer *transfer, const uint8_t *lease,
                                const struct gm_blob_name *blob,
                                const struct gm_blob_source *source, struct gm_buf *company,
                                struct gm_error *err)
{
    if (blob->size_bytes + 4 > company->limit_bytes - company->size_bytes)
        GM_TRY(company_send(transfer, lease, company, err));
    uint8_t *room = gm_buf_extend(company, 4 + blob->size_bytes);
    if (room == NULL)
        return gm_error_set(err, company->status, "an upload: not enough memory");
    gm_store_u32(room, (uint32_t)blob->size_bytes);
    return source->read(source->ctx, &blob->root, 0, room + 4, blob->size_bytes, err);
}

enum gm_status gm_transfer_put(const struct gm_transfer *transfer, const uint8_t *lease,
                               const struct gm_blob_name *blobs, size_t count,
                               const struct gm_blob_source *source, struct gm_error *err)
{
    struct gm_buf company;
    enum gm_status status = GM_OK;
    gm_buf_init(&company, GM_WIRE_PIECE_BYTES);
    for (size_t i = 0; i < count && status == GM_OK; i++) {
        if (stopped(transfer))
            status = gm_error_set(err, GM_CANCELLED, "stopped");
        else if (blobs[i].size_bytes <= SMALL_BYTES_MAX)
            status = small_put(transfer, lease, &blobs[i], source, &company, err);
        else
            status = large_put(transfer, lease, &blobs[i], source, err);
    }
    if (status == GM_OK)
        status = company_send(transfer, lease, &company, err);
    gm_buf_fini(&company);
    return status;
}
