/* gradmill grad: the loss and the gradients of one batch, for comparison with other libraries. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/device.h"
#include "cli/file_hash.h"
#include "cli/grad_write.h"
#include "cli/json_print.h"
#include "cli/scratch.h"
#include "cli/stop.h"
#include "cli/verb.h"

struct grad {
    const struct gm_args *args;
    const char *out_path;
    const char *weights_path; /* NULL: not asked for */
    const char *batch_path;
    struct gm_blob_store *store;
    struct gm_composed composed;
    struct gm_device *device;
    struct gm_local *local;
};

/* Nothing is overwritten; better said before the work than after it. */
static enum gm_status path_free(const char *path, struct gm_error *err)
{
    struct stat info;
    if (path != NULL && lstat(path, &info) == 0)
        return gm_error_set(err, GM_EXISTS, "%s: exists already", path);
    return GM_OK;
}

static enum gm_status paths_read(struct grad *grad, struct gm_error *err)
{
    GM_TRY(gm_args_required(grad->args, "--out", &grad->out_path, err));
    grad->weights_path = gm_args_value(grad->args, "--weights-out");
    grad->batch_path = gm_args_value(grad->args, "--batch-out");
    GM_TRY(path_free(grad->out_path, err));
    GM_TRY(path_free(grad->weights_path, err));
    return path_free(grad->batch_path, err);
}

/* ---- result ---- */

/* "name": {"file": path, "blake3": hex}, or lines for people. */
static enum gm_status file_report(json_t *object, const char *name, const char *path,
                                  struct gm_error *err)
{
    struct gm_hash hash;
    char hex[GM_HASH_HEX_SIZE];
    if (path == NULL)
        return GM_OK;
    GM_TRY(gm_file_hash(path, &hash, err));
    (void)gm_hash_hex(hex, &hash);
    if (object == NULL) {
        (void)printf("%-9s  %s\n%-9s  blake3 %s\n", name, path, "", hex);
        return GM_OK;
    }
    json_t *file = json_pack("{s:o, s:s}", "file", gm_json_text(path, strlen(path)), "blake3", hex);
    if (file == NULL || json_object_set_new(object, name, file) != 0)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    return GM_OK;
}

static enum gm_status report(const struct grad *grad, const struct gm_grad_figures *figures,
                             struct gm_error *err)
{
    json_t *object = NULL;
    if (gm_args_has(grad->args, "--json")) {
        object = json_pack("{s:I, s:f, s:I}", "step", (json_int_t)grad->local->step, "loss",
                           (double)figures->loss, "count", (json_int_t)figures->count);
        if (object == NULL)
            return gm_json_print(NULL, err);
    } else {
        (void)printf("loss       %.9g (mean of %u)\n", (double)figures->loss, figures->count);
    }
    enum gm_status status = file_report(object, "gradients", grad->out_path, err);
    if (status == GM_OK)
        status = file_report(object, "weights", grad->weights_path, err);
    if (status == GM_OK)
        status = file_report(object, "batch", grad->batch_path, err);
    if (status == GM_OK && object != NULL)
        return gm_json_print(object, err);
    json_decref(object);
    return status;
}

/* ---- work ---- */

static enum gm_status gradients_make(struct grad *grad, struct gm_error *err)
{
    struct gm_task_result sums;
    struct gm_grad_figures figures;
    struct gm_hash name;
    GM_TRY(gm_local_gradients(grad->local, &sums, err));
    enum gm_status status = gm_grad_write(grad->local, &sums, grad->out_path, &figures, err);
    gm_task_result_drop(grad->local->executor, &sums);
    if (status == GM_OK && grad->weights_path != NULL)
        status = gm_local_write_model(grad->local, grad->weights_path, &name, err);
    if (status == GM_OK && grad->batch_path != NULL)
        status = gm_grad_write_batch(grad->local, grad->batch_path, err);
    return status == GM_OK ? report(grad, &figures, err) : status;
}

static enum gm_status grad_do(struct grad *grad, const char *scratch, struct gm_error *err)
{
    uint64_t step;
    GM_TRY(gm_blob_store_open(scratch, 0, &grad->store, err));
    GM_TRY(gm_compose(grad->args->operands[0], grad->store, &grad->composed, err));
    GM_TRY(gm_args_u64(grad->args, "--step", 0, grad->composed.recipe.step_count - 1, &step, err));
    GM_TRY(gm_device_from_args(grad->args, &grad->device, err));
    GM_TRY(gm_local_new(&grad->composed, grad->device, &grad->local, err));
    GM_TRY(gm_local_start(grad->local, err));
    grad->local->step = (uint32_t)step;
    return gradients_make(grad, err);
}

static void grad_fini(struct grad *grad)
{
    gm_local_free(grad->local);
    if (grad->device != NULL)
        grad->device->ops->close(grad->device);
    if (grad->store != NULL)
        gm_composed_fini(&grad->composed);
    gm_blob_store_close(grad->store);
}

/* There is nothing to finish or to keep: ends at once, but leaves no folder behind. */
static void stop_heard(void *scratch)
{
    gm_tree_remove(scratch);
    (void)fputs("gradmill grad: cancelled\n", stderr);
    _exit(gm_status_exit_code(GM_CANCELLED));
}

static enum gm_status grad_run(const struct gm_args *args, struct gm_error *err)
{
    struct grad grad = {.args = args};
    struct gm_stop stop;
    char *scratch;
    GM_TRY(paths_read(&grad, err));
    GM_TRY(gm_scratch_make(&scratch, err));
    enum gm_status status =
        gm_stop_start(&stop, (struct gm_stop_calls){.heard = stop_heard, .ctx = scratch}, err);
    if (status == GM_OK) {
        status = grad_do(&grad, scratch, err);
        grad_fini(&grad);
        gm_stop_end(&stop);
    }
    gm_scratch_remove(scratch);
    return status;
}

static const struct gm_option grad_options[] = {
    {"--out", "FILE", "where the gradients go (safetensors)", NULL},
    {"--step", "N", "whose batch: the one of the job's step N, from 0", "0"},
    {"--weights-out", "FILE", "also write the weights they were taken at", NULL},
    {"--batch-out", "FILE", "also write the batch, as tensors x and y", NULL},
    {"--json", NULL, "one JSON object", NULL},
    GM_DEVICE_OPTIONS,
    {NULL, NULL, NULL, NULL},
};

static const char grad_details[] =
    "Taken at the job's first weights: those it names, or those its init_seed gives.\n"
    "FILE holds \"loss\" (1) and one tensor per weight, under the weight's name and in\n"
    "its shape: what loss.backward() leaves in PyTorch when the loss is the mean over\n"
    "all targets of the batch. All tensors are f32, token ids in the batch's file\n"
    "too: whole numbers below 2^24 are exact.";

const struct gm_verb gm_verb_grad = {
    .text = {.name = "grad",
             .usage = "JOB --out FILE.safetensors [options]",
             .summary = "write one batch's loss and gradients, to compare them",
             .details = grad_details,
             .options = grad_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = grad_run,
};
