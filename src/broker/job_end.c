#include <stdio.h>

#include "broker/job.h"
#include "broker/lease.h"
#include "broker/table.h"

const struct gm_broker_task *gm_broker_job_diverged(const struct gm_broker_job *job)
{
    for (size_t i = 0; i < job->task_count; i++) {
        const struct gm_broker_task *task = job->tasks[i];
        if (task->diverged && task->state == GM_BROKER_ACCEPTED && task->id.step == job->step)
            return task;
    }
    return NULL;
}

/* Some task needs the state of this step: to replay it, or to evaluate it. */
static bool step_needed(const struct gm_broker_job *job, uint32_t step)
{
    for (size_t i = 0; i < job->task_count; i++) {
        const struct gm_broker_task *task = job->tasks[i];
        if (task->id.step == step &&
            (task->id.kind == GM_TASK_EVALUATE || gm_broker_task_unconfirmed(task)))
            return true;
    }
    return false;
}

/* The initial state, the running one, and the newest multiples of the checkpoint interval. */
static bool step_kept(const struct gm_broker *broker, const struct gm_broker_job *job,
                      uint32_t step)
{
    uint32_t every = job->recipe.checkpoint_every;
    if (step == job->step)
        return true;
    if (job->state != GM_JOB_RUNNING)
        return false;
    if (step == 0)
        return true;
    return step % every == 0 && job->step / every - step / every < broker->config.keep_checkpoints;
}

static enum gm_status states_drop(struct gm_broker *broker, struct gm_broker_job *job)
{
    for (size_t i = job->kept_count; i-- > 0;) {
        uint32_t step = job->kept[i]->step;
        if (!step_kept(broker, job, step) && !step_needed(job, step))
            GM_TRY(gm_broker_kept_remove(broker, job, i));
    }
    return GM_OK;
}

enum gm_status gm_broker_job_end(struct gm_broker *broker, struct gm_broker_job *job,
                                 enum gm_job_state state, const char *text)
{
    job->state = state;
    job->dirty = true;
    for (size_t i = job->task_count; i-- > 0;) {
        struct gm_broker_task *task = job->tasks[i];
        if (task->state != GM_BROKER_READY)
            GM_TRY(gm_broker_lease_void(broker, &task->lease));
        if (task->replaying)
            GM_TRY(gm_broker_lease_void(broker, &task->replay_lease));
        GM_TRY(gm_broker_task_remove(broker, job, task));
    }
    while (job->trusted_count > 0)
        GM_TRY(gm_broker_trusted_remove(broker, job, job->trusted_count - 1));
    job->ended_mono_ms = broker->event->now.mono_ms;
    snprintf(job->text, sizeof job->text, "%s", text);
    GM_TRY(states_drop(broker, job));
    broker->out->sweep = true;
    return gm_broker_out_line(broker->out, GM_LOG_INFO, "job %s: %s", job->recipe.name, text);
}

static bool replays_pending(const struct gm_broker_job *job)
{
    for (size_t i = 0; i < job->task_count; i++) {
        if (gm_broker_task_unconfirmed(job->tasks[i]))
            return true;
    }
    return false;
}

enum gm_status gm_broker_job_settle(struct gm_broker *broker, struct gm_broker_job *job)
{
    job->touched = false;
    if (job->state != GM_JOB_RUNNING)
        return GM_OK;
    /* What is not confirmed yet may still send the job back, so neither end is final before. */
    const struct gm_broker_task *diverged = gm_broker_job_diverged(job);
    if (diverged != NULL && !replays_pending(job)) {
        char text[GM_WIRE_TEXT_MAX];
        snprintf(text, sizeof text, "diverged at step %u: %s %u gives NaN or infinity", job->step,
                 gm_task_kind_name(diverged->id.kind), diverged->id.index);
        return gm_broker_job_end(broker, job, GM_JOB_DIVERGED, text);
    }
    if (job->step == job->recipe.step_count && job->task_count == 0)
        return gm_broker_job_end(broker, job, GM_JOB_DONE, "done");
    return states_drop(broker, job);
}
