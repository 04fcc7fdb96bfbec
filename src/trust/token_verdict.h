/* The verdict: a broker's signed judgement of an attested result. */
#ifndef GM_TRUST_TOKEN_VERDICT_H
#define GM_TRUST_TOKEN_VERDICT_H

#include "trust/key.h"
#include "trust/token.h"

enum { GM_VERDICT_REASON_SIZE = 201 };

enum gm_finding {
    GM_FINDING_ACCEPTED = 1, /* taken without a replay */
    GM_FINDING_REPLAYED = 2, /* taken; a replay gave the same roots */
    GM_FINDING_REJECTED = 3, /* a replay gave other roots */
    GM_FINDING_VOID = 4,     /* not used: another result was first, or the key was banned */
};

/* "accepted", "replayed", "rejected", "void"; "?" for no finding. */
const char *gm_finding_name(enum gm_finding finding);

struct gm_verdict_token {
    struct gm_key_public broker; /* who signs */
    struct gm_hash worker;       /* thumbprint */
    uint64_t issued_s;           /* Unix time */
    struct gm_hash attestation;  /* gm_token_hash of it */
    uint8_t lease[GM_TOKEN_ID_BYTES];
    enum gm_finding finding;
    char reason[GM_VERDICT_REASON_SIZE]; /* for people; may be empty */
};

/* Signs and appends the token to `out`; the broker is `key`, whatever the struct says. */
enum gm_status gm_verdict_token_sign(const struct gm_verdict_token *verdict,
                                     const struct gm_key *key, struct gm_buf *out,
                                     struct gm_error *err) GM_MUST_USE;
/* Valid, that is strictly encoded and signed by `broker`; GM_INVALID or GM_UNTRUSTED otherwise. */
enum gm_status gm_verdict_token_open(struct gm_verdict_token *verdict, struct gm_bytes token,
                                     struct gm_error *err) GM_MUST_USE;

#endif
