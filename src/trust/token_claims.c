#include "trust/token_claims.h"

#include <string.h>

#include <sodium.h>

static const char thumbprint_prefix[] = "urn:ietf:params:oauth:ckt:sha-256:";

enum { BASE64_CHARS = 44, URI_SIZE = sizeof thumbprint_prefix + BASE64_CHARS };

static void uri_of(char out[URI_SIZE], const struct gm_hash *print)
{
    memcpy(out, thumbprint_prefix, sizeof thumbprint_prefix - 1);
    (void)sodium_bin2base64(out + sizeof thumbprint_prefix - 1, BASE64_CHARS, print->bytes,
                            sizeof print->bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void gm_claim_put_thumbprint(struct gm_buf *buf, int64_t claim, const struct gm_hash *print)
{
    char uri[URI_SIZE];
    uri_of(uri, print);
    gm_claim_put_text(buf, claim, uri);
}

void gm_claim_put_profile(struct gm_buf *buf, enum gm_token_kind kind)
{
    gm_claim_put_text(buf, GM_CLAIM_PROFILE, gm_token_form(kind)->profile);
}

void gm_claim_put_hash(struct gm_buf *buf, int64_t claim, const struct gm_hash *hash)
{
    gm_cbor_put_i64(buf, claim);
    gm_cbor_put_bytes(buf, hash->bytes, sizeof hash->bytes);
}

void gm_claim_put_id(struct gm_buf *buf, int64_t claim, const uint8_t id[static GM_TOKEN_ID_BYTES])
{
    gm_cbor_put_i64(buf, claim);
    gm_cbor_put_bytes(buf, id, GM_TOKEN_ID_BYTES);
}

void gm_claim_put_u64(struct gm_buf *buf, int64_t claim, uint64_t value)
{
    gm_cbor_put_i64(buf, claim);
    gm_cbor_put_u64(buf, value);
}

void gm_claim_put_text(struct gm_buf *buf, int64_t claim, const char *text)
{
    gm_cbor_put_i64(buf, claim);
    gm_cbor_put_text(buf, text);
}

void gm_claim_put_cose_key(struct gm_buf *buf, const struct gm_key_public *key)
{
    gm_cbor_put_map(buf, 3);
    gm_claim_put_u64(buf, 1, 1);  /* kty: OKP */
    gm_claim_put_u64(buf, -1, 6); /* crv: Ed25519 */
    gm_cbor_put_i64(buf, -2);     /* x */
    gm_cbor_put_bytes(buf, key->bytes, sizeof key->bytes);
}

enum gm_status gm_claim_text(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                             char *out, size_t size_bytes)
{
    GM_TRY(gm_cbor_map_key(reader, claim, field));
    return gm_cbor_read_string(reader, field, out, size_bytes);
}

enum gm_status gm_claim_thumbprint(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                                   struct gm_hash *out)
{
    const size_t prefix_chars = sizeof thumbprint_prefix - 1;
    char uri[URI_SIZE], again[URI_SIZE];
    size_t decoded_bytes = 0;
    const char *end = NULL;
    memset(uri, 0, sizeof uri);
    GM_TRY(gm_claim_text(reader, claim, field, uri, sizeof uri));
    int rc =
        sodium_base642bin(out->bytes, sizeof out->bytes, uri + prefix_chars, BASE64_CHARS - 1, NULL,
                          &decoded_bytes, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (rc == 0 && decoded_bytes == sizeof out->bytes) {
        uri_of(again, out);
        if (strcmp(uri, again) == 0) /* the one spelling of this thumbprint */
            return GM_OK;
    }
    return gm_error_set(reader->err, GM_INVALID, "%s: not a key's thumbprint URI (RFC 9679)",
                        field);
}

enum gm_status gm_claim_profile(struct gm_cbor_reader *reader, enum gm_token_kind kind)
{
    char profile[64];
    GM_TRY(gm_claim_text(reader, GM_CLAIM_PROFILE, "eat_profile", profile, sizeof profile));
    if (strcmp(profile, gm_token_form(kind)->profile) != 0)
        return gm_error_set(reader->err, GM_INVALID, "eat_profile: expected %s, found %s",
                            gm_token_form(kind)->profile, profile);
    return GM_OK;
}

enum gm_status gm_claim_hash(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                             struct gm_hash *out)
{
    GM_TRY(gm_cbor_map_key(reader, claim, field));
    return gm_cbor_read_exact(reader, field, out->bytes, sizeof out->bytes);
}

enum gm_status gm_claim_id(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                           uint8_t out[static GM_TOKEN_ID_BYTES])
{
    GM_TRY(gm_cbor_map_key(reader, claim, field));
    return gm_cbor_read_exact(reader, field, out, GM_TOKEN_ID_BYTES);
}

enum gm_status gm_claim_u64(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                            uint64_t *out)
{
    GM_TRY(gm_cbor_map_key(reader, claim, field));
    return gm_cbor_read_u64(reader, field, out);
}

static enum gm_status expect_u64(struct gm_cbor_reader *reader, int64_t claim, const char *field,
                                 uint64_t wanted)
{
    uint64_t found;
    GM_TRY(gm_claim_u64(reader, claim, field, &found));
    if (found != wanted)
        return gm_error_set(reader->err, GM_INVALID, "%s: expected %llu, found %llu", field,
                            (unsigned long long)wanted, (unsigned long long)found);
    return GM_OK;
}

enum gm_status gm_claim_cose_key(struct gm_cbor_reader *reader, const char *field,
                                 struct gm_key_public *out)
{
    GM_TRY(gm_cbor_map_begin(reader, field, NULL));
    GM_TRY(expect_u64(reader, 1, "kty", 1));
    GM_TRY(expect_u64(reader, -1, "crv", 6));
    GM_TRY(gm_cbor_map_key(reader, -2, "x"));
    GM_TRY(gm_cbor_read_exact(reader, "x", out->bytes, sizeof out->bytes));
    GM_TRY(gm_cbor_end(reader));
    if (!gm_key_public_valid(out))
        return gm_error_set(reader->err, GM_INVALID, "%s: not an Ed25519 public key", field);
    return GM_OK;
}
