/* gradmill submit: sends a job to a broker, and waits for it if asked to. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/compose.h"
#include "cli/market.h"
#include "cli/scratch.h"
#include "cli/verb.h"
#include "cli/watch.h"
#include "trust/random.h"

static enum gm_status blob_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    return gm_blob_store_read(ctx, root, offset_bytes, out, size_bytes, err);
}

static enum gm_status blobs_send(struct gm_market *market, const struct gm_composed *composed,
                                 struct gm_error *err)
{
    struct gm_blob_name *names = gm_mem_new(composed->blob_count, sizeof *names);
    if (names == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    for (size_t i = 0; i < composed->blob_count; i++) {
        names[i].root = composed->blobs[i];
        (void)gm_blob_store_has(composed->store, &names[i].root, &names[i].size_bytes);
    }
    struct gm_blob_source source = {composed->store, blob_read};
    enum gm_status status =
        gm_transfer_put(&market->transfer, NULL, names, composed->blob_count, &source, err);
    gm_mem_free(names);
    return status;
}

static enum gm_status recipe_submit(struct gm_market *market, const struct gm_composed *composed,
                                    uint8_t id[static GM_ID_BYTES], struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_SUBMIT};
    struct gm_reply reply;
    gm_random_fill(request.submit.request, GM_ID_BYTES);
    memcpy(request.submit.recipe, composed->recipe_name.bytes, GM_ROOT_BYTES);
    GM_TRY(gm_market_ask(market, &request, GM_MESSAGE_SUBMITTED, &reply, err));
    memcpy(id, reply.message.submitted.job, GM_ID_BYTES);
    gm_reply_fini(&reply);
    return GM_OK;
}

static enum gm_status job_send(struct gm_market *market, const char *job_path, const char *scratch,
                               uint8_t id[static GM_ID_BYTES], struct gm_error *err)
{
    struct gm_blob_store *store;
    struct gm_composed composed;
    GM_TRY(gm_blob_store_open(scratch, 0, &store, err));
    enum gm_status status = gm_compose(job_path, store, &composed, err);
    if (status == GM_OK) {
        status = blobs_send(market, &composed, err);
        if (status == GM_OK)
            status = recipe_submit(market, &composed, id, err);
        gm_composed_fini(&composed);
    }
    gm_blob_store_close(store);
    return status;
}

enum gm_status gm_market_submit(struct gm_market *market, const char *job_path,
                                uint8_t id[static GM_ID_BYTES], struct gm_error *err)
{
    char *scratch;
    GM_TRY(gm_scratch_make(&scratch, err));
    enum gm_status status = job_send(market, job_path, scratch, id, err);
    gm_scratch_remove(scratch);
    return status;
}

static enum gm_status submit_open(const struct gm_args *args, struct gm_market *market,
                                  struct gm_error *err)
{
    uint8_t id[GM_ID_BYTES];
    char hex[GM_JOB_HEX_SIZE];
    bool json = gm_args_has(args, "--json");
    GM_TRY(gm_market_submit(market, args->operands[0], id, err));
    gm_hex_encode(hex, id, GM_ID_BYTES);
    if (json)
        (void)printf("{\"event\":\"submitted\",\"job\":\"%s\"}\n", hex);
    else
        (void)printf("job %s\n", hex);
    (void)fflush(stdout);
    if (!gm_args_has(args, "--wait"))
        return GM_OK;
    struct gm_job_view view;
    GM_TRY(gm_watch(market, id, json, &view, err));
    return gm_watch_result(&view, err);
}

static enum gm_status submit_run(const struct gm_args *args, struct gm_error *err)
{
    struct gm_market market;
    GM_TRY(gm_market_open(args, &market, err));
    enum gm_status status = submit_open(args, &market, err);
    gm_market_close(&market);
    return status;
}

static const struct gm_option submit_options[] = {
    GM_MARKET_OPTIONS,
    {"--wait", NULL, "show its progress until it ends", NULL},
    {"--json", NULL, "JSON objects, one a line", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_submit = {
    .text = {.name = "submit",
             .usage = "JOB --broker ADDRESS --broker-key KEY --key FILE [options]",
             .summary = "send a job to a broker",
             .details =
                 "Prints the job's id. Only the key that submits a job may cancel it or fetch "
                 "its weights.",
             .options = submit_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = submit_run,
};
