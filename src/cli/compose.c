#include "cli/compose.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "trust/tile.h"

enum {
    PUT_BYTES = 1 << 20,
    TASK_INPUT_BYTES = 34, /* of a root in a task's encoding */
    TASK_HEAD_BYTES = 128,
};

/* ---- blobs ---- */

static enum gm_status blob_note(struct gm_composed *out, const struct gm_hash *root,
                                struct gm_error *err)
{
    struct gm_hash *blobs = gm_mem_resize(out->blobs, out->blob_count + 1, sizeof *blobs);
    if (blobs == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    out->blobs = blobs;
    out->blobs[out->blob_count++] = *root;
    return GM_OK;
}

static enum gm_status bytes_put(struct gm_composed *out, struct gm_bytes bytes,
                                struct gm_hash *name, struct gm_error *err)
{
    GM_TRY(gm_blob_store_put(out->store, bytes, name, err));
    return blob_note(out, name, err);
}

static enum gm_status program_put(struct gm_composed *out, const struct gm_program *program,
                                  struct gm_hash *name, struct gm_error *err)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_PROGRAM_ENCODED_MAX);
    enum gm_status status = gm_program_encode(program, &bytes);
    if (status != GM_OK)
        (void)gm_error_set(err, status, "a program is too long to be sent");
    else
        status = bytes_put(out, gm_buf_view(&bytes), name, err);
    gm_buf_fini(&bytes);
    return status;
}

/* A tensor in memory as a blob in tile order. */
static enum gm_status tensor_put(struct gm_composed *out, const struct gm_tensor_desc *desc,
                                 const void *data, struct gm_hash *root, struct gm_error *err)
{
    struct gm_tile_layout layout;
    struct gm_blob_writer *writer;
    GM_TRY(gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype), desc->rank,
                               desc->dims, err));
    uint8_t *piece = gm_mem_new(PUT_BYTES, 1);
    if (piece == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    enum gm_status status = gm_blob_writer_new(out->store, &writer, err);
    if (status != GM_OK) {
        gm_mem_free(piece);
        return status;
    }
    for (uint64_t at = 0; at < layout.blob_bytes && status == GM_OK; at += PUT_BYTES) {
        uint64_t left = layout.blob_bytes - at;
        size_t size = left < PUT_BYTES ? (size_t)left : PUT_BYTES;
        gm_tile_pack(&layout, data, at, piece, size);
        status = gm_blob_writer_write(writer, piece, size, err);
    }
    gm_mem_free(piece);
    if (status != GM_OK) {
        gm_blob_writer_discard(writer);
        return status;
    }
    GM_TRY(gm_blob_writer_commit(writer, root, err));
    return blob_note(out, root, err);
}

/* ---- data ---- */

static enum gm_status data_import(struct gm_composed *out, struct gm_error *err)
{
    const struct gm_job *job = out->job;
    const struct gm_job_data *data = &job->data;
    struct gm_dataset_needs needs = {
        .vocab = out->model->vocab,
        .x = gm_model_x_desc(out->model, job->train.batch, job->train.seq),
        .y = gm_model_y_desc(out->model, job->train.batch, job->train.seq),
    };
    char *path = gm_job_path(job, data->kind == GM_DATA_ARRAYS ? data->x : data->path);
    char *y_path = data->kind == GM_DATA_ARRAYS ? gm_job_path(job, data->y) : NULL;
    enum gm_status status;
    if (path == NULL || (data->kind == GM_DATA_ARRAYS && y_path == NULL))
        status = gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    else if (data->kind == GM_DATA_BYTES)
        status = gm_dataset_import_bytes(out->store, path, &out->dataset, err);
    else if (data->kind == GM_DATA_TOKENS)
        status = gm_dataset_import_tokens(out->store, path, &needs, &out->dataset, err);
    else
        status = gm_dataset_import_arrays(out->store, path, y_path, &needs, &out->dataset, err);
    gm_mem_free(path);
    gm_mem_free(y_path);
    if (status != GM_OK)
        return status;
    for (uint32_t i = 0; i < out->dataset.field_count; i++)
        GM_TRY(blob_note(out, &out->dataset.fields[i].root, err));
    return GM_OK;
}

