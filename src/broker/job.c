#include "broker/job.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/lease.h"
#include "broker/table.h"

static enum gm_status task_ensure(struct gm_broker_job *job, struct gm_task_id id)
{
    struct gm_broker_task *task;
    enum gm_status status = gm_broker_task_add(job, id, &task);
    return status == GM_EXISTS ? GM_OK : status;
}

/* A result that others may build on. On one that diverged nothing is built: the job ends there. */
static bool usable(const struct gm_broker_job *job, struct gm_task_id id)
{
    const struct gm_broker_task *task = gm_broker_task_find(job, id);
    return task != NULL && task->state == GM_BROKER_ACCEPTED && !task->diverged;
}

/* The task that consumes result (level, index): the reduction above it, or the update. */
static struct gm_task_id consumer(const struct gm_recipe *recipe, uint32_t step, uint32_t level,
                                  uint32_t index)
{
    uint32_t levels = gm_graph_levels(recipe);
    while (level < levels) {
        struct gm_task_id reduce = {GM_TASK_REDUCE, step, level + 1, index / recipe->fanin};
        uint32_t first;
        uint32_t count;
        gm_graph_operands(recipe, reduce, &first, &count);
        if (count > 1)
            return reduce;
        level = reduce.level;
        index = reduce.index;
    }
    return (struct gm_task_id){GM_TASK_UPDATE, step, 0, 0};
}

enum gm_status gm_broker_job_follow(struct gm_broker_job *job, const struct gm_broker_task *task)
{
    const struct gm_recipe *recipe = &job->recipe;
    struct gm_task_id next = consumer(recipe, task->id.step, task->id.level, task->id.index);
    if (next.kind == GM_TASK_REDUCE) {
        uint32_t first;
        uint32_t count;
        gm_graph_operands(recipe, next, &first, &count);
        for (uint32_t i = first; i < first + count; i++) {
            if (!usable(job, gm_graph_result(recipe, next.step, next.level - 1, i)))
                return GM_OK;
        }
    }
    return task_ensure(job, next);
}

enum gm_status gm_broker_job_fill(struct gm_broker_job *job)
{
    if (gm_broker_kept_find(job, job->step) == NULL)
        return task_ensure(job, (struct gm_task_id){GM_TASK_INIT, 0, 0, 0});
    if (job->step == job->recipe.step_count)
        return GM_OK;
    for (uint32_t i = 0; i < job->recipe.shard_count; i++)
        GM_TRY(task_ensure(job, (struct gm_task_id){GM_TASK_GRADIENT, job->step, 0, i}));
    /* The list may grow and move under the loop; a task that is added is not accepted yet. */
    for (size_t i = 0; i < job->task_count; i++) {
        const struct gm_broker_task *task = job->tasks[i];
        if (task->id.step == job->step && usable(job, task->id) &&
            (task->id.kind == GM_TASK_GRADIENT || task->id.kind == GM_TASK_REDUCE))
            GM_TRY(gm_broker_job_follow(job, task));
    }
    return GM_OK;
}

/* The state of a new step is there. */
static enum gm_status step_begin(struct gm_broker *broker, struct gm_broker_job *job)
{
    job->touched = true;
    job->dirty = true;
    job->failure[0] = '\0';
    job->step_mono_ms = broker->event->now.mono_ms;
    if (gm_graph_evaluates(&job->recipe, job->step))
        GM_TRY(task_ensure(job, (struct gm_task_id){GM_TASK_EVALUATE, job->step, 0, 0}));
    return gm_broker_job_fill(job);
}

enum gm_status gm_broker_job_begin(struct gm_broker *broker, struct gm_broker_job *job,
                                   const struct gm_hash *made)
{
    const struct gm_recipe *recipe = &job->recipe;
    struct gm_hash *state = gm_mem_new(recipe->state_count, sizeof *state);
    if (state == NULL)
        return GM_NO_MEMORY;
    for (uint32_t i = 0; i < recipe->state_count; i++)
        state[i] = i < recipe->given_count ? recipe->given[i] : made[i - recipe->given_count];
    enum gm_status status = gm_broker_kept_add(job, 0, state, recipe->state_count);
    gm_mem_free(state);
    GM_TRY(status);
    return step_begin(broker, job);
}

static uint32_t loss_read(const struct gm_broker *broker, const struct gm_hash *root)
{
    const struct gm_broker_blobs *blobs = &broker->config.blobs;
    uint32_t bits;
    return blobs->read_word(blobs->ctx, root, &bits) == GM_OK ? bits : UINT32_MAX;
}

