#include "trust/cose.h"

#include <string.h>

#include "trust/cbor.h"

enum { TAG_CWT = 61, TAG_SIGN1 = 18, HEADER_ALG = 1, HEADER_KID = 4, HEADER_TYP = 16 };
enum { ALG_ED25519 = -19, HEADER_BYTES_MAX = 256, OVERHEAD_BYTES_MAX = 512 };

static void put_protected(struct gm_buf *header, const struct gm_key_public *key, const char *typ)
{
    struct gm_hash kid = gm_key_thumbprint(key);
    gm_cbor_put_map(header, 3);
    gm_cbor_put_u64(header, HEADER_ALG);
    gm_cbor_put_i64(header, ALG_ED25519);
    gm_cbor_put_u64(header, HEADER_KID);
    gm_cbor_put_bytes(header, kid.bytes, sizeof kid.bytes);
    gm_cbor_put_u64(header, HEADER_TYP);
    gm_cbor_put_text(header, typ);
}

/* Sig_structure of RFC 9052, 4.4, with an empty external_aad. */
static enum gm_status to_be_signed(struct gm_buf *out, struct gm_bytes protected_header,
                                   struct gm_bytes payload, struct gm_error *err)
{
    gm_buf_init(out, payload.size_bytes + protected_header.size_bytes + OVERHEAD_BYTES_MAX);
    gm_cbor_put_array(out, 4);
    gm_cbor_put_text(out, "Signature1");
    gm_cbor_put_bytes(out, protected_header.data, protected_header.size_bytes);
    gm_cbor_put_bytes(out, NULL, 0);
    gm_cbor_put_bytes(out, payload.data, payload.size_bytes);
    return out->status == GM_OK ? GM_OK
                                : gm_error_set(err, out->status, "token: not enough memory");
}

enum gm_status gm_cose_sign(const struct gm_key *key, const char *typ, struct gm_bytes payload,
                            struct gm_buf *out, struct gm_error *err)
{
    struct gm_buf header, message;
    uint8_t signature[GM_SIGNATURE_SIZE];
    gm_buf_init(&header, HEADER_BYTES_MAX);
    put_protected(&header, &key->public_key, typ);
    enum gm_status status = to_be_signed(&message, gm_buf_view(&header), payload, err);
    if (status == GM_OK) {
        gm_key_sign(key, gm_buf_view(&message), signature);
        gm_cbor_put_tag(out, TAG_CWT);
        gm_cbor_put_tag(out, TAG_SIGN1);
        gm_cbor_put_array(out, 4);
        gm_cbor_put_bytes(out, header.data, header.size_bytes);
        gm_cbor_put_map(out, 0);
        gm_cbor_put_bytes(out, payload.data, payload.size_bytes);
        gm_cbor_put_bytes(out, signature, sizeof signature);
        if (header.status != GM_OK || out->status != GM_OK)
            status = gm_error_set(err, header.status != GM_OK ? header.status : out->status,
                                  "token: it does not fit the space for it");
    }
    gm_buf_fini(&message);
    gm_buf_fini(&header);
    return status;
}

static enum gm_status read_protected(struct gm_cose *cose, struct gm_error *err)
{
    struct gm_cbor_reader reader;
    int64_t alg;
    gm_cbor_reader_init(&reader, cose->protected_header, err);
    GM_TRY(gm_cbor_map_begin(&reader, "protected header", NULL));
    GM_TRY(gm_cbor_map_key(&reader, HEADER_ALG, "alg"));
    GM_TRY(gm_cbor_read_i64(&reader, "alg", &alg));
    if (alg != ALG_ED25519)
        return gm_error_set(err, GM_INVALID, "alg: expected -19 (Ed25519), found %lld",
                            (long long)alg);
    GM_TRY(gm_cbor_map_key(&reader, HEADER_KID, "kid"));
    GM_TRY(gm_cbor_read_exact(&reader, "kid", cose->kid.bytes, sizeof cose->kid.bytes));
    GM_TRY(gm_cbor_map_key(&reader, HEADER_TYP, "typ"));
    GM_TRY(gm_cbor_read_string(&reader, "typ", cose->typ, sizeof cose->typ));
    GM_TRY(gm_cbor_end(&reader));
    return gm_cbor_read_done(&reader);
}

enum gm_status gm_cose_parse(struct gm_cose *cose, struct gm_bytes message, struct gm_error *err)
{
    struct gm_cbor_reader reader;
    uint64_t count = 0;
    gm_cbor_reader_init(&reader, message, err);
    GM_TRY(gm_cbor_read_tag(&reader, "token", TAG_CWT));
    GM_TRY(gm_cbor_read_tag(&reader, "token", TAG_SIGN1));
    GM_TRY(gm_cbor_array_begin(&reader, "token", &count));
    if (count != 4)
        return gm_error_set(err, GM_INVALID, "token: expected 4 parts, found %llu",
                            (unsigned long long)count);
    GM_TRY(gm_cbor_read_bytes(&reader, "protected header", &cose->protected_header));
    GM_TRY(gm_cbor_map_begin(&reader, "unprotected header", NULL));
    GM_TRY(gm_cbor_end(&reader));
    GM_TRY(gm_cbor_read_bytes(&reader, "payload", &cose->payload));
    GM_TRY(gm_cbor_read_exact(&reader, "signature", cose->signature, sizeof cose->signature));
    GM_TRY(gm_cbor_end(&reader));
    GM_TRY(gm_cbor_read_done(&reader));
    return read_protected(cose, err);
}

enum gm_status gm_cose_verify(const struct gm_cose *cose, const struct gm_key_public *key,
                              struct gm_error *err)
{
    struct gm_hash kid = gm_key_thumbprint(key);
    struct gm_buf message;
    if (!gm_hash_equal(&kid, &cose->kid))
        return gm_error_set(err, GM_UNTRUSTED, "token: it names another key as its signer");
    enum gm_status status = to_be_signed(&message, cose->protected_header, cose->payload, err);
    if (status == GM_OK && !gm_key_verify(key, gm_buf_view(&message), cose->signature))
        status = gm_error_set(err, GM_UNTRUSTED, "token: the signature is wrong");
    gm_buf_fini(&message);
    return status;
}
