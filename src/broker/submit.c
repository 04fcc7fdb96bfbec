#include <stdio.h>
#include <string.h>

#include "broker/job.h"
#include "broker/requester.h"
#include "broker/table.h"
#include "trust/blake3.h"

static enum gm_status ok_reply(struct gm_broker *broker)
{
    struct gm_message reply = {.type = GM_MESSAGE_OK};
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

/* ---- blobs that wait for a submission ---- */

enum gm_status gm_broker_stage(struct gm_broker *broker)
{
    const struct gm_broker_event *event = broker->event;
    uint64_t own = 0;
    uint64_t all = 0;
    struct gm_broker_staged *staged = gm_broker_staged_find(broker, &event->peer, &event->root);
    for (size_t i = 0; i < broker->staged_count; i++) {
        const struct gm_broker_staged *other = broker->staged[i];
        if (other == staged)
            continue;
        all += other->size_bytes;
        if (gm_key_public_equal(&other->key, &event->peer))
            own += other->size_bytes;
    }
    const struct gm_broker_config *config = &broker->config;
    if (own > config->stage_bytes_max || event->size_bytes > config->stage_bytes_max - own)
        return gm_broker_out_error(broker->out, event->handle, GM_NO_SPACE, 0,
                                   "blobs for submissions of one key may take %llu bytes",
                                   (unsigned long long)config->stage_bytes_max);
    if (all > config->stage_bytes_total_max ||
        event->size_bytes > config->stage_bytes_total_max - all)
        return gm_broker_out_error(broker->out, event->handle, GM_NO_SPACE, 60000,
                                   "the room for submissions is taken for now");
    if (staged == NULL)
        GM_TRY(gm_broker_staged_add(broker, &event->peer, &event->root, &staged));
    if (staged->size_bytes != event->size_bytes) {
        staged->size_bytes = event->size_bytes;
        staged->dirty = true;
    }
    staged->since_mono_ms = event->now.mono_ms;
    return ok_reply(broker);
}

enum gm_status gm_broker_stages_tick(struct gm_broker *broker)
{
    for (size_t i = broker->staged_count; i-- > 0;) {
        uint64_t since = broker->staged[i]->since_mono_ms;
        uint64_t now = broker->event->now.mono_ms;
        if (now > since && now - since > broker->config.stage_ms)
            GM_TRY(gm_broker_staged_remove(broker, i));
    }
    return GM_OK;
}

/* ---- jobs ---- */

/* A function of who submits and the request's id: repeated, it names the same job. */
static struct gm_broker_id job_id(const struct gm_key_public *key,
                                  const uint8_t request[static GM_ID_BYTES])
{
    uint8_t text[GM_KEY_SIZE + GM_ID_BYTES];
    memcpy(text, key->bytes, GM_KEY_SIZE);
    memcpy(text + GM_KEY_SIZE, request, GM_ID_BYTES);
    struct gm_hash hash = gm_blake3_derive("gradmill 2026-11-22 job id 1", text, sizeof text);
    return gm_broker_id_of(hash.bytes);
}

static enum gm_status submitted_reply(struct gm_broker *broker, const struct gm_broker_id *id)
{
    struct gm_message reply = {.type = GM_MESSAGE_SUBMITTED};
    memcpy(reply.submitted.job, id->bytes, GM_ID_BYTES);
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

/* A new job has done as much as the one that has done least: it neither overtakes for its past nor
   waits for the past of others. */
static uint64_t work_begin(const struct gm_broker *broker)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < broker->job_count; i++) {
        const struct gm_broker_job *job = broker->jobs[i];
        if (job->state == GM_JOB_RUNNING && job->work < least)
            least = job->work;
    }
    return least == UINT64_MAX ? 0 : least;
}

static size_t jobs_running(const struct gm_broker *broker)
{
    size_t running = 0;
    for (size_t i = 0; i < broker->job_count; i++)
        running += broker->jobs[i]->state == GM_JOB_RUNNING;
    return running;
}