static void rate_note(struct gm_broker_job *job, uint64_t now_mono_ms)
{
    uint64_t tokens = (uint64_t)job->recipe.samples_per_step * job->recipe.tokens_per_sample;
    uint64_t took_ms = now_mono_ms - job->step_mono_ms;
    uint64_t rate = took_ms == 0 ? tokens * 1000 : tokens * 1000 / took_ms;
    job->tokens_per_s = job->tokens_per_s == 0 ? rate : (job->tokens_per_s * 3 + rate) / 4;
}

bool gm_broker_task_unconfirmed(const struct gm_broker_task *task)
{
    return task->state >= GM_BROKER_COMMITTED &&
           (task->replay == GM_BROKER_FIRST || task->replay == GM_BROKER_DRAWN);
}

enum gm_status gm_broker_job_advance(struct gm_broker *broker, struct gm_broker_job *job,
                                     const struct gm_broker_task *update)
{
    uint32_t count = job->recipe.state_count;
    assert(update->root_count > count);
    job->loss_last = loss_read(broker, &update->roots[count + GM_UPDATE_MEAN_LOSS]);
    if (job->step == 0)
        job->loss_first = job->loss_last;
    GM_TRY(gm_broker_kept_add(job, job->step + 1, update->roots, count));
    for (size_t i = job->task_count; i-- > 0;) {
        struct gm_broker_task *task = job->tasks[i];
        if (task->id.kind != GM_TASK_EVALUATE && !gm_broker_task_unconfirmed(task))
            GM_TRY(gm_broker_task_remove(broker, job, task));
    }
    rate_note(job, broker->event->now.mono_ms);
    job->step++;
    return step_begin(broker, job);
}

/* Ends whatever is done for a task that is not wanted any more. */
static enum gm_status task_void(struct gm_broker *broker, struct gm_broker_job *job,
                                struct gm_broker_task *task)
{
    if (task->state != GM_BROKER_READY)
        GM_TRY(gm_broker_lease_void(broker, &task->lease));
    if (task->replaying)
        GM_TRY(gm_broker_lease_void(broker, &task->replay_lease));
    return gm_broker_task_remove(broker, job, task);
}

enum gm_status gm_broker_job_reset(struct gm_broker *broker, struct gm_broker_job *job,
                                   struct gm_broker_task *task)
{
    struct gm_task_id id = task->id;
    bool used = task->state == GM_BROKER_ACCEPTED;
    assert(id.step == job->step || id.kind == GM_TASK_EVALUATE);
    GM_TRY(task_void(broker, job, task));
    GM_TRY(task_ensure(job, id));
    job->touched = true;
    while (used && (id.kind == GM_TASK_GRADIENT || id.kind == GM_TASK_REDUCE)) {
        id = consumer(&job->recipe, id.step, id.level, id.index);
        struct gm_broker_task *above = gm_broker_task_find(job, id);
        used = above != NULL && above->state == GM_BROKER_ACCEPTED;
        if (above != NULL)
            GM_TRY(task_void(broker, job, above));
    }
    return GM_OK;
}

enum gm_status gm_broker_job_rewind(struct gm_broker *broker, struct gm_broker_job *job,
                                    uint32_t step)
{
    size_t at = job->kept_count;
    while (at > 0 && job->kept[at - 1]->step > step)
        at--;
    assert(at > 0); /* the initial state is kept as long as the job runs */
    step = job->kept[at - 1]->step;
    for (size_t i = job->task_count; i-- > 0;) {
        struct gm_broker_task *task = job->tasks[i];
        uint32_t first = task->id.kind == GM_TASK_EVALUATE ? step + 1 : step;
        if (task->id.step >= first)
            GM_TRY(task_void(broker, job, task));
    }
    while (job->kept_count > at)
        GM_TRY(gm_broker_kept_remove(broker, job, job->kept_count - 1));
    for (size_t i = job->trusted_count; i-- > 0;) {
        if (job->trusted[i]->step >= step)
            GM_TRY(gm_broker_trusted_remove(broker, job, i));
    }
    GM_TRY(gm_broker_out_line(broker->out, GM_LOG_WARN,
                              "job %s: back from step %u to step %u, to before a proven lie",
                              job->recipe.name, job->step, step));
    job->step = step;
    job->step_mono_ms = broker->event->now.mono_ms;
    job->rewinds++;
    job->dirty = true;
    job->touched = true;
    return gm_broker_job_fill(job);
}
