/* gradmill worker: offers this machine to a broker. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/device.h"
#include "cli/dir_lock.h"
#include "cli/market.h"
#include "cli/stop.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "hw/rate.h"
#include "worker/runner.h"

struct worker {
    const struct gm_args *args;
    struct gm_market keys;
    struct gm_dir_lock lock;
    struct gm_stop stop;
    bool stopping;
    struct gm_device *device;
    struct gm_blob_store *store;
    _Atomic(struct gm_runner *) runner; /* the signals' thread reads it */
    char *blobs;
    char *receipts;
    struct gm_log log;
    uint64_t flops_per_s;
};

static void drain(void *ctx)
{
    struct worker *worker = ctx;
    struct gm_runner *runner = atomic_load(&worker->runner);
    if (runner != NULL)
        gm_runner_drain(runner);
}

/* The owner wants the machine: the lease goes back without penalty, and no other is asked for. */
static void suspend(void *ctx, bool pause)
{
    struct worker *worker = ctx;
    struct gm_runner *runner = atomic_load(&worker->runner);
    if (runner != NULL)
        gm_runner_suspend(runner, pause);
}

static enum gm_status folders_open(struct worker *worker, struct gm_error *err)
{
    uint64_t disk_bytes;
    const char *dir = gm_args_value(worker->args, "--dir");
    GM_TRY(gm_args_size(worker->args, "--disk", &disk_bytes, err));
    worker->blobs = gm_path_join(dir, "blobs");
    worker->receipts = gm_path_join(dir, "receipts");
    if (worker->blobs == NULL || worker->receipts == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    GM_TRY(gm_dir_make(worker->receipts, 0755, err));
    GM_TRY(gm_dir_lock_take(&worker->lock, dir, err));
    GM_TRY(gm_blob_store_open(worker->blobs, disk_bytes, &worker->store, err));
    gm_blob_store_sweep(worker->store);
    return GM_OK;
}

static void ready_print(const struct worker *worker, const struct gm_device_info *info)
{
    char hex[GM_KEY_HEX_SIZE];
    const char *key = gm_key_public_hex(hex, &worker->keys.key.public_key);
    if (gm_args_has(worker->args, "--json"))
        (void)printf("{\"event\":\"ready\",\"key\":\"%s\",\"threads\":%u,\"flops_per_s\":%llu}\n",
                     key, info->thread_count, (unsigned long long)worker->flops_per_s);
    else
        (void)printf("worker %s: %s, %u threads, %.1f GFLOP/s exact\n", key, info->name,
                     info->thread_count, (double)worker->flops_per_s * 1e-9);
    (void)fflush(stdout);
}

/* "lie", or "lie-after:N". */
static enum gm_status drill_read(const struct worker *worker, struct gm_runner_config *config,
                                 struct gm_error *err)
{
    static const char after[] = "lie-after:";
    const char *drill = gm_args_value(worker->args, "--drill");
    if (drill == NULL)
        return GM_OK;
    config->lying = true;
    if (strcmp(drill, "lie") == 0)
        return GM_OK;
    if (strncmp(drill, after, sizeof after - 1) == 0)
        return gm_text_u64("--drill lie-after", drill + sizeof after - 1, 0, UINT64_MAX,
                           &config->lie_after, err);
    return gm_error_set(err, GM_USAGE, "--drill: \"%s\" is no drill (lie, lie-after:N)", drill);
}

static enum gm_status runner_make(struct worker *worker, struct gm_error *err)
{
    struct gm_device_info info;
    worker->device->ops->info(worker->device, &info);
    struct gm_runner_config config = {
        .key = &worker->keys.key,
        .client = worker->keys.client,
        .broker = worker->keys.broker,
        .device = worker->device,
        .store = worker->store,
        .receipts = worker->receipts,
        .log = &worker->log,
        .version = GM_VERSION,
        .memory_bytes = info.memory_bytes,
        .flops_per_s = worker->flops_per_s,
    };
    GM_TRY(drill_read(worker, &config, err));
    struct gm_runner *runner;
    GM_TRY(gm_runner_new(&config, &runner, err));
    atomic_store(&worker->runner, runner);
    ready_print(worker, &info);
    return GM_OK;
}

static enum gm_status worker_do(struct worker *worker, struct gm_error *err)
{
    struct gm_stop_calls calls = {.heard = drain, .pause = suspend, .ctx = worker};
    GM_TRY(gm_stop_start(&worker->stop, calls, err)); /* before there are threads */
    worker->stopping = true;
    GM_TRY(gm_market_open(worker->args, &worker->keys, err));
    GM_TRY(folders_open(worker, err));
    GM_TRY(gm_device_from_args(worker->args, &worker->device, err));
    GM_TRY(gm_hw_rate_measure(worker->device, &worker->flops_per_s, err));
    GM_TRY(runner_make(worker, err));
    if (atomic_load(&worker->stop.asked)) /* before there was a runner to tell */
        gm_runner_drain(worker->runner);
    return gm_runner_run(worker->runner, err);
}

static void worker_fini(struct worker *worker)
{
    if (worker->stopping)
        gm_stop_end(&worker->stop);
    gm_runner_free(worker->runner);
    if (worker->device != NULL)
        worker->device->ops->close(worker->device);
    gm_blob_store_close(worker->store);
    gm_dir_lock_release(&worker->lock);
    gm_mem_free(worker->blobs);
    gm_mem_free(worker->receipts);
    gm_market_close(&worker->keys);
}

static enum gm_status worker_run(const struct gm_args *args, struct gm_error *err)
{
    struct worker worker = {
        .args = args,
        .lock = {.fd = -1},
        .log = {.stream = stderr, .part = "worker", .level = GM_LOG_INFO},
    };
    enum gm_status status = worker_do(&worker, err);
    worker_fini(&worker);
    return status;
}

static const struct gm_option worker_options[] = {
    GM_MARKET_OPTIONS,
    {"--dir", "DIR", "where data sets and receipts are kept", "gradmill-worker"},
    {"--disk", "SIZE", "the most disk space for data sets; 0: no limit", "4GiB"},
    {"--json", NULL, "a JSON object when ready", NULL},
    {"--drill", "NAME", "misbehave on purpose, to see it found out:\nlie, or lie-after:N tasks",
     NULL},
    GM_DEVICE_OPTIONS,
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_worker = {
    .text =
        {.name = "worker",
         .usage = "--broker ADDRESS --broker-key KEY --key FILE [options]",
         .summary = "offer this machine to a broker",
         .details =
             "Computes tasks until SIGTERM or Ctrl-C: the first finishes the running task, "
             "the second\nends at once. SIGUSR1 gives the machine back, and the lease "
             "without penalty; SIGCONT goes on.\nNo foreign code runs here: a task is a list of "
             "known tensor operations.\nThe broker's signed receipts are kept in "
             "DIR/receipts; gradmill verify reads them.",
         .options = worker_options,
         .operands_min = 0,
         .operands_max = 0},
    .run = worker_run,
};
