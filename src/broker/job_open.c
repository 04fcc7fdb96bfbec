#include <string.h>

#include "broker/job.h"
#include "core/plan.h"

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
    GM_TRY(memory_find(job, err));
    return data_check(broker, &job->recipe, err);
}
