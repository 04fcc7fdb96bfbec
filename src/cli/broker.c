/* gradmill broker: owns jobs and hands out their tasks. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/runner.h"
#include "cli/stop.h"
#include "cli/verb.h"
#include "wire/address.h"

struct broker {
    const struct gm_args *args;
    struct gm_key key;
    struct gm_key_public house[GM_ARGS_VALUES_MAX];
    size_t house_count;
    struct gm_stop stop;
    bool stopping;
    _Atomic(struct gm_broker_runner *) runner; /* the signals' thread reads it */
    struct gm_log log;
};

static void stop_heard(void *ctx)
{
    struct broker *broker = ctx;
    struct gm_broker_runner *runner = atomic_load(&broker->runner);
    if (runner != NULL)
        gm_broker_runner_stop(runner);
}

static enum gm_status house_read(struct broker *broker, struct gm_error *err)
{
    for (size_t i = 0; i < broker->args->repeat_count; i++) {
        if (strcmp(broker->args->repeats[i].name, "--house") != 0)
            continue;
        GM_TRY(gm_key_public_load(&broker->house[broker->house_count],
                                  broker->args->repeats[i].value, err));
        broker->house_count++;
    }
    if (broker->house_count == 0)
        return gm_error_set(err, GM_USAGE,
                            "--house is needed: the key of a worker that you run yourself; it "
                            "starts, reduces, updates and replays");
    return GM_OK;
}

static enum gm_status rules_make(const struct broker *broker, struct gm_broker_config *rules,
                                 struct gm_error *err)
{
    uint64_t keep;
    uint64_t first;
    gm_broker_config_init(rules);
    GM_TRY(gm_args_u64(broker->args, "--keep-checkpoints", 1, 1000, &keep, err));
    GM_TRY(gm_args_u64(broker->args, "--replay-first", 0, 1000000, &first, err));
    GM_TRY(gm_args_duration(broker->args, "--heartbeat", &rules->heartbeat_ms, err));
    if (rules->heartbeat_ms < 100)
        return gm_error_set(err, GM_USAGE, "--heartbeat: at least 100ms");
    rules->key = &broker->key;
    rules->house = broker->house;
    rules->house_count = broker->house_count;
    rules->keep_checkpoints = (uint32_t)keep;
    rules->replay_first = (uint32_t)first;
    return GM_OK;
}

static enum gm_status ready_print(const struct broker *broker, struct gm_error *err)
{
    char hex[GM_KEY_HEX_SIZE];
    char address[GM_ADDRESS_CHARS];
    uint16_t port = gm_broker_runner_port(broker->runner);
    GM_TRY(gm_address_with_port(gm_args_value(broker->args, "--listen"), port, address, err));
    const char *key = gm_key_public_hex(hex, &broker->key.public_key);
    if (gm_args_has(broker->args, "--json"))
        (void)printf("{\"event\":\"ready\",\"address\":\"%s\",\"port\":%u,\"key\":\"%s\"}\n",
                     address, port, key);
    else
        (void)printf("broker %s at %s (blobs at port %u)\n", key, address, (unsigned)port + 1);
    (void)fflush(stdout);
    return GM_OK;
}

static enum gm_status broker_do(struct broker *broker, struct gm_error *err)
{
    const char *key;
    struct gm_broker_runner_config config = {
        .address = gm_args_value(broker->args, "--listen"),
        .folder = gm_args_value(broker->args, "--dir"),
        .log = &broker->log,
    };
    GM_TRY(gm_args_required(broker->args, "--key", &key, err));
    GM_TRY(gm_args_size(broker->args, "--disk", &config.disk_bytes_max, err));
    GM_TRY(gm_key_load(&broker->key, key, err));
    GM_TRY(house_read(broker, err));
    GM_TRY(rules_make(broker, &config.rules, err));
    GM_TRY(gm_stop_start(&broker->stop, (struct gm_stop_calls){.heard = stop_heard, .ctx = broker},
                         err));
    broker->stopping = true;
    struct gm_broker_runner *runner;
    GM_TRY(gm_broker_runner_new(&config, &runner, err));
    atomic_store(&broker->runner, runner);
    GM_TRY(ready_print(broker, err));
    if (atomic_load(&broker->stop.asked)) /* before there was a runner to tell */
        return GM_OK;
    return gm_broker_runner_run(broker->runner, err);
}

static enum gm_status broker_run(const struct gm_args *args, struct gm_error *err)
{
    struct broker broker = {
        .args = args,
        .log = {.stream = stderr, .part = "broker", .level = GM_LOG_INFO},
    };
    enum gm_status status = broker_do(&broker, err);
    if (broker.stopping)
        gm_stop_end(&broker.stop);
    gm_broker_runner_free(broker.runner);
    gm_key_wipe(&broker.key);
    return status;
}

static const struct gm_option broker_options[] = {
    {"--listen", "ADDRESS", "the control port; blobs are served on the next one",
     "tcp://127.0.0.1:7700"},
    {"--dir", "DIR", "where the state and the blobs are kept", "gradmill-broker"},
    {"--key", "FILE", "the broker's secret key", NULL},
    {"--house", "KEY",
     "public key of a house worker (a file or 64 hex digits);\n"
     "may be given several times",
     NULL},
    {"--disk", "SIZE", "the most disk space for blobs; 0: no limit", "0"},
    {"--keep-checkpoints", "N", "checkpoints kept per job", "2"},
    {"--replay-first", "N", "results of a new key that are replayed before they count", "10"},
    {"--heartbeat", "TIME", "workers say this often that they live", "2s"},
    {"--json", NULL, "a JSON object when ready", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_broker = {
    .text = {.name = "broker",
             .usage = "--key FILE --house KEY [options]",
             .summary = "own jobs and hand out their tasks",
             .details =
                 "Every decision is stored before it is answered: a broker that is killed and "
                 "started again\ngoes on where it was. docs/market.md says who may do what.",
             .options = broker_options,
             .operands_min = 0,
             .operands_max = 0},
    .run = broker_run,
};
