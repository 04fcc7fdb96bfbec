#include "cli/local.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/file_hash.h"

/* ---- what the executor reads from ---- */

static enum gm_status program_read(void *ctx, const struct gm_hash *name, struct gm_buf *out,
                                   struct gm_error *err)
{
    struct gm_local *local = ctx;
    uint64_t size_bytes;
    if (!gm_blob_store_has(local->store, name, &size_bytes))
        return gm_error_set(err, GM_NOT_FOUND, "a program of the job is not there");
    uint8_t *room = gm_buf_extend(out, size_bytes);
    if (room == NULL)
        return gm_error_set(err, out->status, "a program: not enough memory");
    return gm_blob_store_read(local->store, name, 0, room, size_bytes, err);
}

static enum gm_status blob_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    struct gm_local *local = ctx;
    return gm_blob_store_read(local->store, root, offset_bytes, out, size_bytes, err);
}

/* ---- life ---- */

enum gm_status gm_local_new(const struct gm_composed *composed, struct gm_device *device,
                            struct gm_local **out, struct gm_error *err)
{
    struct gm_local *local = gm_mem_new(1, sizeof *local);
    struct gm_hash *state = gm_mem_new(composed->recipe.state_count, sizeof *state);
    enum gm_status status = GM_OK;
    if (local == NULL || state == NULL) {
        status = gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    } else {
        *local = (struct gm_local){.composed = composed,
                                   .store = composed->store,
                                   .state = state,
                                   .loss_first = NAN,
                                   .loss_last = NAN,
                                   .loss_validation = NAN};
        struct gm_task_source source = {
            .ctx = local, .program = program_read, .read = blob_read, .data = blob_read};
        status = gm_executor_new(device, &source, &local->executor, err);
    }
    if (status != GM_OK) {
        gm_mem_free(state);
        gm_mem_free(local);
        return status;
    }
    *out = local;
    return GM_OK;
}

void gm_local_free(struct gm_local *local)
{
    if (local == NULL)
        return;
    gm_executor_free(local->executor);
    gm_mem_free(local->state);
    gm_mem_free(local);
}

const struct gm_tensor_desc *gm_local_state_desc(const struct gm_local *local, uint32_t index)
{
    const struct gm_program *update = local->composed->programs.update;
    return &update->values[update->outputs[index].value];
}

static void state_release(struct gm_local *local)
{
    for (uint32_t i = 0; local->state_held && i < local->composed->recipe.state_count; i++)
        gm_executor_release(local->executor, &local->state[i], gm_local_state_desc(local, i));
    local->state_held = false;
}

/* Holds tensors that the executor keeps already. */
static enum gm_status state_hold(struct gm_local *local, struct gm_error *err)
{
    for (uint32_t i = 0; i < local->composed->recipe.state_count; i++) {
        if (gm_executor_hold(local->executor, &local->state[i], gm_local_state_desc(local, i)) ==
            GM_OK)
            continue;
        while (i-- > 0)
            gm_executor_release(local->executor, &local->state[i], gm_local_state_desc(local, i));
        return gm_error_set(err, GM_NO_MEMORY, "the state does not fit the device's memory");
    }
    local->state_held = true;
    return GM_OK;
}

/* ---- tasks ---- */

static enum gm_status task_run(struct gm_local *local, struct gm_task_id id,
                               const struct gm_hash *tensors, size_t tensor_count,
                               struct gm_task_result *out, struct gm_error *err)
{
    struct gm_task task;
    enum gm_status status = gm_graph_task(&local->composed->recipe, &local->composed->programs, id,
                                          tensors, tensor_count, &task);
    if (status != GM_OK)
        return gm_error_set(err, status, "step %u: the %s task cannot be made", id.step,
                            gm_task_kind_name(id.kind));
    status = gm_executor_run(local->executor, &task, out, err);
    gm_task_fini(&task);
    if (status != GM_OK)
        return gm_error_at(err, status, "step %u: %s", id.step, gm_task_kind_name(id.kind));
    if (out->diverged) {
        (void)gm_error_set(err, GM_DIVERGED, "step %u: the %s holds NaN or infinity in output %u",
                           id.step, gm_task_kind_name(id.kind), out->bad_output);
        gm_task_result_drop(local->executor, out);
        return GM_DIVERGED;
    }
    return GM_OK;
}