static enum gm_status slices_make(struct gm_composed *out, struct gm_error *err)
{
    const struct gm_job_train *train = &out->job->train;
    struct gm_recipe *recipe = &out->recipe;
    struct gm_split split;
    uint64_t samples = gm_dataset_sample_count(&out->dataset, train->seq);
    GM_TRY(gm_split_make(samples, out->job->data.validation, train->batch, &split, err));
    uint64_t rows = train->batch / train->shards * train->eval_batches;
    if (rows > split.validation_count)
        rows = split.validation_count;
    for (uint32_t field = 0; field < GM_RECIPE_DATA_FIELDS; field++) {
        recipe->train[field] =
            gm_dataset_slice(&out->dataset, &split, train->seq, false, field, train->seed);
        recipe->evaluate[field] =
            gm_dataset_slice(&out->dataset, &split, train->seq, rows > 0, field, train->seed);
        recipe->evaluate[field].count = rows > 0 ? rows : 1;
    }
    recipe->evaluate_every = rows > 0 ? (uint32_t)train->eval_every : 0;
    return GM_OK;
}

/* ---- weights ---- */

static enum gm_status weights_put(struct gm_composed *out, const struct gm_weights *weights,
                                  struct gm_error *err)
{
    const struct gm_model *model = out->model;
    for (uint32_t i = 0; i < model->param_count; i++) {
        const struct gm_tensor_desc *desc = &model->params[i].desc;
        float *data = gm_mem_new(gm_tensor_count(desc), sizeof *data);
        if (data == NULL)
            return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", model->params[i].name);
        enum gm_status status = gm_weights_read(weights, i, data, err);
        if (status == GM_OK)
            status = tensor_put(out, desc, data, &out->recipe.given[i], err);
        gm_mem_free(data);
        if (status != GM_OK)
            return status;
    }
    return GM_OK;
}

static enum gm_status weights_import(struct gm_composed *out, struct gm_error *err)
{
    if (out->job->model.weights == NULL)
        return GM_OK;
    struct gm_weights *weights;
    char *path = gm_job_path(out->job, out->job->model.weights);
    out->recipe.given = gm_mem_new(out->model->param_count, sizeof *out->recipe.given);
    if (path == NULL || out->recipe.given == NULL) {
        gm_mem_free(path);
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    }
    out->recipe.given_count = out->model->param_count;
    enum gm_status status = gm_weights_open(out->model, path, &weights, err);
    gm_mem_free(path);
    if (status != GM_OK)
        return status;
    status = weights_put(out, weights, err);
    gm_weights_close(weights);
    return status;
}

/* ---- programs ---- */

/* The widest reduction whose task, which names every operand's tensors, still fits a message. */
static uint32_t fanin_choose(const struct gm_composed *out)
{
    uint32_t tensors = out->model->param_count + GM_OUTPUT_GRADIENTS;
    uint32_t fanin = GM_RECIPE_FANIN;
    while (fanin > 2 &&
           (uint64_t)fanin * tensors * TASK_INPUT_BYTES + TASK_HEAD_BYTES > GM_TASK_ENCODED_MAX)
        fanin /= 2;
    return fanin;
}

static enum gm_status reductions_make(struct gm_composed *out, struct gm_error *err)
{
    struct gm_recipe *recipe = &out->recipe;
    for (uint32_t level = 1; level <= gm_graph_levels(recipe); level++) {
        for (uint32_t i = 0; i < gm_graph_width(recipe, level); i++) {
            uint32_t first;
            uint32_t count;
            gm_graph_operands(recipe, (struct gm_task_id){GM_TASK_REDUCE, 0, level, i}, &first,
                              &count);
            if (count < 2 || out->programs.reduce[count] != NULL)
                continue;
            GM_TRY(gm_train_reduce_program(out->model, count, &out->programs.reduce[count], err));
            GM_TRY(program_put(out, out->programs.reduce[count], &recipe->reduce_programs[count],
                               err));
        }
    }
    return GM_OK;
}

static enum gm_status programs_make(struct gm_composed *out, struct gm_error *err)
{
    const struct gm_job_train *train = &out->job->train;
    const struct gm_model *model = out->model;
    struct gm_recipe *recipe = &out->recipe;
    struct gm_recipe_programs *programs = &out->programs;
    GM_TRY(gm_train_init_program(model, train->update.optimizer.kind, recipe->given_count > 0,
                                 &programs->init, err));
    GM_TRY(gm_train_grad_program(model, train->batch / train->shards, train->seq,
                                 &programs->gradient, err));
    GM_TRY(gm_train_update_program(model, &train->update, &programs->update, err));
    GM_TRY(program_put(out, programs->init, &recipe->init_program, err));
    GM_TRY(program_put(out, programs->gradient, &recipe->gradient_program, err));
    GM_TRY(program_put(out, programs->update, &recipe->update_program, err));
    if (recipe->evaluate_every > 0) {
        GM_TRY(gm_train_eval_program(model, recipe->evaluate[0].count, train->seq,
                                     &programs->evaluate, err));
        GM_TRY(program_put(out, programs->evaluate, &recipe->evaluate_program, err));
    }
    return reductions_make(out, err);
}

