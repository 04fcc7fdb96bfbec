#include "depot.h"

#include <stdio.h>
#include <string.h>

#include "../wire/relay.h"
#include "base/mem.h"
#include "gm_test.h"
#include "trust/blake3.h"

enum { SMALL_BYTES_MAX = 256 << 10 };

struct gm_hash depot_blob(struct blobs *blobs, size_t size_bytes, uint8_t seed)
{
    uint8_t *data = gm_mem_new(size_bytes, 1);
    uint32_t state = seed + 1u;
    cr_assert_not_null(data);
    for (size_t i = 0; i < size_bytes; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (uint8_t)(state >> 24);
    }
    struct gm_hash name = blobs_put(blobs, data, size_bytes);
    gm_mem_free(data);
    return name;
}

static struct gm_hash hash_of(const uint8_t bytes[static GM_HASH_SIZE])
{
    struct gm_hash hash;
    memcpy(hash.bytes, bytes, sizeof hash.bytes);
    return hash;
}

/* ---- giving ---- */

static void tree_give(struct depot *depot, struct gm_request *request)
{
    struct gm_hash root = hash_of(gm_request_message(request)->tree_ask.root);
    struct gm_hash values[DEPOT_PIECES_MAX];
    const struct gm_buf *blob = blobs_find(&depot->blobs, &root);
    struct gm_message reply = {.type = GM_MESSAGE_TREE};
    if (blob == NULL) {
        gm_request_refuse(request, GM_NOT_FOUND, 0, "no such blob");
        return;
    }
    uint64_t count = gm_blob_piece_count(blob->size_bytes);
    cr_assert_le(count, DEPOT_PIECES_MAX);
    for (uint64_t i = 0; i < count && count > 1; i++)
        values[i] =
            gm_blob_piece_value(i, (struct gm_bytes){blob->data + i * GM_BLOB_PIECE_BYTES,
                                                     gm_blob_piece_bytes(blob->size_bytes, i)});
    reply.tree.size_bytes = blob->size_bytes;
    if (count > 1)
        reply.tree.pieces = (struct gm_bytes){values[0].bytes, count * GM_HASH_SIZE};
    gm_request_reply(request, &reply);
}

static void piece_give(struct depot *depot, struct gm_request *request)
{
    const struct gm_msg_piece_ask *ask = &gm_request_message(request)->piece_ask;
    struct gm_hash root = hash_of(ask->root);
    const struct gm_buf *blob = blobs_find(&depot->blobs, &root);
    struct gm_message reply = {.type = GM_MESSAGE_PIECE};
    if (blob == NULL || ask->piece_index >= gm_blob_piece_count(blob->size_bytes)) {
        gm_request_refuse(request, GM_NOT_FOUND, 0, "no such piece");
        return;
    }
    size_t size = gm_blob_piece_bytes(blob->size_bytes, ask->piece_index);
    uint8_t *copy = gm_mem_new(size, 1);
    cr_assert_not_null(copy);
    memcpy(copy, blob->data + ask->piece_index * GM_BLOB_PIECE_BYTES, size);
    if (depot->blobs.lies)
        copy[size / 2] ^= 1;
    depot->pieces_given++;
    reply.piece.data = (struct gm_bytes){copy, size};
    gm_request_reply(request, &reply);
    gm_mem_free(copy);
}

static void many_give(struct depot *depot, struct gm_request *request)
{
    struct gm_bytes roots = gm_request_message(request)->many_ask.roots;
    struct gm_message reply = {.type = GM_MESSAGE_MANY};
    struct gm_buf out;
    gm_buf_init(&out, GM_WIRE_PIECE_BYTES);
    for (size_t at = 0; at < roots.size_bytes; at += GM_HASH_SIZE) {
        struct gm_hash root = hash_of(roots.data + at);
        const struct gm_buf *blob = blobs_find(&depot->blobs, &root);
        if (blob == NULL || blob->size_bytes > SMALL_BYTES_MAX ||
            blob->size_bytes + 8 > out.limit_bytes - out.size_bytes) {
            gm_store_u32(gm_buf_extend(&out, 4), UINT32_MAX);
            break;
        }
        gm_store_u32(gm_buf_extend(&out, 4), (uint32_t)blob->size_bytes);
        gm_buf_append(&out, blob->data, blob->size_bytes);
        if (depot->blobs.lies && blob->size_bytes > 0)
            out.data[out.size_bytes - 1] ^= 1;
    }
    reply.many.blobs = gm_buf_view(&out);
    gm_request_reply(request, &reply);
    gm_buf_fini(&out);
}

