/* The blob port: who may read and write is the broker's to say, under its lock; bytes move beside
   it. */
#include "broker/runner_blobs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "trust/blake3.h"

enum { RETRY_MS = 500, BLOB_TOO_LARGE = -1 };

static struct gm_hash root_of(const uint8_t bytes[static GM_ROOT_BYTES])
{
    struct gm_hash root;
    memcpy(root.bytes, bytes, GM_HASH_SIZE);
    return root;
}

static bool may_read(struct gm_broker_runner *runner, struct gm_request *request,
                     const struct gm_hash *root)
{
    (void)pthread_mutex_lock(&runner->core);
    bool may = gm_broker_may_read(runner->broker, gm_request_peer(request), root);
    (void)pthread_mutex_unlock(&runner->core);
    return may;
}

/* Allowed and there: the size. Both faults read the same from outside, so that nobody learns what
   others have stored. */
static bool readable(struct gm_broker_runner *runner, struct gm_request *request,
                     const struct gm_hash *root, uint64_t *size_bytes)
{
    if (may_read(runner, request, root) && gm_blob_store_has(runner->blobs, root, size_bytes))
        return true;
    gm_request_refuse(request, GM_NOT_FOUND, 0, "no such blob for this key");
    return false;
}

/* What does not fit the disk pauses leasing: work that cannot be stored would be for nothing. */
static void refuse(struct gm_broker_runner *runner, struct gm_request *request,
                   enum gm_status status, const struct gm_error *err)
{
    if (status == GM_NO_SPACE)
        atomic_store(&runner->full_until_ms, gm_broker_now_ms() + GM_BROKER_FULL_RETRY_MS);
    uint64_t retry_ms = status == GM_BUSY || status == GM_NO_SPACE ? RETRY_MS : 0;
    gm_request_refuse(request, status, retry_ms, err->text);
}

static void ok(struct gm_request *request)
{
    gm_request_reply(request, &(struct gm_message){.type = GM_MESSAGE_OK});
}

/* ---- reading ---- */

static void tree_serve(struct gm_broker_runner *runner, struct gm_request *request,
                       const struct gm_msg_tree_ask *ask)
{
    struct gm_message reply = {.type = GM_MESSAGE_TREE};
    struct gm_hash root = root_of(ask->root);
    struct gm_error err = {.text = ""};
    struct gm_buf pieces;
    if (!readable(runner, request, &root, &reply.tree.size_bytes))
        return;
    gm_buf_init(&pieces, GM_WIRE_BLOB_BYTES_MAX);
    enum gm_status status =
        gm_broker_tree_read(runner, &root, reply.tree.size_bytes, &pieces, &err);
    reply.tree.pieces = gm_buf_view(&pieces);
    if (status == GM_OK)
        gm_request_reply(request, &reply);
    else
        refuse(runner, request, status, &err);
    gm_buf_fini(&pieces);
}

static void piece_serve(struct gm_broker_runner *runner, struct gm_request *request,
                        const struct gm_msg_piece_ask *ask)
{
    struct gm_message reply = {.type = GM_MESSAGE_PIECE};
    struct gm_hash root = root_of(ask->root);
    struct gm_error err = {.text = ""};
    uint64_t size_bytes;
    if (!readable(runner, request, &root, &size_bytes))
        return;
    if (ask->piece_index >= gm_blob_piece_count(size_bytes)) {
        gm_request_refuse(request, GM_INVALID, 0, "the blob has no such piece");
        return;
    }
    size_t bytes = gm_blob_piece_bytes(size_bytes, ask->piece_index);
    uint8_t *piece = gm_mem_new(bytes, 1);
    enum gm_status status =
        piece == NULL
            ? GM_NO_MEMORY
            : gm_blob_store_read(runner->blobs, &root, ask->piece_index * GM_BLOB_PIECE_BYTES,
                                 piece, bytes, &err);
    reply.piece.data = (struct gm_bytes){piece, bytes};
    if (status == GM_OK)
        gm_request_reply(request, &reply);
    else
        refuse(runner, request, status, &err);
    gm_mem_free(piece);
}