/* ---- recipe ---- */

enum { CHECKPOINTS_PER_JOB = 20 };

static void numbers_set(struct gm_composed *out)
{
    const struct gm_job *job = out->job;
    struct gm_recipe *recipe = &out->recipe;
    (void)snprintf(recipe->name, sizeof recipe->name, "%s", job->name);
    recipe->seed = job->model.init_seed;
    recipe->step_count = (uint32_t)job->train.steps;
    recipe->shard_count = (uint32_t)job->train.shards;
    recipe->samples_per_step = (uint32_t)job->train.batch;
    recipe->param_count = out->model->param_count;
    recipe->fanin = fanin_choose(out);
    recipe->state_count =
        out->model->param_count * (1 + gm_optimizer_state_count(job->train.update.optimizer.kind));
    recipe->checkpoint_every = recipe->step_count / CHECKPOINTS_PER_JOB + 1;
    recipe->tokens_per_sample = job->train.seq > 0 ? (uint32_t)job->train.seq : 1;
    recipe->replay_ppm = (uint32_t)(job->verify.replay * GM_PPM);
    recipe->replicate_ppm = (uint32_t)(job->verify.replicate * GM_PPM);
}

static enum gm_status recipe_put(struct gm_composed *out, struct gm_error *err)
{
    struct gm_buf bytes;
    const char *config = out->model->config_text;
    GM_TRY(bytes_put(out, (struct gm_bytes){(const uint8_t *)config, strlen(config)},
                     &out->recipe.config, err));
    GM_TRY(gm_recipe_check(&out->recipe, err));
    gm_buf_init(&bytes, GM_RECIPE_ENCODED_MAX);
    enum gm_status status = gm_recipe_encode(&out->recipe, &bytes);
    if (status != GM_OK)
        (void)gm_error_set(err, status, "the recipe is too long");
    else
        status = bytes_put(out, gm_buf_view(&bytes), &out->recipe_name, err);
    gm_buf_fini(&bytes);
    return status;
}

static enum gm_status compose(const char *job_path, struct gm_composed *out, struct gm_error *err)
{
    GM_TRY(gm_job_load(job_path, &out->job, err));
    GM_TRY(gm_job_model_load(out->job, &out->model, err));
    numbers_set(out);
    GM_TRY(data_import(out, err));
    GM_TRY(slices_make(out, err));
    GM_TRY(weights_import(out, err));
    GM_TRY(programs_make(out, err));
    return recipe_put(out, err);
}

enum gm_status gm_compose(const char *job_path, struct gm_blob_store *store,
                          struct gm_composed *out, struct gm_error *err)
{
    *out = (struct gm_composed){.store = store};
    enum gm_status status = compose(job_path, out, err);
    if (status != GM_OK)
        gm_composed_fini(out);
    return status;
}

void gm_composed_fini(struct gm_composed *composed)
{
    /* The data set releases its own blobs. */
    for (size_t i = 0; i < composed->blob_count; i++) {
        bool data = false;
        for (uint32_t f = 0; f < composed->dataset.field_count; f++)
            data = data || gm_hash_equal(&composed->blobs[i], &composed->dataset.fields[f].root);
        if (!data)
            gm_blob_store_release(composed->store, &composed->blobs[i]);
    }
    gm_mem_free(composed->blobs);
    gm_dataset_fini(&composed->dataset);
    gm_recipe_programs_fini(&composed->programs);
    gm_recipe_fini(&composed->recipe);
    gm_model_free(composed->model);
    gm_job_free(composed->job);
    *composed = (struct gm_composed){0};
}

uint64_t gm_composed_state_bytes(const struct gm_composed *composed)
{
    uint64_t per_param = composed->recipe.state_count / composed->recipe.param_count;
    return gm_model_size_bytes(composed->model) * per_param;
}
