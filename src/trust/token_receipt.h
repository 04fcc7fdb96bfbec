/* The receipt: a broker's signed word that an attestation had come by a time of its own clock. It
   says nothing about whether the work is right. */
#ifndef GM_TRUST_TOKEN_RECEIPT_H
#define GM_TRUST_TOKEN_RECEIPT_H

#include "trust/key.h"
#include "trust/token.h"

struct gm_receipt_token {
    struct gm_key_public broker; /* who signs */
    struct gm_hash worker;       /* thumbprint */
    uint64_t issued_s;           /* Unix time */
    struct gm_hash attestation;  /* gm_token_hash of it */
    uint8_t lease[GM_TOKEN_ID_BYTES];
    /* One monotonic clock of the broker's: the lease's nonce was drawn at t0, the attestation was
       here at t1. Without t0 (the clock began anew in between) no time can be claimed. */
    bool has_t0;
    uint64_t t0_ns, t1_ns; /* t0 <= t1 */
};

/* t1 - t0, 0 without t0. */
uint64_t gm_receipt_elapsed_ns(const struct gm_receipt_token *receipt);

/* Signs and appends the token to `out`; the broker is `key`, whatever the struct says. GM_INVALID
   when t1 is before t0. */
enum gm_status gm_receipt_token_sign(const struct gm_receipt_token *receipt,
                                     const struct gm_key *key, struct gm_buf *out,
                                     struct gm_error *err) GM_MUST_USE;
/* Valid, that is strictly encoded and signed by `broker`; GM_INVALID or GM_UNTRUSTED otherwise. */
enum gm_status gm_receipt_token_open(struct gm_receipt_token *receipt, struct gm_bytes token,
                                     struct gm_error *err) GM_MUST_USE;

#endif
