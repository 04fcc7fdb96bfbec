#include "trust/token.h"

#include <string.h>

#include "trust/blake3.h"
#include "trust/token_claims.h"

const struct gm_token_form *gm_token_form(enum gm_token_kind kind)
{
    static const struct gm_token_form forms[GM_TOKEN_KIND_COUNT] = {
#define GM_TOKEN_KIND(NAME, name, typ, profile) [GM_TOKEN_##NAME] = {name, typ, profile},
#include "trust/token.def"
#undef GM_TOKEN_KIND
    };
    return &forms[kind < GM_TOKEN_KIND_COUNT ? kind : GM_TOKEN_NONE];
}

const char *gm_token_kind_name(enum gm_token_kind kind)
{
    return gm_token_form(kind)->name;
}

static enum gm_token_kind kind_of_typ(const char *typ)
{
    for (int kind = GM_TOKEN_NONE + 1; kind < GM_TOKEN_KIND_COUNT; kind++) {
        if (strcmp(gm_token_form((enum gm_token_kind)kind)->typ, typ) == 0)
            return (enum gm_token_kind)kind;
    }
    return GM_TOKEN_NONE;
}

enum gm_token_kind gm_token_kind_of(struct gm_bytes token)
{
    struct gm_cose cose;
    return gm_cose_parse(&cose, token, NULL) == GM_OK ? kind_of_typ(cose.typ) : GM_TOKEN_NONE;
}

struct gm_hash gm_token_hash(struct gm_bytes token)
{
    return gm_blake3(token.data, token.size_bytes);
}

enum gm_status gm_token_sign(enum gm_token_kind kind, const struct gm_key *key,
                             struct gm_buf *payload, struct gm_buf *out, struct gm_error *err)
{
    enum gm_status status = payload->status;
    if (status != GM_OK)
        status = gm_error_set(err, status, "%s: its claims do not fit a token",
                              gm_token_kind_name(kind));
    else
        status = gm_cose_sign(key, gm_token_form(kind)->typ, gm_buf_view(payload), out, err);
    gm_buf_fini(payload);
    return status;
}

enum gm_status gm_token_begin(enum gm_token_kind kind, struct gm_bytes token, struct gm_cose *cose,
                              struct gm_cbor_reader *reader, struct gm_error *err)
{
    if (token.size_bytes > GM_TOKEN_BYTES_MAX)
        return gm_error_set(err, GM_INVALID, "token: %zu bytes, at most %d allowed",
                            token.size_bytes, GM_TOKEN_BYTES_MAX);
    GM_TRY(gm_cose_parse(cose, token, err));
    if (kind_of_typ(cose->typ) != kind)
        return gm_error_set(err, GM_INVALID, "token: expected typ %s (%s), found %s",
                            gm_token_form(kind)->typ, gm_token_kind_name(kind), cose->typ);
    gm_cbor_reader_init(reader, cose->payload, err);
    return GM_OK;
}

enum gm_status gm_token_finish(const struct gm_cose *cose, struct gm_cbor_reader *reader,
                               const struct gm_key_public *signer, struct gm_error *err)
{
    GM_TRY(gm_cbor_read_done(reader));
    return gm_cose_verify(cose, signer, err);
}
