#include "broker/lease.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "broker/job.h"
#include "broker/table.h"
#include "broker/tokens.h"
#include "trust/blake3.h"

void gm_broker_draw(struct gm_broker *broker, uint8_t *out, size_t size_bytes)
{
    assert(size_bytes <= GM_HASH_SIZE);
    uint8_t text[GM_BROKER_RANDOM_BYTES + 8];
    memcpy(text, broker->event->random, GM_BROKER_RANDOM_BYTES);
    gm_store_u64(text + GM_BROKER_RANDOM_BYTES, broker->drawn++);
    struct gm_hash hash = gm_blake3_derive("gradmill 2026-11-22 broker draw 1", text, sizeof text);
    memcpy(out, hash.bytes, size_bytes);
}

struct gm_broker_id gm_broker_lease_id(const struct gm_key_public *key,
                                       const uint8_t request[static GM_ID_BYTES])
{
    uint8_t text[GM_KEY_SIZE + GM_ID_BYTES];
    memcpy(text, key->bytes, GM_KEY_SIZE);
    memcpy(text + GM_KEY_SIZE, request, GM_ID_BYTES);
    struct gm_hash hash = gm_blake3_derive("gradmill 2026-11-22 lease id 1", text, sizeof text);
    return gm_broker_id_of(hash.bytes);
}

/* Eight times what the key's rate asks for. A key of unknown rate gets a fixed time. */
static uint64_t length_find(const struct gm_broker *broker, const struct gm_key_public *key,
                            uint64_t flops)
{
    const struct gm_broker_config *config = &broker->config;
    const struct gm_broker_worker *worker = gm_broker_worker_find(broker, key);
    const struct gm_broker_peer *peer = gm_broker_peer_find(broker, key);
    uint64_t rate = worker != NULL ? worker->flops_per_s : 0;
    if (rate == 0 && peer != NULL)
        rate = peer->flops_claimed;
    if (rate == 0)
        return config->lease_ms_unknown;
    uint64_t seconds = flops / rate;
    uint64_t most_ms = (uint64_t)7 * 24 * 3600 * 1000;
    uint64_t ms = seconds > most_ms / 8000 ? most_ms : seconds * 8000;
    return ms > config->lease_ms_min ? ms : config->lease_ms_min;
}

/* Fills in what the lease promises. */
static enum gm_status lease_fill(struct gm_broker *broker, const struct gm_broker_offer *offer,
                                 struct gm_broker_lease *lease)
{
    const struct gm_broker_job *job = offer->job;
    const struct gm_program *program =
        gm_graph_program(&job->recipe, &job->programs, offer->task->id);
    struct gm_task task;
    GM_TRY(gm_broker_task_build(job, offer->task->id, &task));
    enum gm_status status = gm_task_hash(&task, &lease->task_name);
    if (status == GM_OK)
        status = gm_task_inputs_root(&task, program, &lease->inputs_root);
    uint64_t seed = task.seed;
    gm_task_fini(&task);
    GM_TRY(status);
    lease->job = job->id;
    lease->task = offer->task->id;
    lease->replay = offer->replay;
    lease->state = GM_BROKER_LEASE_LIVE;
    gm_broker_draw(broker, lease->nonce, sizeof lease->nonce);
    const struct gm_broker_time *now = &broker->event->now;
    lease->granted_unix_ms = now->unix_ms;
    lease->granted_mono_ms = (int64_t)now->mono_ms;
    lease->granted_here = true;
    lease->heard_mono_ms = now->mono_ms;
    lease->length_ms = length_find(broker, &lease->key, gm_program_flops(program));
    return gm_broker_sign_lease(broker, job, lease, seed);
}

enum gm_status gm_broker_grant(struct gm_broker *broker, const struct gm_broker_offer *offer,
                               const struct gm_broker_parked *request)
{
    struct gm_broker_lease *lease;
    struct gm_broker_worker *worker;
    struct gm_broker_task *task = offer->task;
    struct gm_broker_job *job = offer->job;
    GM_TRY(gm_broker_worker_get(broker, &request->key, &worker));
    GM_TRY(gm_broker_lease_add(broker, &request->lease, &lease));
    lease->key = request->key;
    GM_TRY(lease_fill(broker, offer, lease));
    if (offer->replay) {
        task->replaying = true;
        task->replay_lease = lease->id;
    } else {
        task->state = GM_BROKER_LEASED;
        task->lease = lease->id;
    }
    task->dirty = true;
    uint64_t flops = gm_program_flops(gm_graph_program(&job->recipe, &job->programs, task->id));
    job->work = job->work > UINT64_MAX - flops ? UINT64_MAX : job->work + flops;
    job->dirty = true;
    return gm_broker_lease_reply(broker, lease, request->handle);
}

enum gm_status gm_broker_lease_reply(struct gm_broker *broker, const struct gm_broker_lease *lease,
                                     uint64_t handle)
{
    const struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    struct gm_task task;
    struct gm_buf bytes;
    GM_TRY(gm_broker_task_build(job, lease->task, &task));
    gm_buf_init(&bytes, GM_TASK_ENCODED_MAX);
    struct gm_message reply = {.type = GM_MESSAGE_LEASE};
    enum gm_status status = gm_task_encode(&task, &bytes);
    gm_task_fini(&task);
    if (status == GM_OK)
        status = gm_broker_out_copy(broker->out, gm_buf_view(&bytes), &reply.lease.task);
    gm_buf_fini(&bytes);
    GM_TRY(status);
    struct gm_bytes token = {lease->token.data, lease->token.size_bytes};
    GM_TRY(gm_broker_out_copy(broker->out, token, &reply.lease.token));
    reply.lease.deadline_ms = gm_broker_lease_left_ms(broker, lease, broker->event->now.mono_ms);
    return gm_broker_out_reply(broker->out, handle, &reply);
}

