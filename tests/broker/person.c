#include "person.h"

#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "core/format.h"
#include "trust/blake3.h"
#include "trust/record.h"
#include "trust/tile.h"
#include "trust/token_lease.h"

enum { WAIT_MS = 20000 };

void gm_person_init(struct gm_person *person, uint8_t number, uint16_t port,
                    const struct gm_key_public *broker)
{
    uint8_t seed[GM_KEY_SIZE] = {number};
    char address[64];
    struct gm_error err = {.text = ""};
    gm_key_from_seed(&person->key, seed);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", port);
    struct gm_client_config config = {.address = address, .key = &person->key, .broker = *broker};
    cr_assert_eq(gm_client_open(&config, &person->client, &err), GM_OK, "%s", err.text);
    person->transfer = (struct gm_transfer){.client = person->client, .patience_ms = WAIT_MS};
}

void gm_person_fini(struct gm_person *person)
{
    gm_client_close(person->client);
}

void gm_person_ask(struct gm_person *person, const struct gm_message *message,
                   struct gm_reply *reply)
{
    struct gm_error err = {.text = ""};
    cr_assert_eq(gm_client_call(person->client, GM_PORT_CONTROL, message, WAIT_MS, reply, &err),
                 GM_OK, "%s", err.text);
}

bool gm_person_lease(struct gm_person *person, uint8_t request, uint64_t wait_ms,
                     struct gm_reply *reply)
{
    struct gm_message ask = {.type = GM_MESSAGE_LEASE_ASK};
    ask.lease_ask.request[0] = request;
    ask.lease_ask.wait_ms = wait_ms;
    ask.lease_ask.memory_bytes = 1 << 30;
    gm_person_ask(person, &ask, reply);
    if (reply->message.type == GM_MESSAGE_LEASE)
        return true;
    cr_assert_eq(reply->message.type, GM_MESSAGE_LEASE_NONE);
    gm_reply_fini(reply);
    return false;
}

/* Bytes of an output: unlike those of any other task. */
static uint8_t *output_make(const struct gm_hash *task, uint32_t index, uint64_t size_bytes)
{
    uint8_t *bytes = calloc(1, size_bytes);
    struct gm_hash seed = gm_lab_output(task, index, 0);
    memcpy(bytes, seed.bytes, size_bytes < GM_HASH_SIZE ? size_bytes : GM_HASH_SIZE);
    return bytes;
}

void gm_person_work(struct gm_person *person, const struct gm_lab *lab,
                    const struct gm_reply *lease, struct gm_work_done *done)
{
    const struct gm_msg_lease *message = &lease->message.lease;
    struct gm_lease_token token;
    struct gm_task task;
    struct gm_record records[64] = {{0}};
    struct gm_attestation said = {.issued_s = 1};
    memset(done, 0, sizeof *done);
    gm_buf_init(&done->attestation, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(gm_lease_token_open(&token, message->token, NULL), GM_OK);
    cr_assert_eq(gm_task_decode(message->task, &task, NULL), GM_OK);
    const struct gm_program *program = gm_lab_program(lab, &task.program);
    done->count = program->output_count;
    cr_assert(done->count <= 64);
    for (uint32_t i = 0; i < done->count; i++) {
        const struct gm_tensor_desc *desc = &program->values[program->outputs[i].value];
        struct gm_tile_layout layout;
        cr_assert_eq(gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype),
                                         desc->rank, desc->dims, NULL),
                     GM_OK);
        done->blobs[i] = output_make(&token.task, i, layout.blob_bytes);
        done->roots[i] = gm_blake3(done->blobs[i], layout.blob_bytes);
        done->names[i] = (struct gm_blob_name){done->roots[i], layout.blob_bytes};
        records[i] = (struct gm_record){
            .output = i, .dtype = desc->dtype, .rank = desc->rank, .root = done->roots[i]};
        memcpy(records[i].dims, desc->dims, sizeof records[i].dims);
    }
    said.audience = gm_key_thumbprint(&token.broker);
    memcpy(said.nonce, token.nonce, sizeof said.nonce);
    memcpy(said.work.lease, token.lease, GM_ID_BYTES);
    memcpy(done->lease, token.lease, GM_ID_BYTES);
    said.work.task = token.task;
    said.work.program = token.program;
    snprintf(said.work.profile, sizeof said.work.profile, "%s", GM_PROFILE_EXACT_F32);
    snprintf(said.software, sizeof said.software, "by hand");
    snprintf(said.version, sizeof said.version, "1");
    cr_assert_eq(gm_task_inputs_root(&task, program, &said.work.inputs_root), GM_OK);
    cr_assert_eq(gm_tensor_list_root(records, done->count, &said.work.outputs_root, NULL), GM_OK);
    cr_assert_eq(gm_attestation_sign(&said, &person->key, &done->attestation, NULL), GM_OK);
    gm_task_fini(&task);
}

static enum gm_status blob_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    const struct gm_work_done *done = ctx;
    (void)err;
    for (uint32_t i = 0; i < done->count; i++) {
        if (!gm_hash_equal(&done->roots[i], root))
            continue;
        memcpy(out, done->blobs[i] + offset_bytes, size_bytes);
        return GM_OK;
    }
    return GM_NOT_FOUND;
}

enum gm_status gm_person_upload(struct gm_person *person, const struct gm_work_done *done)
{
    struct gm_blob_source source = {(void *)(uintptr_t)done, blob_read};
    return gm_transfer_put(&person->transfer, done->lease, done->names, done->count, &source, NULL);
}

uint64_t gm_person_deliver(struct gm_person *person, const struct gm_work_done *done)
{
    struct gm_message attest = {.type = GM_MESSAGE_ATTEST};
    struct gm_message uploaded = {.type = GM_MESSAGE_UPLOADED};
    struct gm_reply reply;
    memcpy(attest.attest.lease, done->lease, GM_ID_BYTES);
    memcpy(uploaded.uploaded.lease, done->lease, GM_ID_BYTES);
    attest.attest.token = gm_buf_view(&done->attestation);
    attest.attest.roots =
        (struct gm_bytes){done->roots[0].bytes, done->count * sizeof done->roots[0]};
    gm_person_ask(person, &attest, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_RECEIPT);
    gm_reply_fini(&reply);
    cr_assert_eq(gm_person_upload(person, done), GM_OK);
    gm_person_ask(person, &uploaded, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_VERDICT);
    uint64_t verdict = reply.message.verdict.state;
    gm_reply_fini(&reply);
    return verdict;
}

void gm_work_done_fini(struct gm_work_done *done)
{
    for (uint32_t i = 0; i < done->count; i++)
        free(done->blobs[i]);
    gm_buf_fini(&done->attestation);
}