/* Appends size and bytes of one blob; false when it does not fit any more. */
static bool many_add(struct gm_broker_runner *runner, const struct gm_hash *root,
                     uint64_t size_bytes, struct gm_buf *out)
{
    if (size_bytes > out->limit_bytes - 8) {
        uint8_t *head = gm_buf_extend(out, 4);
        if (head != NULL)
            gm_store_u32(head, (uint32_t)BLOB_TOO_LARGE);
        return head != NULL;
    }
    if (size_bytes + 4 > out->limit_bytes - out->size_bytes)
        return false;
    size_t start = out->size_bytes;
    uint8_t *room = gm_buf_extend(out, 4 + size_bytes);
    if (room == NULL)
        return false;
    gm_store_u32(room, (uint32_t)size_bytes);
    if (gm_blob_store_read(runner->blobs, root, 0, room + 4, size_bytes, NULL) == GM_OK)
        return true;
    out->size_bytes = start;
    return false;
}

static void many_serve(struct gm_broker_runner *runner, struct gm_request *request,
                       const struct gm_msg_many_ask *ask)
{
    struct gm_message reply = {.type = GM_MESSAGE_MANY};
    struct gm_buf blobs;
    gm_buf_init(&blobs, GM_WIRE_PIECE_BYTES);
    bool fits = true;
    for (size_t i = 0; fits && i + GM_ROOT_BYTES <= ask->roots.size_bytes; i += GM_ROOT_BYTES) {
        struct gm_hash root = root_of(ask->roots.data + i);
        uint64_t size_bytes;
        if (!readable(runner, request, &root, &size_bytes)) {
            gm_buf_fini(&blobs);
            return;
        }
        fits = many_add(runner, &root, size_bytes, &blobs);
    }
    reply.many.blobs = gm_buf_view(&blobs);
    gm_request_reply(request, &reply);
    gm_buf_fini(&blobs);
}

/* ---- writing ---- */

static bool lease_is_none(const uint8_t lease[static GM_ID_BYTES])
{
    static const uint8_t none[GM_ID_BYTES];
    return memcmp(lease, none, GM_ID_BYTES) == 0;
}

static void wait_init(struct gm_broker_wait *wait, size_t open)
{
    memset(wait, 0, sizeof *wait);
    (void)pthread_mutex_init(&wait->lock, NULL);
    (void)pthread_cond_init(&wait->done, NULL);
    wait->open = open;
}

/* Blobs for a submission: the core must take note of them first, all in one go. */
static enum gm_status stage(struct gm_broker_runner *runner, struct gm_request *request,
                            const struct gm_hash *roots, const uint64_t *sizes, size_t count,
                            struct gm_broker_wait *wait)
{
    wait_init(wait, count);
    for (size_t i = 0; i < count; i++) {
        struct gm_broker_call *call = gm_mem_new(1, sizeof *call);
        bool put = false;
        if (call != NULL) {
            *call = (struct gm_broker_call){.wait = wait,
                                            .peer = *gm_request_peer(request),
                                            .root = roots[i],
                                            .size_bytes = sizes[i]};
            put = gm_broker_queue_put(&runner->control, call);
        }
        if (!put) {
            gm_mem_free(call);
            (void)pthread_mutex_lock(&wait->lock);
            wait->open--;
            wait->status = GM_BUSY;
            wait->retry_ms = RETRY_MS;
            (void)pthread_mutex_unlock(&wait->lock);
        }
    }
    (void)pthread_mutex_lock(&wait->lock);
    while (wait->open > 0)
        (void)pthread_cond_wait(&wait->done, &wait->lock);
    (void)pthread_mutex_unlock(&wait->lock);
    (void)pthread_cond_destroy(&wait->done);
    (void)pthread_mutex_destroy(&wait->lock);
    return wait->status;
}

