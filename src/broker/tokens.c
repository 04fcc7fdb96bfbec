#include "broker/tokens.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/table.h"
#include "core/format.h"
#include "trust/attestation.h"
#include "trust/record.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "trust/token_verdict.h"

static struct gm_bytes view(const struct gm_broker_text *text)
{
    return (struct gm_bytes){text->data, text->size_bytes};
}

/* Keeps what a signer appended, when it did. */
static enum gm_status keep(enum gm_status status, struct gm_buf *token, struct gm_broker_text *out)
{
    if (status == GM_OK)
        status = gm_broker_text_set(out, gm_buf_view(token));
    gm_buf_fini(token);
    return status;
}

enum gm_status gm_broker_sign_lease(struct gm_broker *broker, const struct gm_broker_job *job,
                                    struct gm_broker_lease *lease, uint64_t seed)
{
    struct gm_lease_token token = {
        .worker = gm_key_thumbprint(&lease->key),
        .issued_s = lease->granted_unix_ms / 1000,
        .task = lease->task_name,
        .program = *gm_graph_program_name(&job->recipe, lease->task),
        .inputs_root = lease->inputs_root,
        .iterations = 1,
        .seed = seed,
        .deadline_unix_ms = lease->granted_unix_ms + lease->length_ms,
        .profile = GM_PROFILE_EXACT_F32,
    };
    memcpy(token.nonce, lease->nonce, sizeof token.nonce);
    memcpy(token.job, job->id.bytes, GM_ID_BYTES);
    memcpy(token.lease, lease->id.bytes, GM_ID_BYTES);
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_TOKEN_BYTES_MAX);
    enum gm_status status = gm_lease_token_sign(&token, broker->config.key, &bytes, NULL);
    return keep(status, &bytes, &lease->token);
}

/* The attested list root over the program's outputs. */
static enum gm_status outputs_root(const struct gm_program *program, const struct gm_hash *roots,
                                   uint32_t root_count, struct gm_hash *out)
{
    struct gm_record *records = gm_mem_new(root_count, sizeof *records);
    if (records == NULL)
        return GM_NO_MEMORY;
    for (uint32_t i = 0; i < root_count; i++) {
        const struct gm_tensor_desc *desc = &program->values[program->outputs[i].value];
        records[i] = (struct gm_record){
            .output = i, .dtype = desc->dtype, .rank = desc->rank, .root = roots[i]};
        memcpy(records[i].dims, desc->dims, sizeof records[i].dims);
    }
    enum gm_status status = gm_tensor_list_root(records, root_count, out, NULL);
    gm_mem_free(records);
    return status;
}

static enum gm_status hash_check(const char *field, const struct gm_hash *said,
                                 const struct gm_hash *expected, struct gm_error *err)
{
    char said_hex[GM_HASH_HEX_SIZE];
    char expected_hex[GM_HASH_HEX_SIZE];
    if (gm_hash_equal(said, expected))
        return GM_OK;
    return gm_error_set(err, GM_UNTRUSTED, "attestation: %s is %s, not %s", field,
                        gm_hash_hex(said_hex, said), gm_hash_hex(expected_hex, expected));
}

enum gm_status gm_broker_check_attestation(const struct gm_broker *broker,
                                           const struct gm_broker_job *job,
                                           const struct gm_broker_lease *lease,
                                           struct gm_bytes token, const struct gm_hash *roots,
                                           uint32_t root_count, bool *diverged,
                                           struct gm_error *err)
{
    struct gm_attestation said;
    struct gm_hash outputs;
    const struct gm_program *program = gm_graph_program(&job->recipe, &job->programs, lease->task);
    GM_TRY(gm_attestation_open(&said, token, err));
    if (!gm_key_public_equal(&said.worker, &lease->key))
        return gm_error_set(err, GM_UNTRUSTED, "attestation: signed by another key");
    if (memcmp(said.nonce, lease->nonce, sizeof said.nonce) != 0)
        return gm_error_set(err, GM_UNTRUSTED, "attestation: the nonce is not the lease's");
    if (memcmp(said.work.lease, lease->id.bytes, GM_ID_BYTES) != 0)
        return gm_error_set(err, GM_UNTRUSTED, "attestation: of another lease");
    if (strcmp(said.work.profile, GM_PROFILE_EXACT_F32) != 0)
        return gm_error_set(err, GM_UNTRUSTED, "attestation: profile \"%s\", not \"%s\"",
                            said.work.profile, GM_PROFILE_EXACT_F32);
    GM_TRY(hash_check("audience", &said.audience, &broker->audience, err));
    GM_TRY(hash_check("task", &said.work.task, &lease->task_name, err));
    GM_TRY(hash_check("program", &said.work.program,
                      gm_graph_program_name(&job->recipe, lease->task), err));
    GM_TRY(hash_check("inputs root", &said.work.inputs_root, &lease->inputs_root, err));
    GM_TRY(outputs_root(program, roots, root_count, &outputs));
    GM_TRY(hash_check("outputs root", &said.work.outputs_root, &outputs, err));
    *diverged = said.work.status == GM_WORK_DIVERGED;
    return GM_OK;
}

enum gm_status gm_broker_sign_receipt(struct gm_broker *broker, struct gm_broker_lease *lease)
{
    const struct gm_broker_time *now = &broker->event->now;
    struct gm_receipt_token token = {
        .worker = gm_key_thumbprint(&lease->key),
        .issued_s = now->unix_ms / 1000,
        .attestation = gm_token_hash(view(&lease->attestation)),
        .has_t0 = lease->granted_here,
        .t0_ns = lease->granted_here ? (uint64_t)lease->granted_mono_ms * 1000000 : 0,
        .t1_ns = now->mono_ms * 1000000,
    };
    memcpy(token.lease, lease->id.bytes, GM_ID_BYTES);
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_TOKEN_BYTES_MAX);
    enum gm_status status = gm_receipt_token_sign(&token, broker->config.key, &bytes, NULL);
    return keep(status, &bytes, &lease->receipt);
}

static enum gm_finding finding_of(const struct gm_broker *broker,
                                  const struct gm_broker_lease *lease)
{
    if (lease->verdict == GM_VERDICT_REJECTED)
        return GM_FINDING_REJECTED;
    if (lease->verdict == GM_VERDICT_VOID)
        return GM_FINDING_VOID;
    const struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    const struct gm_broker_task *task = job == NULL ? NULL : gm_broker_task_find(job, lease->task);
    return task != NULL && task->replay == GM_BROKER_CONFIRMED ? GM_FINDING_REPLAYED
                                                               : GM_FINDING_ACCEPTED;
}

enum gm_status gm_broker_sign_verdict(struct gm_broker *broker, struct gm_broker_lease *lease)
{
    struct gm_verdict_token token = {
        .worker = gm_key_thumbprint(&lease->key),
        .issued_s = broker->event->now.unix_ms / 1000,
        .attestation = gm_token_hash(view(&lease->attestation)),
        .finding = finding_of(broker, lease),
    };
    memcpy(token.lease, lease->id.bytes, GM_ID_BYTES);
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_TOKEN_BYTES_MAX);
    enum gm_status status = gm_verdict_token_sign(&token, broker->config.key, &bytes, NULL);
    return keep(status, &bytes, &lease->verdict_token);
}
