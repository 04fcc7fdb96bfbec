#include "cli/grad_write.h"

#include <string.h>

#include "base/mem.h"
#include "data/slice.h"

static const char loss_name[] = "loss";

/* ---- gradients ---- */

/* The tensors of the file, sorted: parameters in their order, the loss in its place among them. */
struct items {
    uint32_t loss_at;
    struct gm_safetensors_item *list; /* param_count + 1 */
};

static enum gm_status items_make(const struct gm_model *model, struct items *items,
                                 struct gm_error *err)
{
    uint32_t at = 0;
    items->list = gm_mem_new((size_t)model->param_count + 1, sizeof *items->list);
    if (items->list == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    while (at < model->param_count && strcmp(model->params[at].name, loss_name) < 0)
        at++;
    items->loss_at = at;
    for (uint32_t i = 0; i < model->param_count; i++)
        items->list[i < at ? i : i + 1] =
            (struct gm_safetensors_item){model->params[i].name, model->params[i].desc};
    items->list[at] = (struct gm_safetensors_item){
        loss_name, gm_tensor_desc_make(GM_DTYPE_F32, 1, (const uint64_t[]){1})};
    return GM_OK;
}

/* One output of the sums, times the reciprocal of the count, as the next bytes of the file. */
static enum gm_status mean_write(struct gm_local *local, const struct gm_task_output *output,
                                 float reciprocal, struct gm_safetensors_writer *writer,
                                 float *first, struct gm_error *err)
{
    uint64_t count = gm_tensor_count(&output->desc);
    float *data = gm_mem_new(count, sizeof *data);
    if (data == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    enum gm_status status =
        gm_executor_get(local->executor, &output->root, &output->desc, data, err);
    for (uint64_t i = 0; status == GM_OK && i < count; i++)
        data[i] *= reciprocal;
    if (status == GM_OK)
        status = gm_safetensors_writer_write(writer, data, count * sizeof *data, err);
    if (first != NULL)
        *first = data[0];
    gm_mem_free(data);
    return status;
}

static enum gm_status means_write(struct gm_local *local, const struct gm_task_result *sums,
                                  const struct items *items, struct gm_safetensors_writer *writer,
                                  struct gm_grad_figures *figures, struct gm_error *err)
{
    const struct gm_task_output *outputs = sums->outputs;
    const uint32_t param_count = local->composed->recipe.param_count;
    uint32_t param = 0;
    GM_TRY(gm_executor_get(local->executor, &outputs[GM_OUTPUT_COUNT].root,
                           &outputs[GM_OUTPUT_COUNT].desc, &figures->count, err));
    float reciprocal = figures->count > 0 ? 1.0f / (float)figures->count : 0.0f;
    for (uint32_t i = 0; i <= param_count; i++) {
        bool loss = i == items->loss_at;
        const struct gm_task_output *output =
            &outputs[loss ? GM_OUTPUT_LOSS : GM_OUTPUT_GRADIENTS + param++];
        GM_TRY(mean_write(local, output, reciprocal, writer, loss ? &figures->loss : NULL, err));
    }
    return GM_OK;
}

enum gm_status gm_grad_write(struct gm_local *local, const struct gm_task_result *sums,
                             const char *path, struct gm_grad_figures *figures,
                             struct gm_error *err)
{
    struct items items = {0};
    struct gm_safetensors_writer *writer;
    GM_TRY(items_make(local->composed->model, &items, err));
    enum gm_status status = gm_safetensors_writer_new(path, local->composed->recipe.param_count + 1,
                                                      items.list, &writer, err);
    if (status == GM_OK) {
        status = means_write(local, sums, &items, writer, figures, err);
        if (status == GM_OK)
            status = gm_safetensors_writer_commit(writer, err);
        else
            gm_safetensors_writer_discard(writer);
    }
    gm_mem_free(items.list);
    return status;
}

/* ---- the batch ---- */

static struct gm_tensor_desc field_desc(const struct gm_local *local, uint32_t field)
{
    const struct gm_composed *composed = local->composed;
    const struct gm_job_train *train = &composed->job->train;
    return field == 0 ? gm_model_x_desc(composed->model, train->batch, train->seq)
                      : gm_model_y_desc(composed->model, train->batch, train->seq);
}

/* Field 0 or 1 of the batch, as f32; the caller frees *out. */
static enum gm_status field_read(struct gm_local *local, uint32_t field, void **out,
                                 struct gm_error *err)
{
    const struct gm_recipe *recipe = &local->composed->recipe;
    const struct gm_tensor_desc desc = field_desc(local, field);
    const struct gm_slice_reader reader = {local->store, gm_blob_store_reader};
    struct gm_slice slice = recipe->train[field];
    uint64_t count = gm_tensor_count(&desc);
    slice.position = (uint64_t)local->step * recipe->samples_per_step;
    slice.count = recipe->samples_per_step;
    uint32_t *data = gm_mem_new(count, sizeof *data);
    if (data == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    enum gm_status status = gm_slice_read(&slice, &reader, &desc, data, err);
    if (status != GM_OK) {
        gm_mem_free(data);
        return status;
    }
    for (uint64_t i = 0; desc.dtype == GM_DTYPE_U32 && i < count; i++) {
        float value = (float)data[i];
        memcpy(&data[i], &value, sizeof value);
    }
    *out = data;
    return GM_OK;
}

enum gm_status gm_grad_write_batch(struct gm_local *local, const char *path, struct gm_error *err)
{
    struct gm_safetensors_item items[] = {{"x", field_desc(local, 0)}, {"y", field_desc(local, 1)}};
    void *data[2] = {NULL, NULL};
    enum gm_status status = GM_OK;
    for (uint32_t field = 0; field < 2 && status == GM_OK; field++) {
        items[field].desc.dtype = GM_DTYPE_F32;
        status = field_read(local, field, &data[field], err);
    }
    if (status == GM_OK)
        status = gm_safetensors_write(path, 2, items, (const void *const *)data, err);
    gm_mem_free(data[0]);
    gm_mem_free(data[1]);
    return status;
}
