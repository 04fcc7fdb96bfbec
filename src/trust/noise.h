/* Noise_IK_25519_ChaChaPoly_BLAKE2b (Noise revision 34) on libsodium, for sessions between Ed25519
   identities: the initiator knows the responder's key beforehand, the responder learns the
   initiator's. Two messages, then one cipher for each direction with explicit 64-bit counters, so
   that messages may arrive in any order; a sliding window refuses what comes twice.

       initiator                                   responder
       gm_noise_initiator_init(key, broker key)    gm_noise_responder_init(key)
       gm_noise_write  ---- e, es, s, ss ---->     gm_noise_read
       gm_noise_read   <--- e, ee, se --------     gm_noise_write
       gm_noise_split                              gm_noise_split

   The first payload is secret to the responder's key but may be a replay: act on it only after a
   transport message has opened. A state belongs to one thread at a time; nothing here blocks. */
#ifndef GM_TRUST_NOISE_H
#define GM_TRUST_NOISE_H

#include "base/bytes.h"
#include "trust/key.h"

enum {
    GM_NOISE_KEY_BYTES = 32,
    GM_NOISE_TAG_BYTES = 16,
    GM_NOISE_HASH_BYTES = 64,
    GM_NOISE_MESSAGE_BYTES_MAX = 65535,
    GM_NOISE_FIRST_BYTES = 96,  /* of message 1 beyond its payload */
    GM_NOISE_SECOND_BYTES = 48, /* of message 2 beyond its payload */
};

enum gm_noise_step {
    GM_NOISE_WRITE_1,
    GM_NOISE_READ_1,
    GM_NOISE_WRITE_2,
    GM_NOISE_READ_2,
    GM_NOISE_DONE,
    GM_NOISE_FAILED
};

/* Secret throughout: end it with split or wipe. Names are those of the Noise specification. */
struct gm_noise_handshake {
    enum gm_noise_step step;
    bool initiator;
    uint64_t n;
    uint8_t k[GM_NOISE_KEY_BYTES];
    uint8_t ck[GM_NOISE_HASH_BYTES];
    uint8_t h[GM_NOISE_HASH_BYTES];
    uint8_t s_secret[GM_NOISE_KEY_BYTES], s[GM_NOISE_KEY_BYTES];
    uint8_t e_secret[GM_NOISE_KEY_BYTES], e[GM_NOISE_KEY_BYTES];
    uint8_t rs[GM_NOISE_KEY_BYTES], re[GM_NOISE_KEY_BYTES];
};

/* `prologue` is what both sides must agree on besides the keys: protocol and version. */
enum gm_status gm_noise_initiator_init(struct gm_noise_handshake *handshake,
                                       const struct gm_key *identity,
                                       const struct gm_key_public *responder,
                                       struct gm_bytes prologue, struct gm_error *err) GM_MUST_USE;
enum gm_status gm_noise_responder_init(struct gm_noise_handshake *handshake,
                                       const struct gm_key *identity, struct gm_bytes prologue,
                                       struct gm_error *err) GM_MUST_USE;
void gm_noise_wipe(struct gm_noise_handshake *handshake);

/* Appends this side's message to `out`. GM_LIMIT for a payload that does not fit a message. */
enum gm_status gm_noise_write(struct gm_noise_handshake *handshake, struct gm_bytes payload,
                              struct gm_buf *out, struct gm_error *err) GM_MUST_USE;
/* Takes the other side's message and appends its payload. GM_PEER for a message that is too short
   or too long, GM_UNTRUSTED when it does not open: another key was meant, another protocol is
   spoken, or it was changed. After a failure the handshake is over. */
enum gm_status gm_noise_read(struct gm_noise_handshake *handshake, struct gm_bytes message,
                             struct gm_buf *payload, struct gm_error *err) GM_MUST_USE;
/* Whether the other side has proved to hold this identity; on the responder after message 1. The
   X25519 key in the handshake does not tell the Ed25519 key, so the initiator says it in a payload
   and the responder asks here. */
bool gm_noise_peer_is(const struct gm_noise_handshake *handshake,
                      const struct gm_key_public *identity) GM_MUST_USE;

struct gm_noise_cipher {
    uint8_t key[GM_NOISE_KEY_BYTES];
};

struct gm_noise_session {
    struct gm_noise_cipher send, receive;
    uint8_t handshake_hash[GM_NOISE_HASH_BYTES]; /* the same on both sides, unique, not secret */
};

/* After both messages; wipes the handshake. */
void gm_noise_split(struct gm_noise_handshake *handshake, struct gm_noise_session *session);
void gm_noise_session_wipe(struct gm_noise_session *session);

/* Writes plain.size_bytes + 16 bytes; `out` may be where the plain text is. A counter must never be
   used twice with one cipher, and UINT64_MAX not at all. `ad` is authenticated, not hidden. */
void gm_noise_seal(const struct gm_noise_cipher *cipher, uint64_t counter, struct gm_bytes ad,
                   struct gm_bytes plain, uint8_t *out);
/* Writes sealed.size_bytes - 16 bytes, in place if wanted; false, and nothing that may be used,
   when it is not authentic. */
bool gm_noise_open(const struct gm_noise_cipher *cipher, uint64_t counter, struct gm_bytes ad,
                   struct gm_bytes sealed, uint8_t *out) GM_MUST_USE;

enum { GM_NOISE_WINDOW_COUNTERS = 1024 };

/* Which counters have been received: zeros at the start. */
struct gm_noise_window {
    uint64_t next; /* one above the highest counter taken */
    uint64_t seen[GM_NOISE_WINDOW_COUNTERS / 64];
};

/* Neither taken before nor too old to know; asked before a message is opened, to save the work. */
bool gm_noise_window_fits(const struct gm_noise_window *window, uint64_t counter);
/* Takes the counter of a message that did open; false when it does not fit. Only authentic counters
   may move the window. */
bool gm_noise_window_take(struct gm_noise_window *window, uint64_t counter) GM_MUST_USE;

#endif
