#include <stdio.h>
#include <string.h>

#include "broker/job.h"
#include "broker/requester.h"
#include "broker/table.h"

enum { BANNED_SHOWN_MAX = 256, JOBS_SHOWN_MAX = 2048 };

bool gm_broker_job_visible(const struct gm_broker *broker, const struct gm_broker_job *job,
                           const struct gm_key_public *key)
{
    return gm_key_public_equal(&job->owner, key) || gm_broker_is_house(broker, key);
}

static bool peer_heard(const struct gm_broker *broker, const struct gm_broker_peer *peer,
                       uint64_t mono_ms)
{
    if (!peer->worker)
        return false;
    if (mono_ms <= peer->heard_mono_ms ||
        mono_ms - peer->heard_mono_ms <= 3 * broker->config.heartbeat_ms)
        return true;
    for (size_t i = 0; i < broker->parked_count; i++) {
        if (gm_key_public_equal(&broker->parked[i].key, &peer->key))
            return true;
    }
    return false;
}

uint64_t gm_broker_workers_heard(const struct gm_broker *broker, uint64_t mono_ms)
{
    uint64_t heard = 0;
    for (size_t i = 0; i < broker->peer_count; i++)
        heard += peer_heard(broker, broker->peers[i], mono_ms);
    return heard;
}

static bool house_heard(const struct gm_broker *broker, uint64_t mono_ms)
{
    for (size_t i = 0; i < broker->peer_count; i++) {
        if (broker->peers[i]->house && peer_heard(broker, broker->peers[i], mono_ms))
            return true;
    }
    return false;
}

/* How many tasks of a job stand where. */
struct tally {
    unsigned ready, ready_house, leased, uploading, replays;
    uint64_t memory_bytes; /* the most that a ready task needs */
};

static struct tally tally_of(const struct gm_broker_job *job)
{
    struct tally tally = {0};
    for (size_t i = 0; i < job->task_count; i++) {
        const struct gm_broker_task *task = job->tasks[i];
        if (task->state == GM_BROKER_READY) {
            tally.ready++;
            tally.ready_house += task->id.kind != GM_TASK_GRADIENT;
            if (job->memory_bytes[task->id.kind] > tally.memory_bytes)
                tally.memory_bytes = job->memory_bytes[task->id.kind];
        }
        tally.leased += task->state == GM_BROKER_LEASED;
        tally.uploading += task->state == GM_BROKER_COMMITTED;
        tally.replays += gm_broker_task_unconfirmed(task) && task->state != GM_BROKER_COMMITTED;
    }
    return tally;
}

/* A task, or a replay, that nobody who is there has the memory for. */
struct shortage {
    bool house;
    uint64_t needed_bytes;
    uint64_t offered_bytes;
};

static bool shortage_find(const struct gm_broker *broker, const struct gm_broker_job *job,
                          uint64_t mono_ms, struct shortage *out)
{
    uint64_t most_bytes[2] = {0, 0}; /* of anybody, of a house worker */
    for (size_t i = 0; i < broker->peer_count; i++) {
        const struct gm_broker_peer *peer = broker->peers[i];
        for (int house = 0; house <= peer->house && peer_heard(broker, peer, mono_ms); house++) {
            if (peer->memory_bytes > most_bytes[house])
                most_bytes[house] = peer->memory_bytes;
        }
    }
    *out = (struct shortage){.needed_bytes = 0};
    for (size_t i = 0; i < job->task_count; i++) {
        const struct gm_broker_task *task = job->tasks[i];
        bool replay = gm_broker_task_unconfirmed(task) && !task->replaying;
        bool house = replay || task->id.kind != GM_TASK_GRADIENT;
        uint64_t needed_bytes = job->memory_bytes[task->id.kind];
        if ((replay || task->state == GM_BROKER_READY) && needed_bytes > most_bytes[house] &&
            needed_bytes > out->needed_bytes)
            *out = (struct shortage){house, needed_bytes, most_bytes[house]};
    }
    return out->needed_bytes > 0;
}

