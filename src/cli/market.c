#include "cli/market.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { PATIENCE_MS = 30000 };

enum gm_status gm_market_keys(const struct gm_args *args, struct gm_market *out,
                              struct gm_error *err)
{
    const char *broker;
    const char *key;
    *out = (struct gm_market){0};
    GM_TRY(gm_args_required(args, "--broker", &out->address, err));
    GM_TRY(gm_args_required(args, "--broker-key", &broker, err));
    GM_TRY(gm_args_required(args, "--key", &key, err));
    GM_TRY(gm_key_public_load(&out->broker, broker, err));
    return gm_key_load(&out->key, key, err);
}

static enum gm_status client_open(struct gm_market *out, struct gm_error *err)
{
    struct gm_client_config config = {
        .address = out->address, .key = &out->key, .broker = out->broker};
    enum gm_status status = gm_client_open(&config, &out->client, err);
    if (status != GM_OK)
        gm_key_wipe(&out->key);
    out->transfer = (struct gm_transfer){.client = out->client, .patience_ms = PATIENCE_MS};
    return status;
}

enum gm_status gm_market_open(const struct gm_args *args, struct gm_market *out,
                              struct gm_error *err)
{
    GM_TRY(gm_market_keys(args, out, err));
    return client_open(out, err);
}

enum gm_status gm_market_connect(const char *address, const struct gm_key_public *broker,
                                 const char *key_path, struct gm_market *out, struct gm_error *err)
{
    *out = (struct gm_market){.address = address, .broker = *broker};
    GM_TRY(gm_key_load(&out->key, key_path, err));
    return client_open(out, err);
}

void gm_market_close(struct gm_market *market)
{
    gm_client_close(market->client);
    gm_key_wipe(&market->key);
    *market = (struct gm_market){0};
}

enum gm_status gm_job_id_parse(const char *text, uint8_t id[static GM_ID_BYTES],
                               struct gm_error *err)
{
    if (!gm_hex_decode(id, GM_ID_BYTES, text))
        return gm_error_set(err, GM_USAGE, "\"%s\" is not a job's id (32 hex digits)", text);
    return GM_OK;
}

enum gm_status gm_market_ask(struct gm_market *market, const struct gm_message *request,
                             enum gm_message_type expected, struct gm_reply *reply,
                             struct gm_error *err)
{
    return gm_transfer_ask(&market->transfer, GM_PORT_CONTROL, request, expected, reply, err);
}

static float float_from(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

static void text_copy(char *out, size_t size, struct gm_bytes text)
{
    (void)snprintf(out, size, "%.*s", (int)text.size_bytes, (const char *)text.data);
}

enum gm_status gm_job_view_get(struct gm_market *market, const uint8_t id[static GM_ID_BYTES],
                               struct gm_job_view *out, struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_JOB_ASK};
    struct gm_reply reply;
    memcpy(request.job_ask.job, id, GM_ID_BYTES);
    GM_TRY(gm_market_ask(market, &request, GM_MESSAGE_JOB_INFO, &reply, err));
    const struct gm_msg_job_info *info = &reply.message.job_info;
    *out = (struct gm_job_view){
        .state = info->state,
        .step = info->step,
        .step_count = info->step_count,
        .loss_first = float_from(info->loss_first),
        .loss_last = float_from(info->loss_last),
        .loss_validation = float_from(info->loss_validation),
        .tokens_per_s = info->tokens_per_s,
        .workers = info->workers,
        .reissued = info->reissued,
        .rejected = info->rejected,
        .rewinds = info->rewinds,
    };
    memcpy(out->job, info->job, GM_ID_BYTES);
    text_copy(out->name, sizeof out->name, info->name);
    text_copy(out->text, sizeof out->text, info->text);
    gm_reply_fini(&reply);
    return GM_OK;
}

const char *gm_job_state_name(uint64_t state)
{
    static const char *const names[] = {"?", "running", "done", "cancelled", "diverged", "failed"};
    return state < sizeof names / sizeof *names ? names[state] : names[0];
}

enum gm_status gm_job_state_status(uint64_t state)
{
    switch (state) {
    case GM_JOB_RUNNING:
        return GM_BUSY;
    case GM_JOB_DONE:
        return GM_OK;
    case GM_JOB_CANCELLED:
        return GM_CANCELLED;
    case GM_JOB_DIVERGED:
        return GM_DIVERGED;
    default:
        return GM_PEER;
    }
}