enum gm_status gm_local_start(struct gm_local *local, struct gm_error *err)
{
    const struct gm_recipe *recipe = &local->composed->recipe;
    struct gm_task_result result = {0};
    uint32_t loaded = 0;
    enum gm_status status = GM_OK;
    for (; loaded < recipe->given_count && status == GM_OK; loaded++) {
        local->state[loaded] = recipe->given[loaded];
        status = gm_executor_load(local->executor, &local->state[loaded],
                                  gm_local_state_desc(local, loaded), err);
    }
    if (status != GM_OK)
        loaded--; /* the last one is not held */
    else
        status = task_run(local, (struct gm_task_id){.kind = GM_TASK_INIT}, NULL, 0, &result, err);
    for (uint32_t i = 0; i < result.output_count; i++)
        local->state[recipe->given_count + i] = result.outputs[i].root;
    if (status == GM_OK)
        status = state_hold(local, err);
    /* The state holds its tensors itself now. */
    for (uint32_t i = 0; i < loaded; i++)
        gm_executor_release(local->executor, &local->state[i], gm_local_state_desc(local, i));
    gm_task_result_drop(local->executor, &result);
    local->step = 0;
    return status;
}

/* ---- a step ---- */

/* The results of one level of the tree, which are dropped when the next one is there. */
struct level {
    uint32_t count;
    struct gm_task_result *results;
};

static void level_drop(struct gm_local *local, struct level *level)
{
    for (uint32_t i = 0; level->results != NULL && i < level->count; i++)
        gm_task_result_drop(local->executor, &level->results[i]);
    gm_mem_free(level->results);
    *level = (struct level){0};
}

static enum gm_status gradients_run(struct gm_local *local, struct level *level,
                                    struct gm_error *err)
{
    const struct gm_recipe *recipe = &local->composed->recipe;
    for (uint32_t i = 0; i < level->count; i++) {
        struct gm_task_id id = {GM_TASK_GRADIENT, local->step, 0, i};
        GM_TRY(task_run(local, id, local->state, recipe->param_count, &level->results[i], err));
    }
    return GM_OK;
}

static enum gm_status reduction_run(struct gm_local *local, struct gm_task_id id,
                                    struct level *below, struct gm_task_result *out,
                                    struct gm_error *err)
{
    uint32_t first;
    uint32_t count;
    gm_graph_operands(&local->composed->recipe, id, &first, &count);
    if (count == 1) {
        *out = below->results[first];
        below->results[first] = (struct gm_task_result){0};
        return GM_OK;
    }
    uint32_t outputs = local->composed->recipe.param_count + GM_OUTPUT_GRADIENTS;
    struct gm_hash *tensors = gm_mem_new((size_t)count * outputs, sizeof *tensors);
    if (tensors == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t j = 0; j < outputs; j++)
            tensors[(size_t)k * outputs + j] = below->results[first + k].outputs[j].root;
    }
    enum gm_status status = task_run(local, id, tensors, (size_t)count * outputs, out, err);
    gm_mem_free(tensors);
    return status;
}

static enum gm_status level_new(struct level *level, uint32_t count, struct gm_error *err)
{
    level->count = count;
    level->results = gm_mem_new(count, sizeof *level->results);
    return level->results != NULL ? GM_OK : gm_error_set(err, GM_NO_MEMORY, "not enough memory");
}

