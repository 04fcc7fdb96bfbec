#include "person.h"

#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include <stdio.h>

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

void gm_person_work(struct gm_person *person, const struct gm_lab *lab,
                    const struct gm_reply *lease, struct gm_handwork *done)
{
    gm_handwork_do(done, lab, &lease->message.lease);
    gm_handwork_sign(done, &person->key);
}

static enum gm_status blob_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    const struct gm_handwork *done = ctx;
    (void)err;
    for (uint32_t i = 0; i < done->count; i++) {
        if (!gm_hash_equal(&done->roots[i], root))
            continue;
        memcpy(out, done->blobs[i] + offset_bytes, size_bytes);
        return GM_OK;
    }
    return GM_NOT_FOUND;
}

enum gm_status gm_person_upload(struct gm_person *person, const struct gm_handwork *done)
{
    struct gm_blob_source source = {(void *)(uintptr_t)done, blob_read};
    return gm_transfer_put(&person->transfer, done->lease, done->names, done->count, &source, NULL);
}

uint64_t gm_person_deliver(struct gm_person *person, const struct gm_handwork *done)
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
