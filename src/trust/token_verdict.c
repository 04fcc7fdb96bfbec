#include "trust/token_verdict.h"

#include "trust/token_claims.h"

const char *gm_finding_name(enum gm_finding finding)
{
    static const char *const names[] = {"?", "accepted", "replayed", "rejected", "void"};
    return finding >= GM_FINDING_ACCEPTED && finding <= GM_FINDING_VOID ? names[finding] : "?";
}

enum gm_status gm_verdict_token_sign(const struct gm_verdict_token *verdict,
                                     const struct gm_key *key, struct gm_buf *out,
                                     struct gm_error *err)
{
    struct gm_buf payload;
    gm_buf_init(&payload, GM_TOKEN_BYTES_MAX);
    gm_cbor_put_map(&payload, 5);
    gm_claim_put_thumbprint(&payload, GM_CLAIM_SUB, &verdict->worker);
    gm_claim_put_u64(&payload, GM_CLAIM_IAT, verdict->issued_s);
    gm_claim_put_profile(&payload, GM_TOKEN_VERDICT);
    gm_cbor_put_i64(&payload, GM_CLAIM_VERDICT);
    gm_cbor_put_map(&payload, 4);
    gm_claim_put_hash(&payload, 1, &verdict->attestation);
    gm_claim_put_id(&payload, 2, verdict->lease);
    gm_claim_put_u64(&payload, 3, (uint64_t)verdict->finding);
    gm_claim_put_text(&payload, 4, verdict->reason);
    gm_cbor_put_i64(&payload, GM_CLAIM_SIGNER);
    gm_claim_put_cose_key(&payload, &key->public_key);
    return gm_token_sign(GM_TOKEN_VERDICT, key, &payload, out, err);
}

static enum gm_status read_body(struct gm_cbor_reader *r, struct gm_verdict_token *verdict)
{
    uint64_t finding = 0;
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_VERDICT, "verdict"));
    GM_TRY(gm_cbor_map_begin(r, "verdict", NULL));
    GM_TRY(gm_claim_hash(r, 1, "attestation", &verdict->attestation));
    GM_TRY(gm_claim_id(r, 2, "lease id", verdict->lease));
    GM_TRY(gm_cbor_map_key(r, 3, "finding"));
    GM_TRY(gm_cbor_read_u64_max(r, "finding", GM_FINDING_VOID, &finding));
    if (finding < GM_FINDING_ACCEPTED)
        return gm_error_set(r->err, GM_INVALID, "finding: 0 is none");
    verdict->finding = (enum gm_finding)finding;
    GM_TRY(gm_claim_text(r, 4, "reason", verdict->reason, sizeof verdict->reason));
    return gm_cbor_end(r);
}

enum gm_status gm_verdict_token_open(struct gm_verdict_token *verdict, struct gm_bytes token,
                                     struct gm_error *err)
{
    struct gm_cose cose;
    struct gm_cbor_reader reader;
    *verdict = (struct gm_verdict_token){0};
    GM_TRY(gm_token_begin(GM_TOKEN_VERDICT, token, &cose, &reader, err));
    GM_TRY(gm_cbor_map_begin(&reader, "verdict token", NULL));
    GM_TRY(gm_claim_thumbprint(&reader, GM_CLAIM_SUB, "sub", &verdict->worker));
    GM_TRY(gm_claim_u64(&reader, GM_CLAIM_IAT, "iat", &verdict->issued_s));
    GM_TRY(gm_claim_profile(&reader, GM_TOKEN_VERDICT));
    GM_TRY(read_body(&reader, verdict));
    GM_TRY(gm_cbor_map_key(&reader, GM_CLAIM_SIGNER, "signer"));
    GM_TRY(gm_claim_cose_key(&reader, "signer", &verdict->broker));
    GM_TRY(gm_cbor_end(&reader));
    return gm_token_finish(&cose, &reader, &verdict->broker, err);
}