static unsigned long long mib(uint64_t bytes)
{
    return (unsigned long long)((bytes >> 20) + 1);
}

void gm_broker_job_text(const struct gm_broker *broker, const struct gm_broker_job *job,
                        uint64_t mono_ms, char out[static GM_WIRE_TEXT_MAX])
{
    struct tally tally = tally_of(job);
    struct shortage shortage;
    size_t size = GM_WIRE_TEXT_MAX;
    uint64_t silent_s =
        mono_ms > broker->house_mono_ms ? (mono_ms - broker->house_mono_ms) / 1000 : 0;
    if (job->state != GM_JOB_RUNNING)
        snprintf(out, size, "%s", job->text);
    else if (broker->paused[0] != '\0')
        snprintf(out, size, "paused: %.400s", broker->paused);
    else if ((tally.ready_house > 0 || tally.replays > 0) && !house_heard(broker, mono_ms))
        snprintf(out, size,
                 "waits for a house worker since %llu s: %u tasks and %u replays are its own",
                 (unsigned long long)silent_s, tally.ready_house, tally.replays);
    else if (tally.ready > 0 && gm_broker_workers_heard(broker, mono_ms) == 0)
        snprintf(out, size, "waits for a worker with %llu MiB: %u tasks are ready",
                 mib(tally.memory_bytes), tally.ready);
    else if (shortage_find(broker, job, mono_ms, &shortage))
        snprintf(out, size,
                 "waits for a %sworker with %llu MiB of memory for tensors: those here offer less "
                 "than %llu MiB; %u tasks are ready, %u to be replayed",
                 shortage.house ? "house " : "", mib(shortage.needed_bytes),
                 mib(shortage.offered_bytes), tally.ready, tally.replays);
    else
        snprintf(out, size, "%u tasks ready, %u computed, %u uploaded, %u to be replayed%s%.300s",
                 tally.ready, tally.leased, tally.uploading, tally.replays,
                 job->failure[0] == '\0' ? "" : "; last failure: ", job->failure);
}

static enum gm_status no_job(struct gm_broker *broker)
{
    return gm_broker_out_error(broker->out, broker->event->handle, GM_NOT_FOUND, 0, "no such job");
}

/* The job, if the peer may see it. */
static const struct gm_broker_job *job_seen(const struct gm_broker *broker,
                                            const uint8_t bytes[static GM_ID_BYTES])
{
    struct gm_broker_id id = gm_broker_id_of(bytes);
    const struct gm_broker_job *job = gm_broker_job_find(broker, &id);
    if (job == NULL || !gm_broker_job_visible(broker, job, &broker->event->peer))
        return NULL;
    return job;
}

static enum gm_status text_copy(struct gm_broker *broker, const char *text, struct gm_bytes *out)
{
    struct gm_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return gm_broker_out_copy(broker->out, bytes, out);
}

