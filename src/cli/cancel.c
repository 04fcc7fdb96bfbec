/* gradmill cancel: ends a job on a broker. */
#include <stdio.h>
#include <string.h>

#include "cli/market.h"
#include "cli/verb.h"

static enum gm_status cancel_ask(const struct gm_args *args, struct gm_market *market,
                                 struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_CANCEL};
    struct gm_reply reply;
    GM_TRY(gm_job_id_parse(args->operands[0], request.cancel.job, err));
    GM_TRY(gm_market_ask(market, &request, GM_MESSAGE_OK, &reply, err));
    gm_reply_fini(&reply);
    if (gm_args_has(args, "--json"))
        (void)printf("{\"event\":\"cancelled\",\"job\":\"%s\"}\n", args->operands[0]);
    else
        (void)printf("cancelled %s; gradmill fetch gets the weights it had\n", args->operands[0]);
    return GM_OK;
}

static enum gm_status cancel_run(const struct gm_args *args, struct gm_error *err)
{
    struct gm_market market;
    GM_TRY(gm_market_open(args, &market, err));
    enum gm_status status = cancel_ask(args, &market, err);
    gm_market_close(&market);
    return status;
}

static const struct gm_option cancel_options[] = {
    GM_MARKET_OPTIONS,
    {"--json", NULL, "a JSON object", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_cancel = {
    .text = {.name = "cancel",
             .usage = "ID --broker ADDRESS --broker-key KEY --key FILE",
             .summary = "end a job on a broker",
             .options = cancel_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = cancel_run,
};
