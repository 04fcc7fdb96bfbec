#include "broker/result.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "broker/job.h"
#include "broker/lease.h"
#include "broker/table.h"
#include "broker/tokens.h"

static enum gm_status refuse(struct gm_broker *broker, enum gm_status status, const char *text)
{
    return gm_broker_out_error(broker->out, broker->event->handle, status, 0, "%s", text);
}

/* The lease that the peer speaks of, if it is the peer's; else NULL, and the reply is written. */
static struct gm_broker_lease *own_lease(struct gm_broker *broker,
                                         const uint8_t id_bytes[static GM_ID_BYTES],
                                         enum gm_status *status)
{
    struct gm_broker_id id = gm_broker_id_of(id_bytes);
    struct gm_broker_lease *lease = gm_broker_lease_find(broker, &id);
    *status = GM_OK;
    if (lease == NULL) {
        *status = refuse(broker, GM_NOT_FOUND, "no such lease");
        return NULL;
    }
    if (!gm_key_public_equal(&lease->key, &broker->event->peer)) {
        *status = refuse(broker, GM_REFUSED, "the lease belongs to another key");
        return NULL;
    }
    return lease;
}

static enum gm_status receipt_reply(struct gm_broker *broker, const struct gm_broker_lease *lease)
{
    struct gm_message reply = {.type = GM_MESSAGE_RECEIPT};
    struct gm_bytes token = {lease->receipt.data, lease->receipt.size_bytes};
    GM_TRY(gm_broker_out_copy(broker->out, token, &reply.receipt.token));
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

static enum gm_status verdict_reply(struct gm_broker *broker, const struct gm_broker_lease *lease)
{
    struct gm_message reply = {.type = GM_MESSAGE_VERDICT};
    struct gm_bytes token = {lease->verdict_token.data, lease->verdict_token.size_bytes};
    if (lease->verdict == 0)
        return refuse(broker, GM_STALE,
                      lease->state == GM_BROKER_LEASE_OVER ? "the lease ended without a result"
                                                           : "there is no result yet");
    reply.verdict.state = lease->verdict;
    if (lease->verdict != GM_VERDICT_PENDING)
        GM_TRY(gm_broker_out_copy(broker->out, token, &reply.verdict.token));
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

/* The rate that the key showed, from the lease to the attestation; slow changes. */
static enum gm_status rate_note(struct gm_broker *broker, const struct gm_broker_job *job,
                                const struct gm_broker_lease *lease)
{
    struct gm_broker_worker *worker;
    GM_TRY(gm_broker_worker_get(broker, &lease->key, &worker));
    uint64_t flops = gm_program_flops(gm_graph_program(&job->recipe, &job->programs, lease->task));
    int64_t took_ms = (int64_t)broker->event->now.mono_ms - lease->granted_mono_ms;
    uint64_t seconds = took_ms < 1000 ? 1 : (uint64_t)took_ms / 1000;
    uint64_t rate = flops / seconds;
    if (rate == 0)
        rate = 1;
    worker->flops_per_s =
        worker->flops_per_s == 0 ? rate : worker->flops_per_s / 4 * 3 + rate / 4 + 1;
    worker->dirty = true;
    return GM_OK;
}

static enum gm_status roots_take(struct gm_broker_task *task, const struct gm_broker_lease *lease,
                                 const struct gm_hash *roots, uint32_t count, bool diverged)
{
    struct gm_hash *copy = gm_mem_new(count, sizeof *copy);
    if (copy == NULL)
        return GM_NO_MEMORY;
    if (count != 0)
        memcpy(copy, roots, count * sizeof *copy);
    gm_mem_free(task->roots);
    task->roots = copy;
    task->root_count = count;
    task->state = GM_BROKER_COMMITTED;
    task->lease = lease->id;
    task->key = lease->key;
    task->diverged = diverged;
    task->dirty = true;
    return GM_OK;
}

static bool result_equal(const struct gm_broker_task *task, const struct gm_hash *roots,
                         uint32_t count, bool diverged)
{
    return task->diverged == diverged && task->root_count == count &&
           (count == 0 || memcmp(task->roots, roots, count * sizeof *roots) == 0);
}

/* A house worker's result of a task that has one: they agree, or one of them is a lie. */
static enum gm_status replay_compare(struct gm_broker *broker, struct gm_broker_job *job,
                                     struct gm_broker_task *task, struct gm_broker_lease *lease,
                                     const struct gm_hash *roots, uint32_t count, bool diverged)
{
    if (result_equal(task, roots, count, diverged)) {
        lease->state = GM_BROKER_LEASE_DONE;
        GM_TRY(gm_broker_lease_judge(broker, lease, GM_VERDICT_ACCEPTED));
        return gm_broker_confirm(broker, job, task);
    }
    struct gm_task_id id = task->id;
    GM_TRY(gm_broker_convict(broker, job, task));
    /* If the task is to be done again, it has been. */
    task = gm_broker_task_find(job, id);
    lease->replay = false;
    if (task == NULL || task->state != GM_BROKER_READY) {
        lease->state = GM_BROKER_LEASE_DONE;
        return gm_broker_lease_judge(broker, lease, GM_VERDICT_VOID);
    }
    return roots_take(task, lease, roots, count, diverged);
}

/* The lease is open and its task is there; the attestation has been checked. */
static enum gm_status commit(struct gm_broker *broker, struct gm_broker_job *job,
                             struct gm_broker_lease *lease, const struct gm_msg_attest *attest,
                             bool diverged)
{
    const struct gm_hash *roots = (const struct gm_hash *)attest->roots.data;
    uint32_t count = (uint32_t)(attest->roots.size_bytes / GM_ROOT_BYTES);
    struct gm_broker_task *task = gm_broker_task_find(job, lease->task);
    assert(task != NULL);
    GM_TRY(gm_broker_text_set(&lease->attestation, attest->token));
    lease->state = GM_BROKER_LEASE_COMMITTED;
    int64_t elapsed = (int64_t)broker->event->now.mono_ms - lease->granted_mono_ms;
    uint64_t until = (uint64_t)(elapsed > 0 ? elapsed : 0) + broker->config.upload_ms;
    if (until > lease->length_ms)
        lease->length_ms = until;
    lease->dirty = true;
    GM_TRY(gm_broker_sign_receipt(broker, lease));
    GM_TRY(rate_note(broker, job, lease));
    GM_TRY(receipt_reply(broker, lease));
    job->touched = true;
    if (lease->replay)
        return replay_compare(broker, job, task, lease, roots, count, diverged);
    GM_TRY(roots_take(task, lease, roots, count, diverged));
    task->replay = gm_broker_replay_draw(broker, job, &lease->key, diverged);
    return GM_OK;
}

enum gm_status gm_broker_attest(struct gm_broker *broker, const struct gm_msg_attest *attest)
{
    enum gm_status status;
    struct gm_error err;
    bool diverged;
    struct gm_broker_lease *lease = own_lease(broker, attest->lease, &status);
    if (lease == NULL)
        return status;
    struct gm_bytes kept = {lease->attestation.data, lease->attestation.size_bytes};
    if (lease->receipt.size_bytes != 0) {
        if (!gm_bytes_equal(kept, attest->token))
            return refuse(broker, GM_REFUSED, "the lease has another attestation already");
        return receipt_reply(broker, lease);
    }
    if (!gm_broker_lease_open(lease))
        return refuse(broker, GM_STALE, "the lease is over");
    lease->heard_mono_ms = broker->event->now.mono_ms; /* as a heartbeat */
    if (gm_broker_lease_left_ms(broker, lease, broker->event->now.mono_ms) == 0) {
        GM_TRY(gm_broker_lease_end(broker, lease, "its deadline has passed"));
        return refuse(broker, GM_STALE, "the lease's deadline has passed");
    }
    struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    const struct gm_program *program = gm_graph_program(&job->recipe, &job->programs, lease->task);
    if (attest->roots.size_bytes != (size_t)program->output_count * GM_ROOT_BYTES)
        return gm_broker_out_error(broker->out, broker->event->handle, GM_INVALID, 0,
                                   "%zu bytes of roots, but the program has %u outputs",
                                   attest->roots.size_bytes, program->output_count);
    status = gm_broker_check_attestation(broker, job, lease, attest->token,
                                         (const struct gm_hash *)attest->roots.data,
                                         program->output_count, &diverged, &err);
    if (status == GM_NO_MEMORY)
        return status;
    if (status != GM_OK)
        return refuse(broker, status, err.text);
    return commit(broker, job, lease, attest, diverged);
}

enum gm_status gm_broker_uploaded(struct gm_broker *broker, const struct gm_msg_uploaded *uploaded)
{
    enum gm_status status;
    char hex[GM_HASH_HEX_SIZE];
    const struct gm_broker_blobs *blobs = &broker->config.blobs;
    struct gm_broker_lease *lease = own_lease(broker, uploaded->lease, &status);
    if (lease == NULL)
        return status;
    if (lease->state == GM_BROKER_LEASE_LIVE)
        return refuse(broker, GM_REFUSED, "there is no attestation of this lease yet");
    if (lease->state != GM_BROKER_LEASE_COMMITTED)
        return verdict_reply(broker, lease);
    struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    struct gm_broker_task *task = gm_broker_task_find(job, lease->task);
    assert(task != NULL && gm_broker_id_equal(&task->lease, &lease->id));
    for (uint32_t i = 0; i < task->root_count; i++) {
        if (!blobs->has(blobs->ctx, &task->roots[i]))
            return gm_broker_out_error(broker->out, broker->event->handle, GM_NOT_FOUND, 0,
                                       "output %u, %s, is not stored here", i,
                                       gm_hash_hex(hex, &task->roots[i]));
    }
    lease->state = GM_BROKER_LEASE_DONE;
    lease->verdict = GM_VERDICT_PENDING;
    lease->dirty = true;
    task->dirty = true;
    if (task->replay == GM_BROKER_FIRST)
        task->state = GM_BROKER_UPLOADED;
    else
        GM_TRY(gm_broker_accept(broker, job, task));
    return verdict_reply(broker, lease);
}

enum gm_status gm_broker_verdict_ask(struct gm_broker *broker, const struct gm_msg_verdict_ask *ask)
{
    enum gm_status status;
    struct gm_broker_lease *lease = own_lease(broker, ask->lease, &status);
    return lease == NULL ? status : verdict_reply(broker, lease);
}
