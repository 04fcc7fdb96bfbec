#include <stdio.h>
#include <string.h>

#include "broker/job.h"
#include "broker/lease.h"
#include "broker/result.h"
#include "broker/table.h"

enum gm_broker_replay gm_broker_replay_draw(struct gm_broker *broker,
                                            const struct gm_broker_job *job,
                                            const struct gm_key_public *key, bool diverged)
{
    if (gm_broker_is_house(broker, key))
        return GM_BROKER_UNSEEN;
    const struct gm_broker_worker *worker = gm_broker_worker_find(broker, key);
    if (diverged || worker == NULL || worker->confirmed < broker->config.replay_first)
        return GM_BROKER_FIRST;
    uint8_t drawn[8];
    gm_broker_draw(broker, drawn, sizeof drawn);
    return gm_load_u64(drawn) % GM_PPM < job->recipe.replay_ppm ? GM_BROKER_DRAWN
                                                                : GM_BROKER_UNSEEN;
}

/* An unseen result enters the weights: remember the first step where this key's did. */
static enum gm_status trust_note(struct gm_broker *broker, struct gm_broker_job *job,
                                 const struct gm_broker_task *task)
{
    if (task->replay != GM_BROKER_UNSEEN || gm_broker_is_house(broker, &task->key))
        return GM_OK;
    struct gm_broker_trusted *trusted = gm_broker_trusted_find(job, &task->key);
    if (trusted == NULL)
        return gm_broker_trusted_add(job, &task->key, task->id.step, &trusted);
    if (task->id.step < trusted->step) {
        trusted->step = task->id.step;
        trusted->dirty = true;
    }
    return GM_OK;
}

/* The mean of a sum and a count; the bits of NaN when either cannot be read. */
static uint32_t mean_read(const struct gm_broker *broker, const struct gm_broker_task *task)
{
    const struct gm_broker_blobs *blobs = &broker->config.blobs;
    uint32_t bits;
    uint32_t count;
    if (blobs->read_word(blobs->ctx, &task->roots[GM_OUTPUT_LOSS], &bits) != GM_OK ||
        blobs->read_word(blobs->ctx, &task->roots[GM_OUTPUT_COUNT], &count) != GM_OK)
        return UINT32_MAX;
    float sum;
    memcpy(&sum, &bits, sizeof sum);
    float mean = sum / (float)count;
    memcpy(&bits, &mean, sizeof bits);
    return bits;
}

/* Evaluations stand beside the chain of states: NaN in one says nothing against the weights that
   the next step does not say itself, and stopping for it would make the end depend on when it ran.
 */
static enum gm_status evaluation_take(struct gm_broker *broker, struct gm_broker_job *job,
                                      struct gm_broker_task *task)
{
    job->loss_validation = mean_read(broker, task);
    return gm_broker_task_remove(broker, job, task);
}

enum gm_status gm_broker_accept(struct gm_broker *broker, struct gm_broker_job *job,
                                struct gm_broker_task *task)
{
    struct gm_broker_lease *lease = gm_broker_lease_find(broker, &task->lease);
    task->state = GM_BROKER_ACCEPTED;
    task->dirty = true;
    job->touched = true;
    job->dirty = true;
    if (lease != NULL)
        GM_TRY(gm_broker_lease_judge(broker, lease, GM_VERDICT_ACCEPTED));
    GM_TRY(trust_note(broker, job, task));
    if (task->id.kind == GM_TASK_EVALUATE)
        return evaluation_take(broker, job, task);
    if (task->diverged)
        return GM_OK;
    switch (task->id.kind) {
    case GM_TASK_INIT: {
        GM_TRY(gm_broker_job_begin(broker, job, task->roots));
        return gm_broker_task_remove(broker, job, task);
    }
    case GM_TASK_UPDATE:
        return gm_broker_job_advance(broker, job, task);
    case GM_TASK_GRADIENT:
    case GM_TASK_REDUCE:
    case GM_TASK_EVALUATE:
        break;
    }
    return gm_broker_job_follow(job, task);
}

