#include <string.h>

#include "broker/job.h"
#include "broker/lease.h"
#include "broker/requester.h"
#include "broker/table.h"
#include "core/tensor.h"
#include "trust/tile.h"

/* Looks for one root among those visited. */
struct search {
    const struct gm_hash *root;
    bool found;
};

static void search_visit(void *ctx, const struct gm_hash *root)
{
    struct search *search = ctx;
    search->found = search->found || gm_hash_equal(search->root, root);
}

/* What a job was submitted with. */
static void job_files(const struct gm_broker_job *job, gm_broker_visit visit, void *ctx)
{
    visit(ctx, &job->recipe_root);
    if (!job->loaded)
        return;
    const struct gm_recipe *recipe = &job->recipe;
    visit(ctx, &recipe->config);
    const struct gm_recipe_programs *programs = &job->programs;
    if (programs->init != NULL)
        visit(ctx, &recipe->init_program);
    visit(ctx, &recipe->gradient_program);
    for (int i = 0; i <= GM_RECIPE_FANIN; i++) {
        if (programs->reduce[i] != NULL)
            visit(ctx, &recipe->reduce_programs[i]);
    }
    visit(ctx, &recipe->update_program);
    if (programs->evaluate != NULL)
        visit(ctx, &recipe->evaluate_program);
}

/* What only a running job needs. */
static void job_data(const struct gm_broker_job *job, gm_broker_visit visit, void *ctx)
{
    const struct gm_recipe *recipe = &job->recipe;
    for (int i = 0; i < GM_RECIPE_DATA_FIELDS; i++) {
        visit(ctx, &recipe->train[i].root);
        if (recipe->evaluate_every != 0)
            visit(ctx, &recipe->evaluate[i].root);
    }
    for (uint32_t i = 0; i < recipe->given_count; i++)
        visit(ctx, &recipe->given[i]);
}

static void job_states(const struct gm_broker_job *job, gm_broker_visit visit, void *ctx)
{
    for (size_t i = 0; i < job->kept_count; i++) {
        for (uint32_t j = 0; j < job->kept[i]->root_count; j++)
            visit(ctx, &job->kept[i]->roots[j]);
    }
}

bool gm_broker_may_read(const struct gm_broker *broker, const struct gm_key_public *key,
                        const struct gm_hash *root)
{
    struct search search = {root, false};
    for (size_t i = 0; i < broker->lease_count && !search.found; i++) {
        const struct gm_broker_lease *lease = broker->leases[i];
        if (lease->state != GM_BROKER_LEASE_LIVE || !gm_key_public_equal(&lease->key, key))
            continue;
        const struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
        if (job == NULL || job->state != GM_JOB_RUNNING || !job->loaded)
            continue;
        gm_broker_task_files(job, lease->task, search_visit, &search);
        gm_broker_task_tensors(job, lease->task, search_visit, &search);
    }
    for (size_t i = 0; i < broker->job_count && !search.found; i++) {
        const struct gm_broker_job *job = broker->jobs[i];
        if (!gm_key_public_equal(&job->owner, key))
            continue;
        job_files(job, search_visit, &search);
        job_states(job, search_visit, &search);
        if (job->loaded)
            job_data(job, search_visit, &search);
    }
    return search.found;
}

/* The size of an output's blob, as the program has it. */
static bool size_fits(const struct gm_program *program, uint32_t output, uint64_t size_bytes)
{
    struct gm_tile_layout layout;
    const struct gm_tensor_desc *desc = &program->values[program->outputs[output].value];
    return gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype), desc->rank,
                               desc->dims, NULL) == GM_OK &&
           layout.blob_bytes == size_bytes;
}

static enum gm_status output_write(const struct gm_broker *broker,
                                   const struct gm_broker_lease *lease, const struct gm_hash *root,
                                   uint64_t size_bytes)
{
    const struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    const struct gm_broker_task *task = job == NULL ? NULL : gm_broker_task_find(job, lease->task);
    if (task == NULL || !job->loaded || !gm_broker_id_equal(&task->lease, &lease->id))
        return GM_STALE;
    const struct gm_program *program = gm_graph_program(&job->recipe, &job->programs, lease->task);
    for (uint32_t i = 0; i < task->root_count; i++) {
        if (gm_hash_equal(&task->roots[i], root) && size_fits(program, i, size_bytes))
            return GM_OK;
    }
    return GM_REFUSED;
}

enum gm_status gm_broker_may_write(const struct gm_broker *broker, const struct gm_key_public *key,
                                   const struct gm_hash *root, uint64_t size_bytes,
                                   const uint8_t lease_id[static GM_ID_BYTES])
{
    static const struct gm_broker_id none;
    struct gm_broker_id id = gm_broker_id_of(lease_id);
    if (gm_broker_id_equal(&id, &none)) {
        const struct gm_broker_staged *staged = gm_broker_staged_find(broker, key, root);
        return staged != NULL && staged->size_bytes == size_bytes ? GM_OK : GM_REFUSED;
    }
    const struct gm_broker_lease *lease = gm_broker_lease_find(broker, &id);
    if (lease == NULL || !gm_key_public_equal(&lease->key, key))
        return GM_REFUSED;
    switch (lease->state) {
    case GM_BROKER_LEASE_LIVE:
        return GM_REFUSED;
    case GM_BROKER_LEASE_COMMITTED:
        return output_write(broker, lease, root, size_bytes);
    case GM_BROKER_LEASE_DONE:
        return GM_EXISTS;
    case GM_BROKER_LEASE_OVER:
        break;
    }
    return GM_STALE;
}

void gm_broker_live_roots(const struct gm_broker *broker, gm_broker_visit visit, void *ctx)
{
    for (size_t i = 0; i < broker->staged_count; i++)
        visit(ctx, &broker->staged[i]->root);
    for (size_t i = 0; i < broker->job_count; i++) {
        const struct gm_broker_job *job = broker->jobs[i];
        job_files(job, visit, ctx);
        job_states(job, visit, ctx);
        if (job->state != GM_JOB_RUNNING || !job->loaded)
            continue;
        job_data(job, visit, ctx);
        /* Results of the running step. Those of earlier steps that wait for a replay are compared
           by name. */
        for (size_t j = 0; j < job->task_count; j++) {
            const struct gm_broker_task *task = job->tasks[j];
            if (task->id.step != job->step && task->id.kind != GM_TASK_EVALUATE)
                continue;
            for (uint32_t k = 0; k < task->root_count; k++)
                visit(ctx, &task->roots[k]);
        }
    }
}
