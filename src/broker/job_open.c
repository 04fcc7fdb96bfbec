#include <string.h>

#include "base/mem.h"
#include "broker/job.h"
#include "core/plan.h"
#include "trust/token.h"

static enum gm_status blob_check(const struct gm_broker *broker, const struct gm_hash *root,
                                 const char *what, struct gm_error *err)
{
    char hex[GM_HASH_HEX_SIZE];
    if (!broker->config.blobs.has(broker->config.blobs.ctx, root))
        return gm_error_set(err, GM_NOT_FOUND, "%s %s is not stored here", what,
                            gm_hash_hex(hex, root));
    return GM_OK;
}

static enum gm_status data_check(const struct gm_broker *broker, const struct gm_recipe *recipe,
                                 struct gm_error *err)
{
    for (int i = 0; i < GM_RECIPE_DATA_FIELDS; i++) {
        GM_TRY(blob_check(broker, &recipe->train[i].root, "data set", err));
        if (recipe->evaluate_every != 0)
            GM_TRY(blob_check(broker, &recipe->evaluate[i].root, "data set", err));
    }
    for (uint32_t i = 0; i < recipe->given_count; i++)
        GM_TRY(blob_check(broker, &recipe->given[i], "tensor", err));
    return GM_OK;
}

/* Arena, inputs and outputs: what a worker needs to run the program. */
static enum gm_status memory_add(struct gm_broker_job *job, enum gm_task_kind kind,
                                 const struct gm_program *program, struct gm_error *err)
{
    struct gm_plan *plan;
    if (program == NULL)
        return GM_OK;
    GM_TRY(gm_plan_new(program, false, &plan, err));
    uint64_t bytes = plan->arena_bytes + plan->input_bytes + plan->output_bytes;
    gm_plan_free(plan);
    if (bytes > job->memory_bytes[kind])
        job->memory_bytes[kind] = bytes;
    return GM_OK;
}

static enum gm_status memory_find(struct gm_broker_job *job, struct gm_error *err)
{
    const struct gm_recipe_programs *programs = &job->programs;
    GM_TRY(memory_add(job, GM_TASK_INIT, programs->init, err));
    GM_TRY(memory_add(job, GM_TASK_GRADIENT, programs->gradient, err));
    for (int i = 0; i <= GM_RECIPE_FANIN; i++)
        GM_TRY(memory_add(job, GM_TASK_REDUCE, programs->reduce[i], err));
    GM_TRY(memory_add(job, GM_TASK_UPDATE, programs->update, err));
    return memory_add(job, GM_TASK_EVALUATE, programs->evaluate, err);
}

/* Tasks, results and states travel in control messages. */
enum { ROOTS_MAX = (GM_WIRE_CONTROL_BYTES_MAX - GM_TOKEN_BYTES_MAX - 256) / GM_ROOT_BYTES };

static enum gm_status task_fit(const struct gm_broker_job *job, struct gm_task_id id,
                               struct gm_error *err)
{
    const struct gm_program *program = gm_graph_program(&job->recipe, &job->programs, id);
    uint32_t tensor_count = 0;
    for (uint32_t i = 0; i < program->input_count; i++)
        tensor_count += program->inputs[i].source == GM_SOURCE_TENSOR;
    if (program->output_count > ROOTS_MAX)
        return gm_error_set(err, GM_LIMIT, "the %s program has %u outputs, at most %d",
                            gm_task_kind_name(id.kind), program->output_count, ROOTS_MAX);
    struct gm_hash *roots = gm_mem_new(tensor_count, sizeof *roots);
    struct gm_task task;
    struct gm_buf bytes;
    if (roots == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for a task");
    enum gm_status status =
        gm_graph_task(&job->recipe, &job->programs, id, roots, tensor_count, &task);
    gm_mem_free(roots);
    if (status != GM_OK)
        return gm_error_set(err, status, "the %s program does not fit the recipe",
                            gm_task_kind_name(id.kind));
    gm_buf_init(&bytes, GM_TASK_ENCODED_MAX);
    status = gm_task_encode(&task, &bytes);
    if (status == GM_OK)
        status = gm_task_check(&task, program, err);
    else
        (void)gm_error_set(err, status, "%s: a task with %u tensors does not fit a message",
                           gm_task_kind_name(id.kind), tensor_count);
    gm_task_fini(&task);
    gm_buf_fini(&bytes);
    return status;
}

/* One task of every program: what does not fit must be refused now, not in the middle of a job. */
static enum gm_status tasks_fit(const struct gm_broker_job *job, struct gm_error *err)
{
    const struct gm_recipe *recipe = &job->recipe;
    bool seen[GM_RECIPE_FANIN + 1] = {false};
    if (recipe->state_count > ROOTS_MAX)
        return gm_error_set(err, GM_LIMIT, "a state of %u tensors, at most %d", recipe->state_count,
                            ROOTS_MAX);
    if (recipe->given_count < recipe->state_count)
        GM_TRY(task_fit(job, (struct gm_task_id){GM_TASK_INIT, 0, 0, 0}, err));
    GM_TRY(task_fit(job, (struct gm_task_id){GM_TASK_GRADIENT, 0, 0, 0}, err));
    GM_TRY(task_fit(job, (struct gm_task_id){GM_TASK_UPDATE, 0, 0, 0}, err));
    if (recipe->evaluate_every != 0)
        GM_TRY(task_fit(job, (struct gm_task_id){GM_TASK_EVALUATE, 0, 0, 0}, err));
    for (uint32_t level = 1; level <= gm_graph_levels(recipe); level++) {
        for (uint32_t i = 0; i < gm_graph_width(recipe, level); i++) {
            struct gm_task_id id = {GM_TASK_REDUCE, 0, level, i};
            uint32_t first;
            uint32_t count;
            gm_graph_operands(recipe, id, &first, &count);
            if (count > 1 && !seen[count])
                GM_TRY(task_fit(job, id, err));
            seen[count] = true;
        }
    }
    return GM_OK;
}

enum gm_status gm_broker_job_open(const struct gm_broker *broker, struct gm_broker_job *job,
                                  struct gm_error *err)
{
    const struct gm_blob_lookup *lookup = &broker->config.blobs.lookup;
    struct gm_bytes bytes;
    GM_TRY(lookup->bytes(lookup->ctx, &job->recipe_root, &bytes, err));
    GM_TRY(gm_recipe_decode(bytes, &job->recipe, err));
    enum gm_status status = gm_recipe_programs_load(&job->recipe, lookup, &job->programs, err);
    if (status != GM_OK) {
        gm_recipe_fini(&job->recipe);
        return status;
    }
    job->loaded = true;
    GM_TRY(tasks_fit(job, err));
    GM_TRY(memory_find(job, err));
    return data_check(broker, &job->recipe, err);
}
