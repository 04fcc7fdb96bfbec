#include <assert.h>

#include "base/mem.h"
#include "broker/job.h"
#include "broker/table.h"

static void roots_visit(const struct gm_hash *roots, size_t count, gm_broker_visit visit, void *ctx)
{
    for (size_t i = 0; i < count; i++)
        visit(ctx, &roots[i]);
}

/* An accepted result below a reduction or an update: it is there, or the task would not be. */
static void result_visit(const struct gm_broker_job *job, uint32_t step, uint32_t level,
                         uint32_t index, gm_broker_visit visit, void *ctx)
{
    const struct gm_broker_task *task =
        gm_broker_task_find(job, gm_graph_result(&job->recipe, step, level, index));
    if (task != NULL && task->state == GM_BROKER_ACCEPTED)
        roots_visit(task->roots, task->root_count, visit, ctx);
}

void gm_broker_task_tensors(const struct gm_broker_job *job, struct gm_task_id id,
                            gm_broker_visit visit, void *ctx)
{
    const struct gm_recipe *recipe = &job->recipe;
    const struct gm_broker_kept *state = gm_broker_kept_find(job, id.step);
    switch (id.kind) {
    case GM_TASK_INIT:
        return;
    case GM_TASK_GRADIENT:
    case GM_TASK_EVALUATE:
        if (state != NULL)
            roots_visit(state->roots, recipe->param_count, visit, ctx);
        return;
    case GM_TASK_REDUCE: {
        uint32_t first;
        uint32_t count;
        gm_graph_operands(recipe, id, &first, &count);
        for (uint32_t i = first; i < first + count; i++)
            result_visit(job, id.step, id.level - 1, i, visit, ctx);
        return;
    }
    case GM_TASK_UPDATE:
        if (state != NULL)
            roots_visit(state->roots, recipe->state_count, visit, ctx);
        result_visit(job, id.step, gm_graph_levels(recipe), 0, visit, ctx);
        return;
    }
}

void gm_broker_task_files(const struct gm_broker_job *job, struct gm_task_id id,
                          gm_broker_visit visit, void *ctx)
{
    visit(ctx, gm_graph_program_name(&job->recipe, id));
    for (int i = 0; i < GM_RECIPE_DATA_FIELDS; i++) {
        if (id.kind == GM_TASK_GRADIENT)
            visit(ctx, &job->recipe.train[i].root);
        if (id.kind == GM_TASK_EVALUATE)
            visit(ctx, &job->recipe.evaluate[i].root);
    }
}

struct collector {
    struct gm_hash *roots; /* NULL: count only */
    size_t count;
};

static void collect(void *ctx, const struct gm_hash *root)
{
    struct collector *collector = ctx;
    if (collector->roots != NULL)
        collector->roots[collector->count] = *root;
    collector->count++;
}

enum gm_status gm_broker_task_build(const struct gm_broker_job *job, struct gm_task_id id,
                                    struct gm_task *out)
{
    struct collector collector = {NULL, 0};
    gm_broker_task_tensors(job, id, collect, &collector);
    collector.roots = gm_mem_new(collector.count, sizeof *collector.roots);
    if (collector.roots == NULL)
        return GM_NO_MEMORY;
    collector.count = 0;
    gm_broker_task_tensors(job, id, collect, &collector);
    enum gm_status status =
        gm_graph_task(&job->recipe, &job->programs, id, collector.roots, collector.count, out);
    gm_mem_free(collector.roots);
    return status;
}