enum gm_status gm_broker_job_ask(struct gm_broker *broker, const struct gm_msg_job_ask *ask)
{
    const struct gm_broker_job *job = job_seen(broker, ask->job);
    uint64_t now = broker->event->now.mono_ms;
    if (job == NULL)
        return no_job(broker);
    char text[GM_WIRE_TEXT_MAX];
    gm_broker_job_text(broker, job, now, text);
    struct gm_message reply = {.type = GM_MESSAGE_JOB_INFO};
    reply.job_info = (struct gm_msg_job_info){
        .state = job->state,
        .step = job->step,
        .step_count = job->loaded ? job->recipe.step_count : 0,
        .loss_first = job->loss_first,
        .loss_last = job->loss_last,
        .loss_validation = job->loss_validation,
        .tokens_per_s = job->state == GM_JOB_RUNNING ? job->tokens_per_s : 0,
        .workers = gm_broker_workers_heard(broker, now),
        .reissued = job->reissued,
        .rejected = job->rejected,
        .rewinds = job->rewinds,
    };
    memcpy(reply.job_info.job, job->id.bytes, GM_ID_BYTES);
    GM_TRY(text_copy(broker, job->loaded ? job->recipe.name : "", &reply.job_info.name));
    GM_TRY(text_copy(broker, text, &reply.job_info.text));
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

enum gm_status gm_broker_job_list(struct gm_broker *broker)
{
    struct gm_message reply = {.type = GM_MESSAGE_JOB_LISTED};
    uint8_t *ids = gm_broker_out_room(broker->out, (size_t)JOBS_SHOWN_MAX * GM_ID_BYTES);
    size_t count = 0;
    if (ids == NULL)
        return GM_NO_MEMORY;
    for (size_t i = 0; i < broker->job_count && count < JOBS_SHOWN_MAX; i++) {
        if (!gm_broker_job_visible(broker, broker->jobs[i], &broker->event->peer))
            continue;
        memcpy(ids + count * GM_ID_BYTES, broker->jobs[i]->id.bytes, GM_ID_BYTES);
        count++;
    }
    reply.job_listed.jobs = (struct gm_bytes){ids, count * GM_ID_BYTES};
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

enum gm_status gm_broker_state_ask(struct gm_broker *broker, const struct gm_msg_state_ask *ask)
{
    const struct gm_broker_job *job = job_seen(broker, ask->job);
    if (job == NULL)
        return no_job(broker);
    const struct gm_broker_kept *kept = gm_broker_kept_find(job, job->step);
    if (kept == NULL)
        return gm_broker_out_error(broker->out, broker->event->handle, GM_NOT_FOUND, 0,
                                   "the job has no state yet");
    struct gm_message reply = {.type = GM_MESSAGE_STATE_INFO};
    reply.state_info.step = job->step;
    memcpy(reply.state_info.recipe, job->recipe_root.bytes, GM_ROOT_BYTES);
    struct gm_bytes roots = {(const uint8_t *)kept->roots, kept->root_count * sizeof *kept->roots};
    GM_TRY(gm_broker_out_copy(broker->out, roots, &reply.state_info.roots));
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

/* The banned keys, newest last. */
static size_t banned_list(const struct gm_broker *broker, uint8_t *out)
{
    uint64_t after = 0;
    const struct gm_broker_worker *previous = NULL;
    size_t count = 0;
    while (count < BANNED_SHOWN_MAX) {
        const struct gm_broker_worker *next = NULL;
        bool passed = previous == NULL;
        for (size_t i = 0; i < broker->worker_count; i++) {
            const struct gm_broker_worker *worker = broker->workers[i];
            if (worker == previous) {
                passed = true;
                continue;
            }
            /* Of one time, those behind the previous one in the list are still to come. */
            bool later =
                worker->banned_unix_ms > after || (worker->banned_unix_ms == after && passed);
            if (worker->banned && later &&
                (next == NULL || worker->banned_unix_ms < next->banned_unix_ms))
                next = worker;
        }
        if (next == NULL)
            break;
        memcpy(out + count * GM_KEY_SIZE, next->key.bytes, GM_KEY_SIZE);
        after = next->banned_unix_ms;
        previous = next;
        count++;
    }
    return count;
}

enum gm_status gm_broker_info_ask(struct gm_broker *broker)
{
    struct gm_message reply = {.type = GM_MESSAGE_BROKER_INFO};
    uint8_t *banned = gm_broker_out_room(broker->out, (size_t)BANNED_SHOWN_MAX * GM_KEY_SIZE);
    if (banned == NULL)
        return GM_NO_MEMORY;
    reply.broker_info.workers = gm_broker_workers_heard(broker, broker->event->now.mono_ms);
    for (size_t i = 0; i < broker->job_count; i++)
        reply.broker_info.jobs_running += broker->jobs[i]->state == GM_JOB_RUNNING;
    const struct gm_broker_blobs *blobs = &broker->config.blobs;
    blobs->usage(blobs->ctx, &reply.broker_info.blob_bytes, &reply.broker_info.blob_bytes_max);
    reply.broker_info.banned = (struct gm_bytes){banned, banned_list(broker, banned) * GM_KEY_SIZE};
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}
