#include "trust/noise_state.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

static struct gm_bytes key_view(const uint8_t key[GM_NOISE_KEY_BYTES])
{
    return (struct gm_bytes){key, GM_NOISE_KEY_BYTES};
}

void gm_noise_start(struct gm_noise_handshake *handshake, const uint8_t s_secret[static 32],
                    const uint8_t *rs, struct gm_bytes prologue)
{
    static const char name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2b";
    _Static_assert(sizeof name - 1 <= GM_NOISE_HASH_BYTES, "a longer name would be hashed");
    *handshake = (struct gm_noise_handshake){.initiator = rs != NULL};
    handshake->step = handshake->initiator ? GM_NOISE_WRITE_1 : GM_NOISE_READ_1;
    memcpy(handshake->h, name, sizeof name - 1);
    memcpy(handshake->ck, handshake->h, sizeof handshake->ck);
    memcpy(handshake->s_secret, s_secret, sizeof handshake->s_secret);
    (void)crypto_scalarmult_base(handshake->s, handshake->s_secret);
    if (rs != NULL)
        memcpy(handshake->rs, rs, sizeof handshake->rs);
    gm_noise_mix_hash(handshake, prologue);
    /* IK's pre-message: the responder's static key. */
    gm_noise_mix_hash(handshake, key_view(rs != NULL ? handshake->rs : handshake->s));
}

static enum gm_status start_as(struct gm_noise_handshake *handshake, const struct gm_key *identity,
                               const uint8_t *rs, struct gm_bytes prologue, struct gm_error *err)
{
    uint8_t secret[GM_NOISE_KEY_BYTES];
    if (sodium_init() < 0)
        return gm_error_set(err, GM_UNAVAILABLE, "libsodium cannot start: no source of randomness");
    gm_key_to_x25519(identity, secret);
    gm_noise_start(handshake, secret, rs, prologue);
    sodium_memzero(secret, sizeof secret);
    return GM_OK;
}

enum gm_status gm_noise_initiator_init(struct gm_noise_handshake *handshake,
                                       const struct gm_key *identity,
                                       const struct gm_key_public *responder,
                                       struct gm_bytes prologue, struct gm_error *err)
{
    uint8_t rs[GM_NOISE_KEY_BYTES];
    if (!gm_key_public_to_x25519(responder, rs))
        return gm_error_set(err, GM_INVALID, "the other side's key is no Ed25519 public key");
    return start_as(handshake, identity, rs, prologue, err);
}

enum gm_status gm_noise_responder_init(struct gm_noise_handshake *handshake,
                                       const struct gm_key *identity, struct gm_bytes prologue,
                                       struct gm_error *err)
{
    return start_as(handshake, identity, NULL, prologue, err);
}

void gm_noise_wipe(struct gm_noise_handshake *handshake)
{
    sodium_memzero(handshake, sizeof *handshake);
    handshake->step = GM_NOISE_FAILED;
}

static enum gm_status fail(struct gm_noise_handshake *handshake, enum gm_status status,
                           const char *story, struct gm_error *err)
{
    gm_noise_wipe(handshake);
    return gm_error_set(err, status, "handshake: %s", story);
}

/* MixKey(DH(secret, public)); false when the result is all zeros: a key of small order. */
static bool mix_dh(struct gm_noise_handshake *handshake, const uint8_t *secret,
                   const uint8_t *public_key)
{
    uint8_t shared[GM_NOISE_KEY_BYTES];
    bool usable = crypto_scalarmult(shared, secret, public_key) == 0;
    if (usable)
        gm_noise_mix_key(handshake, key_view(shared));
    sodium_memzero(shared, sizeof shared);
    return usable;
}

enum gm_status gm_noise_write_with(struct gm_noise_handshake *handshake,
                                   const uint8_t e_secret[static 32], struct gm_bytes payload,
                                   struct gm_buf *out, struct gm_error *err)
{
    bool first = handshake->step == GM_NOISE_WRITE_1;
    size_t beyond_bytes = first ? GM_NOISE_FIRST_BYTES : GM_NOISE_SECOND_BYTES;
    assert(first || handshake->step == GM_NOISE_WRITE_2);
    if (payload.size_bytes > GM_NOISE_MESSAGE_BYTES_MAX - beyond_bytes)
        return gm_error_set(err, GM_LIMIT, "handshake: a payload of %zu bytes, at most %zu fit",
                            payload.size_bytes, GM_NOISE_MESSAGE_BYTES_MAX - beyond_bytes);
    uint8_t *at = gm_buf_extend(out, payload.size_bytes + beyond_bytes);
    if (at == NULL)
        return gm_error_set(err, out->status, "handshake: no room for the message");
    memcpy(handshake->e_secret, e_secret, sizeof handshake->e_secret);
    (void)crypto_scalarmult_base(handshake->e, handshake->e_secret);
    memcpy(at, handshake->e, sizeof handshake->e);
    gm_noise_mix_hash(handshake, key_view(handshake->e));
    at += sizeof handshake->e;
    bool usable;
    if (first) {
        usable = mix_dh(handshake, handshake->e_secret, handshake->rs);
        gm_noise_encrypt_and_hash(handshake, key_view(handshake->s), at);
        at += GM_NOISE_KEY_BYTES + GM_NOISE_TAG_BYTES;
        usable = usable && mix_dh(handshake, handshake->s_secret, handshake->rs);
    } else {
        usable = mix_dh(handshake, handshake->e_secret, handshake->re) &&
                 mix_dh(handshake, handshake->e_secret, handshake->rs);
    }
    if (!usable)
        return fail(handshake, GM_UNTRUSTED, "the other side's key is of small order", err);
    gm_noise_encrypt_and_hash(handshake, payload, at);
    handshake->step = first ? GM_NOISE_READ_2 : GM_NOISE_DONE;
    return GM_OK;
}

