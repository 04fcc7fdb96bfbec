#include "broker/job.h"
#include "broker/lease.h"
#include "broker/table.h"

/* The order in which a house worker is given tasks; others are only given the last. */
enum urgency { CHAIN, REPLAY, EVALUATION, GRADIENT, URGENCY_COUNT };

static enum urgency urgency_of(enum gm_task_kind kind)
{
    switch (kind) {
    case GM_TASK_INIT:
    case GM_TASK_REDUCE:
    case GM_TASK_UPDATE:
        return CHAIN;
    case GM_TASK_EVALUATE:
        return EVALUATION;
    case GM_TASK_GRADIENT:
        break;
    }
    return GRADIENT;
}

static bool replay_due(const struct gm_broker_task *task)
{
    if (task->replaying)
        return false;
    return (task->replay == GM_BROKER_FIRST && task->state == GM_BROKER_UPLOADED) ||
           (task->replay == GM_BROKER_DRAWN && task->state == GM_BROKER_ACCEPTED);
}

/* The job's first task of this urgency that fits the memory. */
static struct gm_broker_task *job_pick(const struct gm_broker_job *job, enum urgency urgency,
                                       uint64_t memory_bytes)
{
    if (urgency != REPLAY && gm_broker_job_diverged(job) != NULL)
        return NULL;
    for (size_t i = 0; i < job->task_count; i++) {
        struct gm_broker_task *task = job->tasks[i];
        bool due = urgency == REPLAY
                       ? replay_due(task)
                       : task->state == GM_BROKER_READY && urgency_of(task->id.kind) == urgency;
        if (due && job->memory_bytes[task->id.kind] <= memory_bytes)
            return task;
    }
    return NULL;
}

static bool job_open_to(const struct gm_broker_job *job, const struct gm_broker_peer *peer,
                        uint64_t mono_ms)
{
    if (job->state != GM_JOB_RUNNING || !job->loaded)
        return false;
    return peer == NULL || mono_ms >= peer->failed_until_mono_ms ||
           !gm_broker_id_equal(&peer->failed_job, &job->id);
}

bool gm_broker_pick(const struct gm_broker *broker, const struct gm_key_public *key,
                    uint64_t memory_bytes, struct gm_broker_offer *out)
{
    const struct gm_broker_peer *peer = gm_broker_peer_find(broker, key);
    bool house = gm_broker_is_house(broker, key);
    for (int urgency = house ? CHAIN : GRADIENT; urgency < URGENCY_COUNT; urgency++) {
        *out = (struct gm_broker_offer){.replay = urgency == REPLAY};
        for (size_t i = 0; i < broker->job_count; i++) {
            struct gm_broker_job *job = broker->jobs[i];
            if (!job_open_to(job, peer, broker->event->now.mono_ms))
                continue;
            if (out->job != NULL && job->work >= out->job->work)
                continue;
            struct gm_broker_task *task = job_pick(job, (enum urgency)urgency, memory_bytes);
            if (task != NULL) {
                out->job = job;
                out->task = task;
            }
        }
        if (out->job != NULL)
            return true;
    }
    return false;
}
