#include "cli/writer.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/train_programs.h"
#include "model/weights.h"

enum { SIZE_MIN = 16 };

/* ---- opening ---- */

static enum gm_status no_memory(struct gm_error *err)
{
    return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
}

/* The two files that `path` stands for; both are the caller's, NULL where there is no memory. */
static void paths_make(const char *path, char **model_path, char **config_path)
{
    struct stat info;
    bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    char *parent = folder ? gm_mem_copy_text(path) : gm_path_folder(path);
    *model_path = folder ? gm_path_join(path, "model.safetensors") : gm_mem_copy_text(path);
    *config_path = parent != NULL ? gm_path_join(parent, "config.json") : NULL;
    gm_mem_free(parent);
}

static enum gm_status weight_load(struct gm_writer *writer, const struct gm_weights *weights,
                                  uint32_t index, struct gm_error *err)
{
    const struct gm_device_ops *ops = writer->device->ops;
    const struct gm_tensor_desc *desc = &writer->model->params[index].desc;
    uint64_t size_bytes = gm_tensor_size_bytes(desc);
    float *data = gm_mem_new(gm_tensor_count(desc), sizeof *data);
    if (data == NULL)
        return no_memory(err);
    enum gm_status status = gm_weights_read(weights, index, data, err);
    if (status == GM_OK)
        status = ops->buffer_new(writer->device, size_bytes, &writer->weights[index], err);
    if (status == GM_OK)
        status = ops->write(writer->weights[index], 0, data, size_bytes, err);
    gm_mem_free(data);
    return status;
}

static enum gm_status weights_load(struct gm_writer *writer, const char *path, struct gm_error *err)
{
    struct gm_weights *weights;
    uint32_t count = writer->model->param_count;
    writer->weights = gm_mem_new(count, sizeof(struct gm_buffer *));
    writer->inputs = gm_mem_new((size_t)count + 1, sizeof(struct gm_buffer *));
    if (writer->weights == NULL || writer->inputs == NULL)
        return no_memory(err);
    GM_TRY(gm_weights_open(writer->model, path, &weights, err));
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < count && status == GM_OK; i++)
        status = weight_load(writer, weights, i, err);
    gm_weights_close(weights);
    return status;
}

static enum gm_status model_load(struct gm_writer *writer, const char *path, uint32_t window,
                                 struct gm_error *err)
{
    char *model_path;
    char *config_path;
    paths_make(path, &model_path, &config_path);
    enum gm_status status = model_path != NULL && config_path != NULL ? GM_OK : no_memory(err);
    /* Dropout is a matter of training. */
    if (status == GM_OK)
        status = gm_model_load(config_path, true, &writer->model, err);
    if (status == GM_OK && !writer->model->tokens)
        status = gm_error_set(err, GM_UNSUPPORTED, "%s: not a model of text", config_path);
    if (status == GM_OK && window > writer->model->positions)
        status = gm_error_set(err, GM_USAGE, "--window: %u, but the model has %u positions", window,
                              writer->model->positions);
    if (status == GM_OK) {
        writer->window = window > 0 ? window : writer->model->positions;
        status = weights_load(writer, model_path, err);
    }
    gm_mem_free(model_path);
    gm_mem_free(config_path);
    return status;
}

enum gm_status gm_writer_open(const char *path, uint32_t window, struct gm_device *device,
                              struct gm_writer *out, struct gm_error *err)
{
    *out = (struct gm_writer){.device = device};
    enum gm_status status = model_load(out, path, window, err);
    if (status != GM_OK)
        gm_writer_close(out);
    return status;
}

static void program_drop(struct gm_writer *writer)
{
    gm_exec_free(writer->exec);
    writer->device->ops->buffer_free(writer->tokens);
    writer->device->ops->buffer_free(writer->logits);
    gm_program_free(writer->program);
    writer->exec = NULL;
    writer->tokens = NULL;
    writer->logits = NULL;
    writer->program = NULL;
    writer->size = 0;
}

void gm_writer_close(struct gm_writer *writer)
{
    program_drop(writer);
    for (uint32_t i = 0; writer->weights != NULL && i < writer->model->param_count; i++)
        writer->device->ops->buffer_free(writer->weights[i]);
    gm_mem_free(writer->weights);
    gm_mem_free(writer->inputs);
    gm_model_free(writer->model);
    *writer = (struct gm_writer){0};
}

/* ---- running ---- */

/* Short texts need not pay for the whole window: sizes double up to it. */
static uint32_t size_for(const struct gm_writer *writer, uint32_t count)
{
    uint64_t size = SIZE_MIN;
    while (size < count)
        size *= 2;
    return size < writer->window ? (uint32_t)size : writer->window;
}

static enum gm_status program_make(struct gm_writer *writer, uint32_t size, struct gm_error *err)
{
    const struct gm_device_ops *ops = writer->device->ops;
    uint32_t count = writer->model->param_count;
    GM_TRY(gm_train_logits_program(writer->model, size, &writer->program, err));
    GM_TRY(gm_exec_new(writer->device, writer->program, &writer->exec, err));
    GM_TRY(
        ops->buffer_new(writer->device, (uint64_t)size * sizeof(uint32_t), &writer->tokens, err));
    GM_TRY(ops->buffer_new(writer->device, (uint64_t)size * writer->model->vocab * sizeof(float),
                           &writer->logits, err));
    memcpy(writer->inputs, writer->weights, count * sizeof(struct gm_buffer *));
    writer->inputs[count] = writer->tokens;
    writer->size = size;
    return GM_OK;
}

enum gm_status gm_writer_logits(struct gm_writer *writer, const uint32_t *tokens, size_t count,
                                float *logits, struct gm_error *err)
{
    const struct gm_device_ops *ops = writer->device->ops;
    const struct gm_exec_args args = {.iterations = 1};
    uint32_t used = count < writer->window ? (uint32_t)count : writer->window;
    uint32_t size = size_for(writer, used);
    if (size != writer->size) {
        program_drop(writer);
        GM_TRY(program_make(writer, size, err));
    }
    /* What stands behind the last token is from another time or zero: attention looks back only. */
    GM_TRY(ops->write(writer->tokens, 0, tokens + (count - used), used * sizeof *tokens, err));
    enum gm_status status =
        gm_exec_run(writer->exec, &args, writer->inputs, &writer->logits, NULL, err);
    if (status != GM_OK)
        return gm_error_at(err, status, "the model's answer");
    uint64_t row_bytes = (uint64_t)writer->model->vocab * sizeof *logits;
    return ops->read(writer->logits, (used - 1) * row_bytes, logits, row_bytes, err);
}