/* From the gradients of all shards to one result, level by level. */
static enum gm_status gradients_reduce(struct gm_local *local, struct level *level,
                                       struct gm_error *err)
{
    const struct gm_recipe *recipe = &local->composed->recipe;
    for (uint32_t depth = 1; depth <= gm_graph_levels(recipe); depth++) {
        struct level above;
        enum gm_status status = level_new(&above, gm_graph_width(recipe, depth), err);
        for (uint32_t i = 0; status == GM_OK && i < above.count; i++)
            status =
                reduction_run(local, (struct gm_task_id){GM_TASK_REDUCE, local->step, depth, i},
                              level, &above.results[i], err);
        level_drop(local, level);
        *level = above;
        if (status != GM_OK)
            return status;
    }
    return GM_OK;
}

static enum gm_status scalar_read(struct gm_local *local, const struct gm_task_output *output,
                                  void *out, struct gm_error *err)
{
    return gm_executor_get(local->executor, &output->root, &output->desc, out, err);
}

static enum gm_status update_run(struct gm_local *local, const struct gm_task_result *reduced,
                                 struct gm_error *err)
{
    const struct gm_recipe *recipe = &local->composed->recipe;
    size_t count = (size_t)recipe->state_count + reduced->output_count;
    struct gm_hash *tensors = gm_mem_new(count, sizeof *tensors);
    struct gm_task_result result;
    if (tensors == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    memcpy(tensors, local->state, recipe->state_count * sizeof *tensors);
    for (uint32_t j = 0; j < reduced->output_count; j++)
        tensors[recipe->state_count + j] = reduced->outputs[j].root;
    enum gm_status status = task_run(local, (struct gm_task_id){GM_TASK_UPDATE, local->step, 0, 0},
                                     tensors, count, &result, err);
    gm_mem_free(tensors);
    if (status != GM_OK)
        return status;

    status = scalar_read(local, &result.outputs[recipe->state_count + GM_UPDATE_MEAN_LOSS],
                         &local->loss_last, err);
    if (status == GM_OK) {
        state_release(local);
        for (uint32_t i = 0; i < recipe->state_count; i++)
            local->state[i] = result.outputs[i].root;
        status = state_hold(local, err);
    }
    gm_task_result_drop(local->executor, &result);
    return status;
}

enum gm_status gm_local_gradients(struct gm_local *local, struct gm_task_result *out,
                                  struct gm_error *err)
{
    struct level level;
    enum gm_status status = level_new(&level, local->composed->recipe.shard_count, err);
    if (status == GM_OK)
        status = gradients_run(local, &level, err);
    if (status == GM_OK)
        status = gradients_reduce(local, &level, err);
    if (status == GM_OK) {
        *out = level.results[0];
        level.results[0] = (struct gm_task_result){0};
    }
    level_drop(local, &level);
    return status;
}

enum gm_status gm_local_step(struct gm_local *local, struct gm_error *err)
{
    struct gm_task_result reduced;
    GM_TRY(gm_local_gradients(local, &reduced, err));
    enum gm_status status = update_run(local, &reduced, err);
    gm_task_result_drop(local->executor, &reduced);
    if (status != GM_OK)
        return status;
    if (local->step == 0)
        local->loss_first = local->loss_last;
    local->step++;
    return GM_OK;
}

enum gm_status gm_local_evaluate(struct gm_local *local, struct gm_error *err)
{
    struct gm_task_result result;
    uint32_t count = 0;
    float loss = 0;
    GM_TRY(task_run(local, (struct gm_task_id){GM_TASK_EVALUATE, local->step, 0, 0}, local->state,
                    local->composed->recipe.param_count, &result, err));
    enum gm_status status = scalar_read(local, &result.outputs[GM_OUTPUT_LOSS], &loss, err);
    if (status == GM_OK)
        status = scalar_read(local, &result.outputs[GM_OUTPUT_COUNT], &count, err);
    if (status == GM_OK)
        local->loss_validation = count > 0 ? loss / (float)count : NAN;
    gm_task_result_drop(local->executor, &result);
    return status;
}

/* ---- results ---- */

static enum gm_status params_write(struct gm_local *local, struct gm_safetensors_writer *writer,
                                   struct gm_error *err)
{
    for (uint32_t i = 0; i < local->composed->recipe.param_count; i++) {
        const struct gm_tensor_desc *desc = gm_local_state_desc(local, i);
        uint64_t size_bytes = gm_tensor_size_bytes(desc);
        void *data = gm_mem_new(size_bytes, 1);
        if (data == NULL)
            return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
        enum gm_status status = gm_executor_get(local->executor, &local->state[i], desc, data, err);
        if (status == GM_OK)
            status = gm_safetensors_writer_write(writer, data, size_bytes, err);
        gm_mem_free(data);
        if (status != GM_OK)
            return status;
    }
    return GM_OK;
}

enum gm_status gm_local_write_model(struct gm_local *local, const char *path, struct gm_hash *name,
                                    struct gm_error *err)
{
    struct gm_safetensors_writer *writer;
    GM_TRY(gm_weights_writer_new(local->composed->model, path, &writer, err));
    enum gm_status status = params_write(local, writer, err);
    if (status != GM_OK) {
        gm_safetensors_writer_discard(writer);
        return status;
    }
    GM_TRY(gm_safetensors_writer_commit(writer, err));
    return gm_file_hash(path, name, err);
}

static uint64_t outputs_bytes(const struct gm_program *program)
{
    uint64_t bytes = 0;
    for (uint32_t j = 0; j < program->output_count; j++)
        bytes += gm_tensor_size_bytes(&program->values[program->outputs[j].value]);
    return bytes;
}

static uint64_t inputs_bytes(const struct gm_program *program, enum gm_source source)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < program->input_count; i++) {
        if (program->inputs[i].source == source)
            bytes += gm_tensor_size_bytes(&program->inputs[i].desc);
    }
    return bytes;
}