enum gm_status gm_broker_confirm(struct gm_broker *broker, struct gm_broker_job *job,
                                 struct gm_broker_task *task)
{
    struct gm_broker_worker *worker;
    bool first = task->replay == GM_BROKER_FIRST;
    GM_TRY(gm_broker_worker_get(broker, &task->key, &worker));
    worker->confirmed++;
    worker->dirty = true;
    task->replay = GM_BROKER_CONFIRMED;
    task->replaying = false;
    task->dirty = true;
    job->touched = true;
    if (first)
        return gm_broker_accept(broker, job, task);
    if (task->id.step < job->step)
        return gm_broker_task_remove(broker, job, task);
    return GM_OK;
}

/* Everything of the key in this job that no replay confirmed, and what was built on it. */
static enum gm_status job_cleanse(struct gm_broker *broker, struct gm_broker_job *job,
                                  const struct gm_key_public *key)
{
    uint32_t first = UINT32_MAX;
    for (size_t i = job->trusted_count; i-- > 0;) {
        if (!gm_key_public_equal(&job->trusted[i]->key, key))
            continue;
        first = job->trusted[i]->step;
        GM_TRY(gm_broker_trusted_remove(broker, job, i));
    }
    for (size_t i = 0; i < job->task_count; i++) {
        const struct gm_broker_task *task = job->tasks[i];
        if (gm_broker_task_unconfirmed(task) && gm_key_public_equal(&task->key, key) &&
            task->id.step < first)
            first = task->id.step;
    }
    if (first < job->step)
        GM_TRY(gm_broker_job_rewind(broker, job, first));
    /* Each reset changes the list, so the search begins anew. */
    for (size_t i = 0; i < job->task_count; i++) {
        struct gm_broker_task *task = job->tasks[i];
        if (task->state < GM_BROKER_COMMITTED || task->replay == GM_BROKER_CONFIRMED ||
            !gm_key_public_equal(&task->key, key))
            continue;
        GM_TRY(gm_broker_job_reset(broker, job, task));
        i = (size_t)-1;
    }
    return GM_OK;
}

static enum gm_status leases_cleanse(struct gm_broker *broker, const struct gm_key_public *key)
{
    for (size_t i = 0; i < broker->lease_count; i++) {
        struct gm_broker_lease *lease = broker->leases[i];
        if (gm_broker_lease_open(lease) && gm_key_public_equal(&lease->key, key))
            GM_TRY(gm_broker_lease_end(broker, lease, "its worker is banned"));
    }
    return GM_OK;
}

enum gm_status gm_broker_convict(struct gm_broker *broker, struct gm_broker_job *job,
                                 struct gm_broker_task *task)
{
    struct gm_broker_worker *worker;
    struct gm_key_public key = task->key;
    char hex[GM_KEY_HEX_SIZE];
    struct gm_broker_lease *lie = gm_broker_lease_find(broker, &task->lease);
    if (lie != NULL)
        GM_TRY(gm_broker_lease_judge(broker, lie, GM_VERDICT_REJECTED));
    GM_TRY(gm_broker_worker_get(broker, &key, &worker));
    worker->banned = true;
    worker->banned_unix_ms = broker->event->now.unix_ms;
    worker->dirty = true;
    snprintf(worker->why, sizeof worker->why, "job %s, step %u, %s %u: a replay differed",
             job->recipe.name, task->id.step, gm_task_kind_name(task->id.kind), task->id.index);
    job->rejected++;
    job->dirty = true;
    GM_TRY(gm_broker_out_line(broker->out, GM_LOG_WARN, "key %s is banned: %s",
                              gm_key_public_hex(hex, &key), worker->why));
    /* The replay stands on its own now: it must not fall with the task that it was for. */
    task->replaying = false;
    for (size_t i = 0; i < broker->job_count; i++) {
        if (broker->jobs[i]->state == GM_JOB_RUNNING)
            GM_TRY(job_cleanse(broker, broker->jobs[i], &key));
    }
    return leases_cleanse(broker, &key);
}
