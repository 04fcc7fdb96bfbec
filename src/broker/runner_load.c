/* The broker's view of the blob store, and how it comes out of the other one. */
#include <inttypes.h>

#include "broker/runner_state.h"

static bool blob_has(void *ctx, const struct gm_hash *root)
{
    struct gm_broker_runner *runner = ctx;
    return gm_blob_store_has(runner->blobs, root, NULL);
}

static enum gm_status word_read(void *ctx, const struct gm_hash *root, uint32_t *out)
{
    struct gm_broker_runner *runner = ctx;
    uint8_t word[4];
    GM_TRY(gm_blob_store_read(runner->blobs, root, 0, word, sizeof word, NULL));
    *out = gm_load_u32(word);
    return GM_OK;
}

static void usage(void *ctx, uint64_t *used_bytes, uint64_t *max_bytes)
{
    struct gm_broker_runner *runner = ctx;
    *used_bytes = gm_blob_store_used_bytes(runner->blobs);
    *max_bytes = gm_blob_store_quota_bytes(runner->blobs);
}

static enum gm_status lookup(void *ctx, const struct gm_hash *name, struct gm_bytes *out,
                             struct gm_error *err)
{
    struct gm_broker_runner *runner = ctx;
    char hex[GM_HASH_HEX_SIZE];
    uint64_t size_bytes;
    if (!gm_blob_store_has(runner->blobs, name, &size_bytes))
        return gm_error_set(err, GM_NOT_FOUND, "blob %s is not stored here",
                            gm_hash_hex(hex, name));
    gm_buf_fini(&runner->looked_up);
    gm_buf_init(&runner->looked_up, GM_PROGRAM_ENCODED_MAX);
    uint8_t *room = gm_buf_extend(&runner->looked_up, size_bytes);
    if (room == NULL)
        return gm_error_set(err, runner->looked_up.status, "blob %s has %" PRIu64 " bytes",
                            gm_hash_hex(hex, name), size_bytes);
    GM_TRY(gm_blob_store_read(runner->blobs, name, 0, room, size_bytes, err));
    *out = gm_buf_view(&runner->looked_up);
    return GM_OK;
}

void gm_broker_runner_blobs(struct gm_broker_runner *runner, struct gm_broker_blobs *out)
{
    *out = (struct gm_broker_blobs){.ctx = runner,
                                    .has = blob_has,
                                    .read_word = word_read,
                                    .usage = usage,
                                    .lookup = {runner, lookup}};
}

static enum gm_status load_visit(void *ctx, const struct gm_entry *entry, struct gm_error *err)
{
    return gm_broker_load(ctx, entry, err);
}

enum gm_status gm_broker_runner_load(struct gm_broker_runner *runner, struct gm_error *err)
{
    struct gm_broker *broker;
    GM_TRY(gm_broker_new(&runner->config.rules, &broker, err));
    enum gm_status status = gm_store_scan(runner->store, load_visit, broker, err);
    if (status == GM_OK)
        status = gm_broker_load_finish(broker, gm_broker_time_now(), err);
    if (status != GM_OK) {
        gm_broker_free(broker);
        return status;
    }
    (void)pthread_mutex_lock(&runner->core);
    gm_broker_free(runner->broker);
    runner->broker = broker;
    status = gm_broker_holds_update(&runner->holds, runner->blobs, broker);
    (void)pthread_mutex_unlock(&runner->core);
    return status;
}
