/* gradmill status: jobs on a broker, or one of them. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/verb.h"
#include "cli/watch.h"

static enum gm_status one_show(struct gm_market *market, const uint8_t *id, bool json,
                               struct gm_error *err)
{
    struct gm_job_view view;
    GM_TRY(gm_job_view_get(market, id, &view, err));
    gm_job_view_print(&view, json);
    return GM_OK;
}

static enum gm_status all_show(struct gm_market *market, bool json, struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_JOB_LIST};
    struct gm_reply reply;
    GM_TRY(gm_market_ask(market, &request, GM_MESSAGE_JOB_LISTED, &reply, err));
    struct gm_bytes jobs = reply.message.job_listed.jobs;
    enum gm_status status = GM_OK;
    if (jobs.size_bytes == 0 && !json)
        (void)printf("no jobs\n");
    for (size_t at = 0; at + GM_ID_BYTES <= jobs.size_bytes && status == GM_OK; at += GM_ID_BYTES)
        status = one_show(market, jobs.data + at, json, err);
    gm_reply_fini(&reply);
    return status;
}

static enum gm_status status_show(const struct gm_args *args, struct gm_market *market,
                                  struct gm_error *err)
{
    bool json = gm_args_has(args, "--json");
    uint8_t id[GM_ID_BYTES];
    if (args->operand_count == 0)
        return all_show(market, json, err);
    GM_TRY(gm_job_id_parse(args->operands[0], id, err));
    if (!gm_args_has(args, "--wait"))
        return one_show(market, id, json, err);
    struct gm_job_view view;
    GM_TRY(gm_watch(market, id, json, &view, err));
    gm_job_view_print(&view, json);
    return gm_watch_result(&view, err);
}

static enum gm_status status_run(const struct gm_args *args, struct gm_error *err)
{
    struct gm_market market;
    GM_TRY(gm_market_open(args, &market, err));
    enum gm_status status = status_show(args, &market, err);
    gm_market_close(&market);
    return status;
}

static const struct gm_option status_options[] = {
    GM_MARKET_OPTIONS,
    {"--wait", NULL, "show progress until the job ends", NULL},
    {"--json", NULL, "one JSON object per job", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_status = {
    .text = {.name = "status",
             .usage = "[ID] --broker ADDRESS --broker-key KEY --key FILE [options]",
             .summary = "how your jobs on a broker are doing",
             .options = status_options,
             .operands_min = 0,
             .operands_max = 1},
    .run = status_run,
};
