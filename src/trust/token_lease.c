#include "trust/token_lease.h"

#include "trust/token_claims.h"

enum gm_status gm_lease_token_sign(const struct gm_lease_token *lease, const struct gm_key *key,
                                   struct gm_buf *out, struct gm_error *err)
{
    struct gm_buf payload;
    gm_buf_init(&payload, GM_TOKEN_BYTES_MAX);
    gm_cbor_put_map(&payload, 6);
    gm_claim_put_thumbprint(&payload, GM_CLAIM_SUB, &lease->worker);
    gm_claim_put_u64(&payload, GM_CLAIM_IAT, lease->issued_s);
    gm_cbor_put_u64(&payload, GM_CLAIM_NONCE);
    gm_cbor_put_bytes(&payload, lease->nonce, sizeof lease->nonce);
    gm_claim_put_profile(&payload, GM_TOKEN_LEASE);
    gm_cbor_put_i64(&payload, GM_CLAIM_LEASE);
    gm_cbor_put_map(&payload, 9);
    gm_claim_put_hash(&payload, 1, &lease->task);
    gm_claim_put_hash(&payload, 2, &lease->program);
    gm_claim_put_hash(&payload, 3, &lease->inputs_root);
    gm_claim_put_id(&payload, 4, lease->job);
    gm_claim_put_id(&payload, 5, lease->lease);
    gm_claim_put_u64(&payload, 6, lease->iterations);
    gm_claim_put_u64(&payload, 7, lease->seed);
    gm_claim_put_u64(&payload, 8, lease->deadline_unix_ms);
    gm_claim_put_text(&payload, 9, lease->profile);
    gm_cbor_put_i64(&payload, GM_CLAIM_SIGNER);
    gm_claim_put_cose_key(&payload, &key->public_key);
    return gm_token_sign(GM_TOKEN_LEASE, key, &payload, out, err);
}

static enum gm_status read_body(struct gm_cbor_reader *r, struct gm_lease_token *lease)
{
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_LEASE, "lease"));
    GM_TRY(gm_cbor_map_begin(r, "lease", NULL));
    GM_TRY(gm_claim_hash(r, 1, "task", &lease->task));
    GM_TRY(gm_claim_hash(r, 2, "program", &lease->program));
    GM_TRY(gm_claim_hash(r, 3, "inputs root", &lease->inputs_root));
    GM_TRY(gm_claim_id(r, 4, "job", lease->job));
    GM_TRY(gm_claim_id(r, 5, "lease id", lease->lease));
    GM_TRY(gm_claim_u64(r, 6, "iterations", &lease->iterations));
    GM_TRY(gm_claim_u64(r, 7, "seed", &lease->seed));
    GM_TRY(gm_claim_u64(r, 8, "deadline", &lease->deadline_unix_ms));
    GM_TRY(gm_claim_text(r, 9, "profile", lease->profile, sizeof lease->profile));
    return gm_cbor_end(r);
}

enum gm_status gm_lease_token_open(struct gm_lease_token *lease, struct gm_bytes token,
                                   struct gm_error *err)
{
    struct gm_cose cose;
    struct gm_cbor_reader reader;
    *lease = (struct gm_lease_token){0};
    GM_TRY(gm_token_begin(GM_TOKEN_LEASE, token, &cose, &reader, err));
    GM_TRY(gm_cbor_map_begin(&reader, "lease token", NULL));
    GM_TRY(gm_claim_thumbprint(&reader, GM_CLAIM_SUB, "sub", &lease->worker));
    GM_TRY(gm_claim_u64(&reader, GM_CLAIM_IAT, "iat", &lease->issued_s));
    GM_TRY(gm_cbor_map_key(&reader, GM_CLAIM_NONCE, "eat_nonce"));
    GM_TRY(gm_cbor_read_exact(&reader, "eat_nonce", lease->nonce, sizeof lease->nonce));
    GM_TRY(gm_claim_profile(&reader, GM_TOKEN_LEASE));
    GM_TRY(read_body(&reader, lease));
    GM_TRY(gm_cbor_map_key(&reader, GM_CLAIM_SIGNER, "signer"));
    GM_TRY(gm_claim_cose_key(&reader, "signer", &lease->broker));
    GM_TRY(gm_cbor_end(&reader));
    return gm_token_finish(&cose, &reader, &lease->broker, err);
}