/* What is held while gradients gather, and while the state is replaced. */
static uint64_t tensors_peak(const struct gm_composed *composed)
{
    const struct gm_recipe_programs *programs = &composed->programs;
    uint64_t gradients = outputs_bytes(programs->gradient);
    uint64_t gathering =
        gm_composed_state_bytes(composed) +
        gradients * (composed->recipe.shard_count + (composed->recipe.shard_count > 1 ? 1 : 0));
    uint64_t updating =
        inputs_bytes(programs->update, GM_SOURCE_TENSOR) + outputs_bytes(programs->update);
    return gathering > updating ? gathering : updating;
}

static enum gm_status program_memory(struct gm_local *local, const struct gm_hash *name,
                                     const struct gm_program *program, struct gm_local_memory *out,
                                     struct gm_error *err)
{
    struct gm_exec_memory memory;
    if (program == NULL)
        return GM_OK;
    GM_TRY(gm_executor_memory(local->executor, name, &memory, err));
    out->arena_bytes += memory.arena_bytes;
    out->overhead_bytes += memory.overhead_bytes + 2 * inputs_bytes(program, GM_SOURCE_DATA);
    return GM_OK;
}

enum gm_status gm_local_memory(struct gm_local *local, struct gm_local_memory *out,
                               struct gm_error *err)
{
    const struct gm_recipe *recipe = &local->composed->recipe;
    const struct gm_recipe_programs *programs = &local->composed->programs;
    *out = (struct gm_local_memory){.tensor_bytes = tensors_peak(local->composed)};
    GM_TRY(program_memory(local, &recipe->gradient_program, programs->gradient, out, err));
    GM_TRY(program_memory(local, &recipe->update_program, programs->update, out, err));
    GM_TRY(program_memory(local, &recipe->evaluate_program, programs->evaluate, out, err));
    for (uint32_t k = 2; k <= GM_RECIPE_FANIN; k++)
        GM_TRY(program_memory(local, &recipe->reduce_programs[k], programs->reduce[k], out, err));
    return GM_OK;
}