static enum gm_status may_write(struct gm_broker_runner *runner, struct gm_request *request,
                                const struct gm_hash *root, uint64_t size_bytes,
                                const uint8_t lease[static GM_ID_BYTES])
{
    (void)pthread_mutex_lock(&runner->core);
    enum gm_status status =
        gm_broker_may_write(runner->broker, gm_request_peer(request), root, size_bytes, lease);
    (void)pthread_mutex_unlock(&runner->core);
    return status;
}

/* The hold that came with a new blob becomes the runner's. */
static void hold_take(struct gm_broker_runner *runner, const struct gm_hash *root)
{
    (void)pthread_mutex_lock(&runner->core);
    /* Without memory the hold is lost, and with it the blob: its owner sends it again. */
    (void)!gm_broker_holds_take(&runner->holds, runner->blobs, root);
    (void)pthread_mutex_unlock(&runner->core);
}

static void begin_serve(struct gm_broker_runner *runner, struct gm_request *request,
                        const struct gm_msg_put_begin *begin)
{
    struct gm_message reply = {.type = GM_MESSAGE_PUT_HAVE};
    struct gm_hash root = root_of(begin->root);
    struct gm_broker_wait wait;
    struct gm_error err = {.text = "this key may not store this blob now"};
    struct gm_buf missing;
    if (lease_is_none(begin->lease) &&
        stage(runner, request, &root, &begin->size_bytes, 1, &wait) != GM_OK) {
        gm_request_refuse(request, wait.status, wait.retry_ms, wait.text);
        return;
    }
    enum gm_status status = may_write(runner, request, &root, begin->size_bytes, begin->lease);
    gm_buf_init(&missing, GM_WIRE_BLOB_BYTES_MAX);
    bool opened = false;
    if (status == GM_OK)
        status = gm_broker_arrival_begin(runner, begin, &opened, &missing, &err);
    if (opened)
        hold_take(runner, &root);
    reply.put_have.missing = gm_buf_view(&missing);
    if (status == GM_OK || status == GM_EXISTS)
        gm_request_reply(request, &reply);
    else
        refuse(runner, request, status, &err);
    gm_buf_fini(&missing);
}

static void put_piece_serve(struct gm_broker_runner *runner, struct gm_request *request,
                            const struct gm_msg_put_piece *piece)
{
    struct gm_error err = {.text = ""};
    enum gm_status status = gm_broker_arrival_put(runner, piece, &err);
    if (status == GM_OK)
        ok(request);
    else
        refuse(runner, request, status, &err);
}

/* The blobs of a PUT_MANY: views, names and sizes. */
struct company {
    size_t count;
    struct gm_bytes *blobs;
    struct gm_hash *roots;
    uint64_t *sizes;
};

static size_t company_count(struct gm_bytes bytes)
{
    size_t count = 0;
    for (size_t at = 0; at < bytes.size_bytes; count++) {
        if (bytes.size_bytes - at < 4 || gm_load_u32(bytes.data + at) > bytes.size_bytes - at - 4)
            return SIZE_MAX;
        at += 4 + (size_t)gm_load_u32(bytes.data + at);
    }
    return count;
}

static void company_fini(struct company *company)
{
    gm_mem_free(company->blobs);
    gm_mem_free(company->roots);
    gm_mem_free(company->sizes);
}

static enum gm_status company_read(struct company *company, struct gm_bytes bytes,
                                   struct gm_error *err)
{
    *company = (struct company){.count = company_count(bytes)};
    if (company->count == SIZE_MAX)
        return gm_error_set(err, GM_INVALID, "put_many: blobs are cut off");
    company->blobs = gm_mem_new(company->count, sizeof *company->blobs);
    company->roots = gm_mem_new(company->count, sizeof *company->roots);
    company->sizes = gm_mem_new(company->count, sizeof *company->sizes);
    if (company->blobs == NULL || company->roots == NULL || company->sizes == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "put_many: no memory");
    size_t at = 0;
    for (size_t i = 0; i < company->count; i++) {
        size_t size = gm_load_u32(bytes.data + at);
        company->blobs[i] = (struct gm_bytes){bytes.data + at + 4, size};
        company->sizes[i] = size;
        company->roots[i] = gm_blake3(bytes.data + at + 4, size);
        at += 4 + size;
    }
    return GM_OK;
}