static enum gm_status job_start(struct gm_broker *broker, struct gm_broker_job *job)
{
    job->step_mono_ms = broker->event->now.mono_ms;
    job->touched = true;
    if (job->recipe.given_count == job->recipe.state_count)
        return gm_broker_job_begin(broker, job, NULL);
    return gm_broker_job_fill(job);
}

static enum gm_status job_admit(struct gm_broker *broker, const struct gm_broker_id *id,
                                const struct gm_hash *recipe_root)
{
    struct gm_error err = {.text = ""};
    struct gm_broker_job *job;
    uint64_t work = work_begin(broker);
    size_t count = broker->job_count;
    uint64_t number = count == 0 ? 1 : broker->jobs[count - 1]->number + 1;
    GM_TRY(gm_broker_job_add(broker, number, &job));
    job->id = *id;
    job->owner = broker->event->peer;
    job->recipe_root = *recipe_root;
    job->state = GM_JOB_RUNNING;
    job->loss_first = job->loss_last = job->loss_validation = UINT32_MAX;
    job->work = work;
    enum gm_status status = gm_broker_job_open(broker, job, &err);
    if (status == GM_OK) {
        GM_TRY(gm_broker_out_line(broker->out, GM_LOG_INFO, "job %s: %u steps of %u shards",
                                  job->recipe.name, job->recipe.step_count,
                                  job->recipe.shard_count));
        GM_TRY(job_start(broker, job));
        return submitted_reply(broker, id);
    }
    /* It was never stored: it leaves without a trace. */
    GM_TRY(gm_broker_job_remove(broker, job));
    if (status == GM_NO_MEMORY)
        return status;
    return gm_broker_out_error(broker->out, broker->event->handle, status, 0, "recipe: %s",
                               err.text);
}

enum gm_status gm_broker_submit(struct gm_broker *broker, const struct gm_msg_submit *submit)
{
    struct gm_hash recipe_root;
    uint64_t handle = broker->event->handle;
    struct gm_broker_id id = job_id(&broker->event->peer, submit->request);
    memcpy(recipe_root.bytes, submit->recipe, GM_HASH_SIZE);
    const struct gm_broker_job *job = gm_broker_job_find(broker, &id);
    if (job != NULL && !gm_hash_equal(&job->recipe_root, &recipe_root))
        return gm_broker_out_error(broker->out, handle, GM_EXISTS, 0,
                                   "this request submitted another recipe before");
    if (job != NULL)
        return submitted_reply(broker, &id);
    if (jobs_running(broker) >= broker->config.jobs_max)
        return gm_broker_out_error(broker->out, handle, GM_BUSY, 60000,
                                   "as many jobs run here as may: %u", broker->config.jobs_max);
    if (!broker->config.blobs.has(broker->config.blobs.ctx, &recipe_root))
        return gm_broker_out_error(broker->out, handle, GM_NOT_FOUND, 0,
                                   "the recipe is not stored here: upload it first");
    return job_admit(broker, &id, &recipe_root);
}

enum gm_status gm_broker_cancel(struct gm_broker *broker, const struct gm_msg_cancel *cancel)
{
    struct gm_broker_id id = gm_broker_id_of(cancel->job);
    struct gm_broker_job *job = gm_broker_job_find(broker, &id);
    if (job == NULL || !gm_broker_job_visible(broker, job, &broker->event->peer))
        return gm_broker_out_error(broker->out, broker->event->handle, GM_NOT_FOUND, 0,
                                   "no such job");
    if (job->state == GM_JOB_RUNNING)
        GM_TRY(gm_broker_job_end(broker, job, GM_JOB_CANCELLED, "cancelled"));
    return ok_reply(broker);
}

enum gm_status gm_broker_jobs_tick(struct gm_broker *broker)
{
    for (size_t i = broker->job_count; i-- > 0;) {
        struct gm_broker_job *job = broker->jobs[i];
        uint64_t now = broker->event->now.mono_ms;
        if (job->state != GM_JOB_RUNNING && now > job->ended_mono_ms &&
            now - job->ended_mono_ms > broker->config.job_kept_ms)
            GM_TRY(gm_broker_job_remove(broker, job));
    }
    return GM_OK;
}
