/* gradmill train: a whole job in this process. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/device.h"
#include "cli/figure.h"
#include "cli/local.h"
#include "cli/outdir.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/verb.h"

enum { CHECKPOINT_S = 20 };

struct train {
    const struct gm_args *args;
    struct gm_outdir dir;
    struct gm_blob_store *store;
    struct gm_composed composed;
    struct gm_device *device;
    struct gm_local *local;
    struct gm_stop stop;
    struct gm_progress progress;
    bool json;
    bool stopping; /* the signal thread runs */
    uint64_t start_ns;
    uint64_t saved_ns;
    uint32_t start_step;
};

static void memory_print(struct train *train, const struct gm_local_memory *memory)
{
    char total[GM_TEXT_SIZE_CHARS];
    char tensors[GM_TEXT_SIZE_CHARS];
    char arenas[GM_TEXT_SIZE_CHARS];
    char overhead[GM_TEXT_SIZE_CHARS];
    uint64_t total_bytes = memory->tensor_bytes + memory->arena_bytes + memory->overhead_bytes;
    struct gm_device_info info;
    train->device->ops->info(train->device, &info);
    (void)fprintf(stderr,
                  "%s: %llu parameters in %u tensors on %s, %u threads\n"
                  "memory: %s at the peak: weights, optimizer and gradients %s, "
                  "intermediate values %s, overhead %s\n",
                  train->composed.recipe.name,
                  (unsigned long long)gm_model_element_count(train->composed.model),
                  train->composed.recipe.param_count, info.name, info.thread_count,
                  gm_text_from_size(total, total_bytes),
                  gm_text_from_size(tensors, memory->tensor_bytes),
                  gm_text_from_size(arenas, memory->arena_bytes),
                  gm_text_from_size(overhead, memory->overhead_bytes));
}

static void figures_show(struct train *train, bool last)
{
    const struct gm_recipe *recipe = &train->composed.recipe;
    double seconds = (double)(gm_clock_monotonic_ns() - train->start_ns) * 1e-9;
    double tokens = (double)(train->local->step - train->start_step) * recipe->samples_per_step *
                    recipe->tokens_per_sample;
    struct gm_progress_figures figures = {
        .step = train->local->step,
        .loss = train->local->loss_last,
        .loss_validation = train->local->loss_validation,
        .tokens_per_s = seconds > 0 ? tokens / seconds : 0,
    };
    gm_progress_show(&train->progress, &figures, last);
}

/* ---- the run ---- */

/* By time, not by steps: what a crash may cost is a person's time. It changes no result. */
static bool checkpoint_due(const struct train *train)
{
    return gm_clock_monotonic_ns() - train->saved_ns > (uint64_t)CHECKPOINT_S * 1000000000u &&
           train->local->step < train->composed.recipe.step_count;
}

static enum gm_status checkpoint_save(struct train *train, struct gm_error *err)
{
    GM_TRY(gm_local_save(train->local, train->dir.checkpoint, err));
    train->saved_ns = gm_clock_monotonic_ns();
    return GM_OK;
}

static enum gm_status steps_run(struct train *train, struct gm_error *err)
{
    const struct gm_recipe *recipe = &train->composed.recipe;
    struct gm_local *local = train->local;
    while (local->step < recipe->step_count) {
        if (gm_graph_evaluates(recipe, local->step))
            GM_TRY(gm_local_evaluate(local, err));
        GM_TRY(gm_local_step(local, err));
        figures_show(train, false);
        bool asked = atomic_load(&train->stop.asked);
        if (asked || checkpoint_due(train))
            GM_TRY(checkpoint_save(train, err));
        if (asked)
            return gm_error_set(err, GM_CANCELLED,
                                "stopped after step %u of %u; --resume goes on from there",
                                local->step, recipe->step_count);
    }
    if (recipe->evaluate_every > 0)
        GM_TRY(gm_local_evaluate(local, err));
    figures_show(train, true);
    return GM_OK;
}

static enum gm_status state_begin(struct train *train, struct gm_error *err)
{
    if (!gm_args_has(train->args, "--resume"))
        return gm_local_start(train->local, err);
    enum gm_status status = gm_local_resume(train->local, train->dir.checkpoint, err);
    /* Stopped before its first checkpoint: going on means starting. */
    return status == GM_NOT_FOUND ? gm_local_start(train->local, err) : status;
}