/* ---- taking ---- */

static void arrival_end(struct depot *depot)
{
    gm_mem_free(depot->arrival.bytes);
    memset(&depot->arrival, 0, sizeof depot->arrival);
}

static void arrival_begin(struct depot *depot, const struct gm_msg_put_begin *begin)
{
    struct depot_arrival *arrival = &depot->arrival;
    struct gm_hash root = hash_of(begin->root);
    if (arrival->bytes != NULL && gm_hash_equal(&arrival->root, &root))
        return;
    arrival_end(depot);
    arrival->root = root;
    arrival->size_bytes = begin->size_bytes;
    arrival->value_count = begin->pieces.size_bytes / GM_HASH_SIZE;
    cr_assert_le(gm_blob_piece_count(begin->size_bytes), DEPOT_PIECES_MAX);
    if (arrival->value_count > 0)
        memcpy(arrival->values, begin->pieces.data, begin->pieces.size_bytes);
    cr_assert_eq(
        gm_blob_list_check(&root, arrival->size_bytes, arrival->values, arrival->value_count, NULL),
        GM_OK);
    arrival->bytes = gm_mem_new(arrival->size_bytes, 1);
    cr_assert_not_null(arrival->bytes);
}

static void put_begin(struct depot *depot, struct gm_request *request)
{
    const struct gm_msg_put_begin *begin = &gm_request_message(request)->put_begin;
    struct gm_hash root = hash_of(begin->root);
    uint8_t missing[(DEPOT_PIECES_MAX + 7) / 8] = {0};
    struct gm_message reply = {.type = GM_MESSAGE_PUT_HAVE};
    if (blobs_find(&depot->blobs, &root) == NULL) {
        arrival_begin(depot, begin);
        for (uint64_t i = 0; i < gm_blob_piece_count(begin->size_bytes); i++) {
            if (!depot->arrival.here[i])
                missing[i / 8] |= (uint8_t)(1u << i % 8);
        }
        reply.put_have.missing = (struct gm_bytes){missing, sizeof missing};
    }
    gm_request_reply(request, &reply);
}

static bool arrival_whole(const struct depot_arrival *arrival)
{
    for (uint64_t i = 0; i < gm_blob_piece_count(arrival->size_bytes); i++) {
        if (!arrival->here[i])
            return false;
    }
    return true;
}

static void put_piece(struct depot *depot, struct gm_request *request)
{
    const struct gm_msg_put_piece *put = &gm_request_message(request)->put_piece;
    struct depot_arrival *arrival = &depot->arrival;
    struct gm_hash root = hash_of(put->root);
    bool arriving = arrival->bytes != NULL && gm_hash_equal(&arrival->root, &root);
    depot->pieces_taken++;
    if (arriving) {
        cr_assert_eq(gm_blob_piece_check(&root, arrival->size_bytes,
                                         arrival->value_count > 0 ? arrival->values : NULL,
                                         put->piece_index, put->data, NULL),
                     GM_OK);
        memcpy(arrival->bytes + put->piece_index * GM_BLOB_PIECE_BYTES, put->data.data,
               put->data.size_bytes);
        arrival->here[put->piece_index] = true;
    }
    if (arriving && arrival_whole(arrival)) {
        struct gm_hash name = blobs_put(&depot->blobs, arrival->bytes, arrival->size_bytes);
        cr_assert(gm_hash_equal(&name, &root));
        arrival_end(depot);
    }
    /* A piece that was taken before, whose answer was lost, is taken again. */
    if (arriving || blobs_find(&depot->blobs, &root) != NULL)
        gm_request_reply(request, &(struct gm_message){.type = GM_MESSAGE_OK});
    else
        gm_request_refuse(request, GM_INVALID, 0, "this upload was not begun");
}

