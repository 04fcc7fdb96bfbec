/* A responder before any peer: whatever comes as the first message is refused, and a true first
   message opens only if not one bit of it was changed. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "trust/noise.h"
#include "trust/noise_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static enum gm_status respond(const struct gm_key *broker, struct gm_bytes message)
{
    static const struct gm_bytes prologue = {(const uint8_t *)"fuzz", 4};
    struct gm_noise_handshake responder;
    struct gm_buf payload;
    enum gm_status status = gm_noise_responder_init(&responder, broker, prologue, NULL);
    assert(status == GM_OK);
    gm_buf_init(&payload, GM_NOISE_MESSAGE_BYTES_MAX);
    status = gm_noise_read(&responder, message, &payload, NULL);
    assert(status == GM_OK || payload.size_bytes == 0);
    gm_buf_fini(&payload);
    gm_noise_wipe(&responder);
    return status;
}

static void first_message(const struct gm_key *worker, const struct gm_key *broker,
                          struct gm_buf *out)
{
    static const struct gm_bytes text = {(const uint8_t *)"fuzz", 4};
    static const uint8_t ephemeral[32] = {9};
    struct gm_noise_handshake initiator;
    enum gm_status status =
        gm_noise_initiator_init(&initiator, worker, &broker->public_key, text, NULL);
    assert(status == GM_OK);
    status = gm_noise_write_with(&initiator, ephemeral, text, out, NULL);
    assert(status == GM_OK);
    gm_noise_wipe(&initiator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const uint8_t seed_of_worker[32] = {1}, seed_of_broker[32] = {2};
    struct gm_key worker, broker;
    struct gm_buf message, changed;
    gm_key_from_seed(&worker, seed_of_worker);
    gm_key_from_seed(&broker, seed_of_broker);
    enum gm_status status = respond(&broker, (struct gm_bytes){data, size_bytes});
    assert(status == GM_PEER || status == GM_UNTRUSTED);

    gm_buf_init(&message, GM_NOISE_MESSAGE_BYTES_MAX);
    gm_buf_init(&changed, GM_NOISE_MESSAGE_BYTES_MAX);
    first_message(&worker, &broker, &message);
    gm_buf_append(&changed, message.data, message.size_bytes);
    for (size_t i = 0; i + 1 < size_bytes; i += 2)
        changed.data[data[i] % changed.size_bytes] ^= data[i + 1];
    status = respond(&broker, gm_buf_view(&changed));
    /* X25519 ignores the top bit of a public key, but the transcript does not. */
    assert((status == GM_OK) == gm_bytes_equal(gm_buf_view(&message), gm_buf_view(&changed)));
    gm_buf_fini(&message);
    gm_buf_fini(&changed);
    return 0;
}
