/* gradmill fetch: a job's weights. */
#include <stdio.h>

#include "cli/market.h"
#include "cli/verb.h"

static enum gm_status fetch_do(const struct gm_args *args, struct gm_market *market,
                               struct gm_error *err)
{
    uint8_t id[GM_ID_BYTES];
    const char *dir;
    struct gm_hash name;
    uint64_t step;
    char hex[GM_HASH_HEX_SIZE];
    GM_TRY(gm_job_id_parse(args->operands[0], id, err));
    GM_TRY(gm_args_required(args, "--out", &dir, err));
    GM_TRY(gm_market_fetch(market, id, dir, &name, &step, err));
    if (gm_args_has(args, "--json"))
        (void)printf("{\"event\":\"fetched\",\"step\":%llu,\"params\":\"%s\"}\n",
                     (unsigned long long)step, gm_hash_hex(hex, &name));
    else
        (void)printf("model   %s/model.safetensors (after step %llu)\nparams  %s\n", dir,
                     (unsigned long long)step, gm_hash_hex(hex, &name));
    return GM_OK;
}

static enum gm_status fetch_run(const struct gm_args *args, struct gm_error *err)
{
    struct gm_market market;
    GM_TRY(gm_market_open(args, &market, err));
    enum gm_status status = fetch_do(args, &market, err);
    gm_market_close(&market);
    return status;
}

static const struct gm_option fetch_options[] = {
    GM_MARKET_OPTIONS,
    {"--out", "DIR", "where model.safetensors and config.json go", NULL},
    {"--json", NULL, "a JSON object", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_fetch = {
    .text = {.name = "fetch",
             .usage = "ID --out DIR --broker ADDRESS --broker-key KEY --key FILE",
             .summary = "get a job's weights from a broker",
             .details = "Also while the job runs: the newest weights that count.",
             .options = fetch_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = fetch_run,
};