static void put_many(struct depot *depot, struct gm_request *request)
{
    struct gm_bytes blobs = gm_request_message(request)->put_many.blobs;
    size_t at = 0;
    while (blobs.size_bytes - at >= 4) {
        uint32_t size = gm_load_u32(blobs.data + at);
        cr_assert_le(size, blobs.size_bytes - at - 4);
        (void)blobs_put(&depot->blobs, blobs.data + at + 4, size);
        at += 4 + (size_t)size;
    }
    cr_assert_eq(at, blobs.size_bytes);
    gm_request_reply(request, &(struct gm_message){.type = GM_MESSAGE_OK});
}

/* ---- requests ---- */

static bool fault_made(struct depot *depot, struct gm_request *request)
{
    uint64_t heard = ++depot->heard;
    if (depot->refusal != GM_OK) {
        uint64_t retry_ms = depot->refusal == GM_BUSY ? 1 : 0;
        gm_request_refuse(request, depot->refusal, retry_ms, "as the test wants it");
    } else if (depot->stop_at != 0 && heard >= depot->stop_at) {
        atomic_store(&depot->stop, true);
        gm_request_refuse(request, GM_BUSY, 1, "stopped");
    } else if (depot->cut_each != 0 && heard % depot->cut_each == 0) {
        relay_cut_soon(depot->relay);
        gm_request_drop(request);
    } else if (depot->busy_each != 0 && heard % depot->busy_each == 0) {
        gm_request_refuse(request, GM_BUSY, 1, "busy");
    } else {
        return false;
    }
    return true;
}

static bool locked_answer(struct depot *depot, struct gm_request *request)
{
    enum gm_message_type type = gm_request_message(request)->type;
    void (*answer)(struct depot *, struct gm_request *) = NULL;
    if (type == GM_MESSAGE_TREE_ASK)
        answer = tree_give;
    else if (type == GM_MESSAGE_PIECE_ASK)
        answer = piece_give;
    else if (type == GM_MESSAGE_MANY_ASK)
        answer = many_give;
    else if (type == GM_MESSAGE_PUT_BEGIN)
        answer = put_begin;
    else if (type == GM_MESSAGE_PUT_PIECE)
        answer = put_piece;
    else if (type == GM_MESSAGE_PUT_MANY)
        answer = put_many;
    if (answer == NULL)
        return false;
    if (!fault_made(depot, request))
        answer(depot, request);
    return true;
}

bool depot_answer(struct depot *depot, struct gm_request *request)
{
    (void)pthread_mutex_lock(&depot->lock);
    bool answered = locked_answer(depot, request);
    (void)pthread_mutex_unlock(&depot->lock);
    return answered;
}

static void request_arrived(void *ctx, struct gm_request *request)
{
    struct depot *depot = ctx;
    if (depot_answer(depot, request))
        return;
    if (depot->other != NULL)
        depot->other(depot->other_ctx, request);
    else
        gm_request_refuse(request, GM_UNSUPPORTED, 0, "blobs only");
}

/* ---- life ---- */

void depot_open(struct depot *depot)
{
    struct gm_error err = {.status = GM_OK};
    memset(depot, 0, sizeof *depot);
    blobs_init(&depot->blobs);
    gm_key_from_seed(&depot->key, (const uint8_t[GM_KEY_SIZE]){1});
    gm_key_from_seed(&depot->worker, (const uint8_t[GM_KEY_SIZE]){2});
    cr_assert_eq(pthread_mutex_init(&depot->lock, NULL), 0);
    struct gm_server_config config = {.key = &depot->key,
                                      .address = "tcp://127.0.0.1:0",
                                      .handler = request_arrived,
                                      .ctx = depot,
                                      .open_bytes_max = 64 << 20};
    enum gm_status status = gm_server_open(&config, &depot->server, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
}

void depot_close(struct depot *depot)
{
    gm_server_close(depot->server);
    arrival_end(depot);
    blobs_fini(&depot->blobs);
    (void)pthread_mutex_destroy(&depot->lock);
}

struct gm_client *depot_client(const struct depot *depot, const char *address)
{
    char own[64];
    struct gm_client *client = NULL;
    (void)snprintf(own, sizeof own, "tcp://127.0.0.1:%u",
                   gm_server_port(depot->server, GM_PORT_CONTROL));
    struct gm_client_config config = {address[0] == '\0' ? own : address, &depot->worker,
                                      depot->key.public_key};
    cr_assert_eq(gm_client_open(&config, &client, NULL), GM_OK);
    return client;
}
