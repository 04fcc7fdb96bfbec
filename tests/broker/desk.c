#include "desk.h"

#include "gm_test.h"

#include <string.h>

static bool blob_has(void *ctx, const struct gm_hash *root)
{
    const struct gm_desk *desk = ctx;
    return gm_blob_set_has(&desk->blobs, root);
}

static enum gm_status word_read(void *ctx, const struct gm_hash *root, uint32_t *out)
{
    (void)ctx;
    *out = gm_load_u32(root->bytes);
    return GM_OK;
}

static void usage(void *ctx, uint64_t *used_bytes, uint64_t *max_bytes)
{
    (void)ctx;
    *used_bytes = 7;
    *max_bytes = 9;
}

static enum gm_status lookup(void *ctx, const struct gm_hash *name, struct gm_bytes *out,
                             struct gm_error *err)
{
    const struct gm_desk *desk = ctx;
    for (size_t i = 0; i < desk->lab_count; i++) {
        for (size_t j = 0; j < desk->labs[i]->file_count; j++) {
            const struct gm_lab_file *file = &desk->labs[i]->files[j];
            if (!gm_hash_equal(&file->root, name))
                continue;
            *out = (struct gm_bytes){file->data, file->size_bytes};
            return GM_OK;
        }
    }
    return gm_error_set(err, GM_NOT_FOUND, "no such blob");
}

static enum gm_status load_visit(void *ctx, const struct gm_entry *entry, struct gm_error *err)
{
    return gm_broker_load(ctx, entry, err);
}

