/* The lease: a broker's signed promise of one task to one worker until a deadline. */
#ifndef GM_TRUST_TOKEN_LEASE_H
#define GM_TRUST_TOKEN_LEASE_H

#include "trust/key.h"
#include "trust/token.h"

enum { GM_LEASE_PROFILE_SIZE = 64 };

struct gm_lease_token {
    struct gm_key_public broker;         /* who signs */
    struct gm_hash worker;               /* thumbprint of the only key that may use it */
    uint64_t issued_s;                   /* Unix time */
    uint8_t nonce[GM_TOKEN_NONCE_BYTES]; /* fresh; the attestation must carry it */
    struct gm_hash task, program, inputs_root;
    uint8_t job[GM_TOKEN_ID_BYTES]; /* opaque: says nothing about the job but sameness */
    uint8_t lease[GM_TOKEN_ID_BYTES];
    uint64_t iterations;
    uint64_t seed;
    uint64_t deadline_unix_ms;
    char profile[GM_LEASE_PROFILE_SIZE]; /* "exact-f32/1" */
};

/* Signs and appends the token to `out`; the broker is `key`, whatever the struct says. */
enum gm_status gm_lease_token_sign(const struct gm_lease_token *lease, const struct gm_key *key,
                                   struct gm_buf *out, struct gm_error *err) GM_MUST_USE;
/* Valid, that is strictly encoded and signed by `broker`; GM_INVALID or GM_UNTRUSTED otherwise. */
enum gm_status gm_lease_token_open(struct gm_lease_token *lease, struct gm_bytes token,
                                   struct gm_error *err) GM_MUST_USE;

#endif