static void result_print(const struct train *train, const struct gm_hash *name)
{
    char hex[GM_HASH_HEX_SIZE];
    const struct gm_local *local = train->local;
    if (!train->json) {
        (void)printf("model   %s\nparams  %s\n", train->dir.model, gm_hash_hex(hex, name));
        (void)printf("loss    %.4f -> %.4f\n", (double)local->loss_first, (double)local->loss_last);
        return;
    }
    (void)printf("{\"event\":\"done\",\"params\":\"%s\",\"step\":%u", gm_hash_hex(hex, name),
                 local->step);
    gm_figure_print("loss_first", local->loss_first);
    gm_figure_print("loss_last", local->loss_last);
    gm_figure_print("loss_validation", local->loss_validation);
    (void)printf("}\n");
}

static enum gm_status results_write(struct train *train, struct gm_error *err)
{
    struct gm_hash name;
    const char *config = train->composed.model->config_text;
    struct gm_bytes text = {(const uint8_t *)config, strlen(config)};
    GM_TRY(gm_file_write(train->dir.config, 0644, text, err));
    GM_TRY(gm_local_write_model(train->local, train->dir.model, &name, err));
    result_print(train, &name);
    return GM_OK;
}

static enum gm_status train_prepare(struct train *train, struct gm_error *err)
{
    const char *out;
    struct gm_local_memory memory;
    GM_TRY(gm_args_required(train->args, "--out", &out, err));
    GM_TRY(gm_outdir_open(&train->dir, out, gm_args_has(train->args, "--resume"), err));
    GM_TRY(gm_stop_start(&train->stop, (struct gm_stop_calls){.ctx = NULL}, err));
    train->stopping = true;
    GM_TRY(gm_blob_store_open(train->dir.blobs, 0, &train->store, err));
    GM_TRY(gm_compose(train->args->operands[0], train->store, &train->composed, err));
    GM_TRY(gm_device_from_args(train->args, &train->device, err));
    GM_TRY(gm_local_new(&train->composed, train->device, &train->local, err));
    GM_TRY(gm_local_memory(train->local, &memory, err));
    if (!train->json)
        memory_print(train, &memory);
    return GM_OK;
}

static enum gm_status train_do(struct train *train, struct gm_error *err)
{
    GM_TRY(train_prepare(train, err));
    GM_TRY(state_begin(train, err));
    gm_blob_store_sweep(train->store);
    gm_progress_init(&train->progress, train->composed.recipe.step_count, train->json);
    train->start_ns = gm_clock_monotonic_ns();
    train->saved_ns = train->start_ns;
    train->start_step = train->local->step;
    enum gm_status status = steps_run(train, err);
    if (status != GM_OK)
        gm_progress_break(&train->progress);
    if (status == GM_OK)
        status = results_write(train, err);
    return status;
}

static void train_fini(struct train *train, bool done)
{
    gm_local_free(train->local);
    if (train->device != NULL)
        train->device->ops->close(train->device);
    if (train->store != NULL)
        gm_composed_fini(&train->composed);
    gm_blob_store_close(train->store);
    if (train->stopping)
        gm_stop_end(&train->stop);
    if (done)
        gm_outdir_clean(&train->dir);
    gm_outdir_fini(&train->dir);
}

static enum gm_status train_run(const struct gm_args *args, struct gm_error *err)
{
    struct train train = {.args = args, .json = gm_args_has(args, "--json")};
    enum gm_status status = train_do(&train, err);
    train_fini(&train, status == GM_OK);
    return status;
}

static const struct gm_option train_options[] = {
    {"--out", "DIR", "where the model goes; made if need be", NULL},
    {"--resume", NULL, "go on where an interrupted run into DIR ended", NULL},
    {"--json", NULL, "one JSON object per step, and one with the result", NULL},
    GM_DEVICE_OPTIONS,
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_train = {
    .text = {.name = "train",
             .usage = "JOB --out DIR [options]",
             .summary = "train a job in this process alone",
             .details =
                 "JOB is a job file (docs/job-file.md). DIR receives model.safetensors and "
                 "config.json,\nwhich transformers loads. The same job gives the same bytes "
                 "with any number of threads,\non any machine, and through the market.\n"
                 "Ctrl-C ends after the running step, with a checkpoint; twice ends at once.",
             .options = train_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = train_run,
};
