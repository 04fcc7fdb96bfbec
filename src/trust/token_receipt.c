#include "trust/token_receipt.h"

#include "trust/token_claims.h"

uint64_t gm_receipt_elapsed_ns(const struct gm_receipt_token *receipt)
{
    return receipt->has_t0 ? receipt->t1_ns - receipt->t0_ns : 0;
}

static enum gm_status check_times(const struct gm_receipt_token *receipt, struct gm_error *err)
{
    if (receipt->has_t0 && receipt->t1_ns < receipt->t0_ns)
        return gm_error_set(err, GM_INVALID, "receipt: t1 is before t0");
    return GM_OK;
}

enum gm_status gm_receipt_token_sign(const struct gm_receipt_token *receipt,
                                     const struct gm_key *key, struct gm_buf *out,
                                     struct gm_error *err)
{
    struct gm_buf payload;
    GM_TRY(check_times(receipt, err));
    gm_buf_init(&payload, GM_TOKEN_BYTES_MAX);
    gm_cbor_put_map(&payload, 5);
    gm_claim_put_thumbprint(&payload, GM_CLAIM_SUB, &receipt->worker);
    gm_claim_put_u64(&payload, GM_CLAIM_IAT, receipt->issued_s);
    gm_claim_put_profile(&payload, GM_TOKEN_RECEIPT);
    gm_cbor_put_i64(&payload, GM_CLAIM_RECEIPT);
    gm_cbor_put_map(&payload, 4);
    gm_claim_put_hash(&payload, 1, &receipt->attestation);
    gm_claim_put_id(&payload, 2, receipt->lease);
    gm_cbor_put_u64(&payload, 3);
    if (receipt->has_t0)
        gm_cbor_put_u64(&payload, receipt->t0_ns);
    else
        gm_cbor_put_null(&payload);
    gm_claim_put_u64(&payload, 4, receipt->t1_ns);
    gm_cbor_put_i64(&payload, GM_CLAIM_SIGNER);
    gm_claim_put_cose_key(&payload, &key->public_key);
    return gm_token_sign(GM_TOKEN_RECEIPT, key, &payload, out, err);
}

static enum gm_status read_body(struct gm_cbor_reader *r, struct gm_receipt_token *receipt)
{
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_RECEIPT, "receipt"));
    GM_TRY(gm_cbor_map_begin(r, "receipt", NULL));
    GM_TRY(gm_claim_hash(r, 1, "attestation", &receipt->attestation));
    GM_TRY(gm_claim_id(r, 2, "lease id", receipt->lease));
    GM_TRY(gm_cbor_map_key(r, 3, "t0"));
    receipt->has_t0 = gm_cbor_peek(r) != GM_CBOR_SIMPLE;
    if (receipt->has_t0)
        GM_TRY(gm_cbor_read_u64(r, "t0", &receipt->t0_ns));
    else
        GM_TRY(gm_cbor_read_null(r, "t0"));
    GM_TRY(gm_claim_u64(r, 4, "t1", &receipt->t1_ns));
    GM_TRY(gm_cbor_end(r));
    return check_times(receipt, r->err);
}

enum gm_status gm_receipt_token_open(struct gm_receipt_token *receipt, struct gm_bytes token,
                                     struct gm_error *err)
{
    struct gm_cose cose;
    struct gm_cbor_reader reader;
    *receipt = (struct gm_receipt_token){0};
    GM_TRY(gm_token_begin(GM_TOKEN_RECEIPT, token, &cose, &reader, err));
    GM_TRY(gm_cbor_map_begin(&reader, "receipt token", NULL));
    GM_TRY(gm_claim_thumbprint(&reader, GM_CLAIM_SUB, "sub", &receipt->worker));
    GM_TRY(gm_claim_u64(&reader, GM_CLAIM_IAT, "iat", &receipt->issued_s));
    GM_TRY(gm_claim_profile(&reader, GM_TOKEN_RECEIPT));
    GM_TRY(read_body(&reader, receipt));
    GM_TRY(gm_cbor_map_key(&reader, GM_CLAIM_SIGNER, "signer"));
    GM_TRY(gm_claim_cose_key(&reader, "signer", &receipt->broker));
    GM_TRY(gm_cbor_end(&reader));
    return gm_token_finish(&cose, &reader, &receipt->broker, err);
}
