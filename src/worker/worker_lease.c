/* What a worker says and signs about its lease. */
#include <stdio.h>
#include <string.h>

#include "trust/blake3.h"
#include "worker/worker_state.h"

void gm_worker_ask_hello(struct gm_worker *worker)
{
    worker->ask = (struct gm_message){.type = GM_MESSAGE_HELLO};
    worker->ask.hello = (struct gm_msg_hello){
        .software = gm_message_text(worker->config.software),
        .thread_count = worker->config.thread_count,
        .memory_bytes = worker->config.memory_bytes,
        .flops_per_s = worker->config.flops_per_s,
    };
}

void gm_worker_ask_lease(struct gm_worker *worker)
{
    worker->ask = (struct gm_message){.type = GM_MESSAGE_LEASE_ASK};
    memcpy(worker->ask.lease_ask.request, worker->request, GM_ID_BYTES);
    worker->ask.lease_ask.wait_ms = worker->config.wait_ms;
    worker->ask.lease_ask.memory_bytes = worker->config.memory_bytes;
}

void gm_worker_ask_attest(struct gm_worker *worker)
{
    worker->ask = (struct gm_message){.type = GM_MESSAGE_ATTEST};
    memcpy(worker->ask.attest.lease, worker->lease.lease, GM_ID_BYTES);
    worker->ask.attest.token = gm_buf_view(&worker->attestation);
    worker->ask.attest.roots = gm_buf_view(&worker->roots);
}

void gm_worker_ask_uploaded(struct gm_worker *worker)
{
    worker->ask = (struct gm_message){.type = GM_MESSAGE_UPLOADED};
    memcpy(worker->ask.uploaded.lease, worker->lease.lease, GM_ID_BYTES);
}

void gm_worker_ask_release(struct gm_worker *worker)
{
    worker->ask = (struct gm_message){.type = GM_MESSAGE_RELEASE};
    memcpy(worker->ask.release.lease, worker->lease.lease, GM_ID_BYTES);
    worker->ask.release.reason = worker->release_reason;
    worker->ask.release.text = gm_message_text(worker->text);
}

enum gm_status gm_worker_lease_take(struct gm_worker *worker, const struct gm_msg_lease *message,
                                    const struct gm_worker_event *event, struct gm_error *err)
{
    struct gm_lease_token lease;
    GM_TRY(gm_lease_token_open(&lease, message->token, err));
    struct gm_hash own = gm_key_thumbprint(&worker->config.key->public_key);
    struct gm_hash task = gm_blake3(message->task.data, message->task.size_bytes);
    if (!gm_key_public_equal(&lease.broker, &worker->config.broker))
        return gm_error_set(err, GM_UNTRUSTED, "a lease signed by another key than the broker's");
    if (!gm_hash_equal(&lease.worker, &own))
        return gm_error_set(err, GM_UNTRUSTED, "a lease made for another worker");
    if (!gm_hash_equal(&lease.task, &task))
        return gm_error_set(err, GM_UNTRUSTED, "a lease that came with another task");

    gm_buf_fini(&worker->task);
    gm_buf_init(&worker->task, GM_TASK_ENCODED_MAX);
    gm_buf_append(&worker->task, message->task.data, message->task.size_bytes);
    gm_buf_fini(&worker->keep);
    gm_buf_init(&worker->keep, GM_TOKEN_BYTES_MAX);
    gm_buf_append(&worker->keep, message->token.data, message->token.size_bytes);
    if (worker->task.status != GM_OK || worker->keep.status != GM_OK)
        return gm_error_set(err, GM_NO_MEMORY, "a lease: not enough memory");
    worker->lease = lease;
    worker->lease_ns = event->now_ns;
    return GM_OK;
}

enum gm_status gm_worker_receipt_check(const struct gm_worker *worker, struct gm_bytes token,
                                       struct gm_error *err)
{
    struct gm_receipt_token receipt;
    struct gm_hash own = gm_key_thumbprint(&worker->config.key->public_key);
    GM_TRY(gm_receipt_token_open(&receipt, token, err));
    if (!gm_key_public_equal(&receipt.broker, &worker->config.broker))
        return gm_error_set(err, GM_UNTRUSTED, "a receipt signed by another key than the broker's");
    if (!gm_hash_equal(&receipt.worker, &own) ||
        memcmp(receipt.lease, worker->lease.lease, GM_ID_BYTES) != 0 ||
        !gm_hash_equal(&receipt.attestation, &worker->previous))
        return gm_error_set(err, GM_UNTRUSTED, "a receipt for another statement");
    return GM_OK;
}

static void attestation_fill(const struct gm_worker *worker, const struct gm_worker_done *done,
                             uint64_t unix_s, struct gm_attestation *out)
{
    const struct gm_lease_token *lease = &worker->lease;
    *out = (struct gm_attestation){
        .audience = gm_key_thumbprint(&worker->config.broker),
        .issued_s = unix_s,
        .work = {.task = lease->task,
                 .program = lease->program,
                 .inputs_root = done->inputs_root,
                 .outputs_root = done->outputs_root,
                 .flops = done->flops,
                 .status = done->diverged ? GM_WORK_DIVERGED : GM_WORK_DONE},
        .time = {.nonce_ns = worker->lease_ns,
                 .first_kernel_ns = done->first_kernel_ns,
                 .root_ns = done->root_ns,
                 .device_busy_ns = done->busy_ns},
        .chain = {.sequence = worker->sequence, .previous = worker->previous},
    };
    memcpy(out->nonce, lease->nonce, sizeof out->nonce);
    memcpy(out->work.lease, lease->lease, sizeof out->work.lease);
    memcpy(out->chain.instance, worker->instance, sizeof out->chain.instance);
    (void)snprintf(out->software, sizeof out->software, "%s", worker->config.software);
    (void)snprintf(out->version, sizeof out->version, "%s", worker->config.version);
    (void)snprintf(out->work.profile, sizeof out->work.profile, "%s", lease->profile);
}

enum gm_status gm_worker_attest(struct gm_worker *worker, const struct gm_worker_done *done,
                                uint64_t unix_s, struct gm_error *err)
{
    struct gm_attestation attestation;
    attestation_fill(worker, done, unix_s, &attestation);
    gm_buf_fini(&worker->attestation);
    gm_buf_init(&worker->attestation, GM_TOKEN_BYTES_MAX);
    gm_buf_fini(&worker->roots);
    gm_buf_init(&worker->roots, GM_WIRE_CONTROL_BYTES_MAX);
    gm_buf_append(&worker->roots, done->roots.data, done->roots.size_bytes);
    if (worker->roots.status != GM_OK)
        return gm_error_set(err, worker->roots.status, "an attestation: too many outputs");
    GM_TRY(gm_attestation_sign(&attestation, worker->config.key, &worker->attestation, err));
    worker->previous = gm_token_hash(gm_buf_view(&worker->attestation));
    worker->sequence++;
    return GM_OK;
}
