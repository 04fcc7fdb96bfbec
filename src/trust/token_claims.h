/* Inside tokens: claims that several kinds share, and the way from a payload to a token and back.
 */
#ifndef GM_TRUST_TOKEN_CLAIMS_H
#define GM_TRUST_TOKEN_CLAIMS_H

#include "trust/cbor.h"
#include "trust/cose.h"
#include "trust/token.h"

/* CWT and EAT claims (RFC 8392, 8747, 9711), and ours, which are private use. */
enum gm_claim {
    GM_CLAIM_SUB = 2,
    GM_CLAIM_AUD = 3,
    GM_CLAIM_IAT = 6,
    GM_CLAIM_CNF = 8,
    GM_CLAIM_NONCE = 10,
    GM_CLAIM_PROFILE = 265,
    GM_CLAIM_SWNAME = 270,
    GM_CLAIM_SWVERSION = 271,
    GM_CLAIM_WORK = -65537,
    GM_CLAIM_TIME = -65538,
    GM_CLAIM_CHAIN = -65539,
    GM_CLAIM_LEASE = -65540,
    GM_CLAIM_RECEIPT = -65541,
    GM_CLAIM_VERDICT = -65542,
    GM_CLAIM_SIGNER = -65543,
};

struct gm_token_form {
    const char *name, *typ, *profile;
};
const struct gm_token_form *gm_token_form(enum gm_token_kind kind);

/* Key and value of a claim. A key is named by its thumbprint as a URI (RFC 9679, 5), because `sub`
   and `aud` are texts. */
void gm_claim_put_thumbprint(struct gm_buf *buf, int64_t claim, const struct gm_hash *print);
void gm_claim_put_profile(struct gm_buf *buf, enum gm_token_kind kind);
void gm_claim_put_hash(struct gm_buf *buf, int64_t claim, const struct gm_hash *hash);
void gm_claim_put_id(struct gm_buf *buf, int64_t claim, const uint8_t id[static GM_TOKEN_ID_BYTES]);
void gm_claim_put_u64(struct gm_buf *buf, int64_t claim, uint64_t value);
void gm_claim_put_text(struct gm_buf *buf, int64_t claim, const char *text);
/* The value alone: {1: 1, -1: 6, -2: x}. */
void gm_claim_put_cose_key(struct gm_buf *buf, const struct gm_key_public *key);

enum gm_status gm_claim_thumbprint(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                                   struct gm_hash *out) GM_MUST_USE;
enum gm_status gm_claim_profile(struct gm_cbor_reader *reader, enum gm_token_kind kind) GM_MUST_USE;
enum gm_status gm_claim_hash(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                             struct gm_hash *out) GM_MUST_USE;
enum gm_status gm_claim_id(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                           uint8_t out[static GM_TOKEN_ID_BYTES]) GM_MUST_USE;
enum gm_status gm_claim_u64(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                            uint64_t *out) GM_MUST_USE;
enum gm_status gm_claim_text(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                             char *out, size_t size_bytes) GM_MUST_USE;
/* The value alone; the key must be a valid one. */
enum gm_status gm_claim_cose_key(struct gm_cbor_reader *reader, const char *field,
                                 struct gm_key_public *out) GM_MUST_USE;

/* Signs the payload as a token of this kind, appends it to `out`, and frees the payload. */
enum gm_status gm_token_sign(enum gm_token_kind kind, const struct gm_key *key,
                             struct gm_buf *payload, struct gm_buf *out,
                             struct gm_error *err) GM_MUST_USE;
/* Parses a token of this kind and places the reader before its payload. */
enum gm_status gm_token_begin(enum gm_token_kind kind, struct gm_bytes token, struct gm_cose *cose,
                              struct gm_cbor_reader *reader, struct gm_error *err) GM_MUST_USE;
/* The payload must be read to its end; checks the signature. */
enum gm_status gm_token_finish(const struct gm_cose *cose, struct gm_cbor_reader *reader,
                               const struct gm_key_public *signer,
                               struct gm_error *err) GM_MUST_USE;

#endif