/* Moves what is to be stored to the front of the company. */
static enum gm_status company_sift(struct gm_broker_runner *runner, struct gm_request *request,
                                   struct company *company, const uint8_t lease[static GM_ID_BYTES],
                                   struct gm_error *err)
{
    size_t wanted = 0;
    for (size_t i = 0; i < company->count; i++) {
        enum gm_status status =
            may_write(runner, request, &company->roots[i], company->sizes[i], lease);
        if (status == GM_EXISTS ||
            (status == GM_OK && gm_blob_store_has(runner->blobs, &company->roots[i], NULL)))
            continue;
        if (status != GM_OK)
            return gm_error_set(err, status, "this key may not store this blob now");
        company->blobs[wanted] = company->blobs[i];
        company->roots[wanted++] = company->roots[i];
    }
    company->count = wanted;
    return GM_OK;
}

static enum gm_status company_store(struct gm_broker_runner *runner, struct gm_request *request,
                                    struct company *company,
                                    const uint8_t lease[static GM_ID_BYTES], struct gm_error *err)
{
    GM_TRY(company_sift(runner, request, company, lease, err));
    GM_TRY(
        gm_blob_store_put_many(runner->blobs, company->blobs, company->roots, company->count, err));
    for (size_t i = 0; i < company->count; i++)
        hold_take(runner, &company->roots[i]);
    return GM_OK;
}

static void put_many_serve(struct gm_broker_runner *runner, struct gm_request *request,
                           const struct gm_msg_put_many *put)
{
    struct company company;
    struct gm_broker_wait wait = {.status = GM_OK};
    struct gm_error err = {.text = ""};
    enum gm_status status = company_read(&company, put->blobs, &err);
    if (status == GM_OK && company.count > 0 && lease_is_none(put->lease))
        (void)!stage(runner, request, company.roots, company.sizes, company.count, &wait);
    if (status == GM_OK && wait.status == GM_OK)
        status = company_store(runner, request, &company, put->lease, &err);
    if (wait.status != GM_OK)
        gm_request_refuse(request, wait.status, wait.retry_ms, wait.text);
    else if (status == GM_OK)
        ok(request);
    else
        refuse(runner, request, status, &err);
    company_fini(&company);
}

void gm_broker_blob_serve(struct gm_broker_runner *runner, struct gm_request *request)
{
    const struct gm_message *message = gm_request_message(request);
    switch (message->type) {
    case GM_MESSAGE_TREE_ASK:
        tree_serve(runner, request, &message->tree_ask);
        return;
    case GM_MESSAGE_PIECE_ASK:
        piece_serve(runner, request, &message->piece_ask);
        return;
    case GM_MESSAGE_MANY_ASK:
        many_serve(runner, request, &message->many_ask);
        return;
    case GM_MESSAGE_PUT_BEGIN:
        begin_serve(runner, request, &message->put_begin);
        return;
    case GM_MESSAGE_PUT_PIECE:
        put_piece_serve(runner, request, &message->put_piece);
        return;
    case GM_MESSAGE_PUT_MANY:
        put_many_serve(runner, request, &message->put_many);
        return;
    default:
        gm_request_refuse(request, GM_PEER, 0, "no request of the blob port");
        return;
    }
}

void *gm_broker_blob_thread(void *context)
{
    struct gm_broker_runner *runner = context;
    for (;;) {
        struct gm_broker_call *call = gm_broker_queue_take(&runner->blob_queue, 1, 60000);
        if (call == NULL && atomic_load(&runner->stopped))
            return NULL;
        if (call == NULL)
            continue;
        gm_broker_blob_serve(runner, call->request);
        gm_mem_free(call);
    }
}