uint64_t gm_broker_lease_left_ms(const struct gm_broker *broker,
                                 const struct gm_broker_lease *lease, uint64_t mono_ms)
{
    if (mono_ms > lease->heard_mono_ms &&
        mono_ms - lease->heard_mono_ms > 3 * broker->config.heartbeat_ms)
        return 0;
    int64_t left = lease->granted_mono_ms + (int64_t)lease->length_ms - (int64_t)mono_ms;
    return left > 0 ? (uint64_t)left : 0;
}

bool gm_broker_lease_open(const struct gm_broker_lease *lease)
{
    return lease->state == GM_BROKER_LEASE_LIVE || lease->state == GM_BROKER_LEASE_COMMITTED;
}

static void lease_over(struct gm_broker *broker, struct gm_broker_lease *lease)
{
    lease->state = GM_BROKER_LEASE_OVER;
    lease->over_mono_ms = broker->event->now.mono_ms;
    lease->dirty = true;
}

enum gm_status gm_broker_lease_end(struct gm_broker *broker, struct gm_broker_lease *lease,
                                   const char *why)
{
    struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    struct gm_broker_task *task = job == NULL ? NULL : gm_broker_task_find(job, lease->task);
    assert(gm_broker_lease_open(lease));
    lease_over(broker, lease);
    if (task == NULL)
        return GM_OK;
    job->reissued++;
    job->dirty = true;
    GM_TRY(gm_broker_out_line(broker->out, GM_LOG_INFO, "job %s: step %u %s %u is ready again: %s",
                              job->recipe.name, task->id.step, gm_task_kind_name(task->id.kind),
                              task->id.index, why));
    if (lease->replay) {
        task->replaying = false;
        task->dirty = true;
        return GM_OK;
    }
    return gm_broker_job_reset(broker, job, task);
}

enum gm_status gm_broker_lease_void(struct gm_broker *broker, const struct gm_broker_id *id)
{
    struct gm_broker_lease *lease = gm_broker_lease_find(broker, id);
    if (lease == NULL || lease->state == GM_BROKER_LEASE_OVER)
        return GM_OK;
    if (gm_broker_lease_open(lease)) {
        struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
        if (job != NULL && job->state == GM_JOB_RUNNING) {
            job->reissued++;
            job->dirty = true;
        }
        lease_over(broker, lease);
    }
    /* Without an attestation there is nothing to judge. */
    if (lease->attestation.size_bytes == 0 ||
        (lease->verdict != 0 && lease->verdict != GM_VERDICT_PENDING))
        return GM_OK;
    return gm_broker_lease_judge(broker, lease, GM_VERDICT_VOID);
}

enum gm_status gm_broker_lease_judge(struct gm_broker *broker, struct gm_broker_lease *lease,
                                     enum gm_verdict_state verdict)
{
    lease->verdict = verdict;
    lease->over_mono_ms = broker->event->now.mono_ms;
    lease->dirty = true;
    return gm_broker_sign_verdict(broker, lease);
}

/* Nobody will ask about it in earnest any more. */
static bool forgettable(const struct gm_broker_lease *lease)
{
    return lease->state == GM_BROKER_LEASE_OVER ||
           (lease->state == GM_BROKER_LEASE_DONE && lease->verdict != GM_VERDICT_PENDING);
}

/* A result that still counts for something keeps its lease: a ban must find it. */
static bool lease_used(const struct gm_broker *broker, const struct gm_broker_lease *lease)
{
    const struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    const struct gm_broker_task *task = job == NULL ? NULL : gm_broker_task_find(job, lease->task);
    if (task == NULL || task->state == GM_BROKER_READY)
        return false;
    return gm_broker_id_equal(&task->lease, &lease->id) ||
           (task->replaying && gm_broker_id_equal(&task->replay_lease, &lease->id));
}

static enum gm_status oldest_forget(struct gm_broker *broker)
{
    size_t oldest = broker->lease_count;
    size_t ended = 0;
    for (size_t i = 0; i < broker->lease_count; i++) {
        const struct gm_broker_lease *lease = broker->leases[i];
        if (!forgettable(lease) || lease_used(broker, lease))
            continue;
        ended++;
        if (oldest == broker->lease_count ||
            lease->over_mono_ms < broker->leases[oldest]->over_mono_ms)
            oldest = i;
    }
    if (ended <= broker->config.leases_kept)
        return GM_NOT_FOUND;
    return gm_broker_lease_remove(broker, oldest);
}

enum gm_status gm_broker_leases_tick(struct gm_broker *broker)
{
    uint64_t now = broker->event->now.mono_ms;
    for (size_t i = 0; i < broker->lease_count; i++) {
        struct gm_broker_lease *lease = broker->leases[i];
        if (!gm_broker_lease_open(lease) || gm_broker_lease_left_ms(broker, lease, now) > 0)
            continue;
        bool silent = now - lease->heard_mono_ms > 3 * broker->config.heartbeat_ms;
        GM_TRY(gm_broker_lease_end(broker, lease,
                                   silent ? "its worker is silent" : "its deadline has passed"));
    }
    enum gm_status status = GM_OK;
    while (broker->lease_count > broker->config.leases_kept && status == GM_OK)
        status = oldest_forget(broker);
    return status == GM_NOT_FOUND ? GM_OK : status;
}