void gm_desk_restart(struct gm_desk *desk)
{
    struct gm_error err = {.text = ""};
    struct gm_broker_time now = {desk->now_ms, desk->unix_ms};
    gm_broker_free(desk->broker);
    cr_assert_eq(gm_broker_new(&desk->config, &desk->broker, &err), GM_OK);
    cr_assert_eq(gm_store_scan(desk->store, load_visit, desk->broker, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_broker_load_finish(desk->broker, now, &err), GM_OK);
}

void gm_desk_init(struct gm_desk *desk)
{
    memset(desk, 0, sizeof *desk);
    for (uint8_t i = 1; i < 8; i++) {
        uint8_t seed[GM_KEY_SIZE] = {i};
        gm_key_from_seed(&desk->keys[i], seed);
    }
    gm_broker_config_init(&desk->config);
    desk->config.key = &desk->keys[1];
    desk->config.house = &desk->keys[GM_DESK_HOUSE].public_key;
    desk->config.house_count = 1;
    desk->config.blobs = (struct gm_broker_blobs){desk, blob_has, word_read, usage, {desk, lookup}};
    desk->now_ms = 1000000;
    desk->unix_ms = 1700000000000;
    gm_broker_out_init(&desk->out);
    cr_assert_eq(gm_store_mem_open(&desk->store), GM_OK);
    gm_desk_restart(desk);
}

void gm_desk_fini(struct gm_desk *desk)
{
    gm_broker_free(desk->broker);
    gm_broker_out_fini(&desk->out);
    gm_store_close(desk->store);
    gm_blob_set_fini(&desk->blobs);
}

void gm_desk_event(struct gm_desk *desk, struct gm_broker_event *event)
{
    gm_broker_out_reset(&desk->out);
    event->now = (struct gm_broker_time){desk->now_ms, desk->unix_ms};
    event->handle = ++desk->handle;
    event->random[0] = (uint8_t)desk->handle;
    event->random[1] = (uint8_t)(desk->handle >> 8);
    cr_assert_eq(gm_broker_step(desk->broker, event, &desk->out), GM_OK);
    cr_assert_eq(gm_store_apply(desk->store, desk->out.entries, desk->out.entry_count, NULL),
                 GM_OK);
}

void gm_desk_tick(struct gm_desk *desk, uint64_t after_ms)
{
    struct gm_broker_event tick = {.kind = GM_BROKER_TICK};
    desk->now_ms += after_ms;
    desk->unix_ms += after_ms;
    gm_desk_event(desk, &tick);
}

const struct gm_message *gm_desk_ask(struct gm_desk *desk, int who,
                                     const struct gm_message *message)
{
    struct gm_broker_event event = {
        .kind = GM_BROKER_REQUEST, .peer = desk->keys[who].public_key, .message = message};
    gm_desk_event(desk, &event);
    for (size_t i = 0; i < desk->out.reply_count; i++) {
        if (desk->out.replies[i].handle == desk->handle)
            return &desk->out.replies[i].message;
    }
    return NULL;
}

void gm_desk_submit(struct gm_desk *desk, struct gm_lab *lab, uint8_t job[GM_ID_BYTES])
{
    struct gm_message submit = {.type = GM_MESSAGE_SUBMIT};
    desk->labs[desk->lab_count++] = lab;
    for (size_t i = 0; i < lab->file_count; i++) {
        struct gm_broker_event stage = {.kind = GM_BROKER_STAGE,
                                        .peer = desk->keys[GM_DESK_REQUESTER].public_key,
                                        .root = lab->files[i].root,
                                        .size_bytes = lab->files[i].size_bytes};
        gm_desk_event(desk, &stage);
        cr_assert_eq(desk->out.replies[0].message.type, GM_MESSAGE_OK);
        gm_blob_set_add(&desk->blobs, &lab->files[i].root);
    }
    submit.submit.request[0] = (uint8_t)desk->lab_count;
    memcpy(submit.submit.recipe, lab->recipe_root.bytes, GM_ROOT_BYTES);
    const struct gm_message *reply = gm_desk_ask(desk, GM_DESK_REQUESTER, &submit);
    cr_assert_eq(reply->type, GM_MESSAGE_SUBMITTED);
    memcpy(job, reply->submitted.job, GM_ID_BYTES);
}

struct gm_msg_job_info gm_desk_job(struct gm_desk *desk, const uint8_t job[GM_ID_BYTES])
{
    struct gm_message ask = {.type = GM_MESSAGE_JOB_ASK};
    memcpy(ask.job_ask.job, job, GM_ID_BYTES);
    const struct gm_message *reply = gm_desk_ask(desk, GM_DESK_REQUESTER, &ask);
    cr_assert_eq(reply->type, GM_MESSAGE_JOB_INFO);
    return reply->job_info;
}

const struct gm_message *gm_desk_lease(struct gm_desk *desk, int who, uint8_t request)
{
    struct gm_message ask = {.type = GM_MESSAGE_LEASE_ASK};
    ask.lease_ask.request[0] = request;
    ask.lease_ask.memory_bytes = 1 << 30;
    return gm_desk_ask(desk, who, &ask);
}

const struct gm_message *gm_desk_attest(struct gm_desk *desk, int who,
                                        const struct gm_handwork *work)
{
    struct gm_message attest = {.type = GM_MESSAGE_ATTEST};
    memcpy(attest.attest.lease, work->lease, GM_ID_BYTES);
    attest.attest.token = gm_buf_view(&work->attestation);
    attest.attest.roots = (struct gm_bytes){work->roots[0].bytes, work->count * GM_ROOT_BYTES};
    return gm_desk_ask(desk, who, &attest);
}

const struct gm_message *gm_desk_upload(struct gm_desk *desk, int who,
                                        const struct gm_handwork *work)
{
    struct gm_message uploaded = {.type = GM_MESSAGE_UPLOADED};
    for (uint32_t i = 0; i < work->count; i++) {
        if (gm_broker_may_write(desk->broker, &desk->keys[who].public_key, &work->roots[i],
                                work->names[i].size_bytes, work->lease) == GM_OK)
            gm_blob_set_add(&desk->blobs, &work->roots[i]);
    }
    memcpy(uploaded.uploaded.lease, work->lease, GM_ID_BYTES);
    return gm_desk_ask(desk, who, &uploaded);
}

uint64_t gm_desk_work(struct gm_desk *desk, int who, const struct gm_lab *lab, uint8_t request)
{
    struct gm_handwork work;
    const struct gm_message *reply = gm_desk_lease(desk, who, request);
    cr_assert_eq(reply->type, GM_MESSAGE_LEASE, "request %u: no lease", request);
    gm_handwork_do(&work, lab, &reply->lease);
    gm_handwork_sign(&work, &desk->keys[who]);
    cr_assert_eq(gm_desk_attest(desk, who, &work)->type, GM_MESSAGE_RECEIPT);
    reply = gm_desk_upload(desk, who, &work);
    cr_assert_eq(reply->type, GM_MESSAGE_VERDICT);
    uint64_t state = reply->verdict.state;
    gm_handwork_fini(&work);
    return state;
}