enum gm_status gm_noise_write(struct gm_noise_handshake *handshake, struct gm_bytes payload,
                              struct gm_buf *out, struct gm_error *err)
{
    uint8_t e_secret[GM_NOISE_KEY_BYTES];
    randombytes_buf(e_secret, sizeof e_secret);
    enum gm_status status = gm_noise_write_with(handshake, e_secret, payload, out, err);
    sodium_memzero(e_secret, sizeof e_secret);
    return status;
}

/* e, then what each message mixes in; true when all of it opens. Moves `message` to the payload. */
static bool read_keys(struct gm_noise_handshake *handshake, struct gm_bytes *message)
{
    const size_t sealed_key_bytes = GM_NOISE_KEY_BYTES + GM_NOISE_TAG_BYTES;
    memcpy(handshake->re, message->data, sizeof handshake->re);
    gm_noise_mix_hash(handshake, key_view(handshake->re));
    *message = (struct gm_bytes){message->data + GM_NOISE_KEY_BYTES,
                                 message->size_bytes - GM_NOISE_KEY_BYTES};
    if (handshake->step == GM_NOISE_READ_2)
        return mix_dh(handshake, handshake->e_secret, handshake->re) &&
               mix_dh(handshake, handshake->s_secret, handshake->re);
    if (!mix_dh(handshake, handshake->s_secret, handshake->re))
        return false;
    struct gm_bytes sealed_key = {message->data, sealed_key_bytes};
    *message =
        (struct gm_bytes){message->data + sealed_key_bytes, message->size_bytes - sealed_key_bytes};
    return gm_noise_decrypt_and_hash(handshake, sealed_key, handshake->rs) &&
           mix_dh(handshake, handshake->s_secret, handshake->rs);
}

enum gm_status gm_noise_read(struct gm_noise_handshake *handshake, struct gm_bytes message,
                             struct gm_buf *payload, struct gm_error *err)
{
    bool first = handshake->step == GM_NOISE_READ_1;
    size_t beyond_bytes = first ? GM_NOISE_FIRST_BYTES : GM_NOISE_SECOND_BYTES;
    assert(first || handshake->step == GM_NOISE_READ_2);
    if (message.size_bytes < beyond_bytes || message.size_bytes > GM_NOISE_MESSAGE_BYTES_MAX)
        return fail(handshake, GM_PEER, "the message is too short or too long to be one", err);
    size_t before_bytes = payload->size_bytes;
    uint8_t *room = gm_buf_extend(payload, message.size_bytes - beyond_bytes + 1);
    if (room == NULL) /* one byte more, so that an empty payload has an address, too */
        return fail(handshake, payload->status, "no room for the payload", err);
    payload->size_bytes--;
    if (!read_keys(handshake, &message) || !gm_noise_decrypt_and_hash(handshake, message, room)) {
        payload->size_bytes = before_bytes;
        return fail(handshake, GM_UNTRUSTED,
                    "the message does not open: it was meant for another key, speaks another "
                    "protocol, or was changed on its way",
                    err);
    }
    handshake->step = first ? GM_NOISE_WRITE_2 : GM_NOISE_DONE;
    return GM_OK;
}

bool gm_noise_peer_is(const struct gm_noise_handshake *handshake,
                      const struct gm_key_public *identity)
{
    uint8_t x25519[GM_NOISE_KEY_BYTES];
    assert(handshake->initiator || handshake->step == GM_NOISE_WRITE_2 ||
           handshake->step == GM_NOISE_DONE);
    return gm_key_public_to_x25519(identity, x25519) &&
           memcmp(x25519, handshake->rs, sizeof x25519) == 0;
}

void gm_noise_split(struct gm_noise_handshake *handshake, struct gm_noise_session *session)
{
    uint8_t to_responder[GM_NOISE_HASH_BYTES], to_initiator[GM_NOISE_HASH_BYTES];
    assert(handshake->step == GM_NOISE_DONE);
    gm_noise_hkdf(handshake->ck, (struct gm_bytes){NULL, 0}, to_responder, to_initiator);
    memcpy(session->send.key, handshake->initiator ? to_responder : to_initiator,
           sizeof session->send.key);
    memcpy(session->receive.key, handshake->initiator ? to_initiator : to_responder,
           sizeof session->receive.key);
    memcpy(session->handshake_hash, handshake->h, sizeof session->handshake_hash);
    sodium_memzero(to_responder, sizeof to_responder);
    sodium_memzero(to_initiator, sizeof to_initiator);
    gm_noise_wipe(handshake);
}
