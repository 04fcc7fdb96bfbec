/* gradmill verify: what a token says, what that proves, and whether its signer is trusted. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/json_print.h"
#include "cli/token_text.h"
#include "cli/verb.h"
#include "trust/cose.h"

enum { VERIFY_KEYS_MAX = GM_ARGS_VALUES_MAX };

struct verify {
    const char *path;
    bool json;
    size_t key_count; /* named with --key */
    struct gm_key_public keys[VERIFY_KEYS_MAX];
};

/* From the command line alone: for other verbs GRADMILL_KEY is a secret key, which is not who a
   person trusts. */
static enum gm_status keys_read(const struct gm_args *args, struct verify *verify,
                                struct gm_error *err)
{
    for (size_t i = 0; i < args->repeat_count; i++) {
        if (strcmp(args->repeats[i].name, "--key") != 0)
            continue;
        GM_TRY(gm_key_public_load(&verify->keys[verify->key_count++], args->repeats[i].value, err));
    }
    return GM_OK;
}

static bool signer_named(const struct verify *verify, const struct gm_key_public *signer)
{
    for (size_t i = 0; i < verify->key_count; i++) {
        if (gm_key_public_equal(&verify->keys[i], signer))
            return true;
    }
    return false;
}

/* Says why bytes are no token at all. */
static enum gm_status not_a_token(const char *path, struct gm_bytes bytes, struct gm_error *err)
{
    struct gm_cose cose;
    enum gm_status status = gm_cose_parse(&cose, bytes, err);
    if (status == GM_OK)
        return gm_error_set(err, GM_INVALID,
                            "%s: a signed message of type \"%s\", no token of ours", path,
                            cose.typ);
    return gm_error_at(err, status, "%s: not a token", path);
}

static enum gm_status report(const struct verify *verify, struct gm_bytes bytes,
                             struct gm_error *err)
{
    struct gm_token_text token;
    if (gm_token_kind_of(bytes) == GM_TOKEN_NONE)
        return not_a_token(verify->path, bytes, err);
    enum gm_status status = gm_token_text_open(&token, bytes, err);
    if (status != GM_OK)
        return gm_error_at(err, status, "%s: not valid", verify->path);
    bool trusted = signer_named(verify, &token.signer);
    if (verify->json)
        GM_TRY(gm_token_text_json(&token, trusted, err));
    else
        gm_token_text_print(&token, trusted, verify->key_count > 0);
    if (verify->key_count > 0 && !trusted)
        return gm_error_set(err, GM_UNTRUSTED,
                            "%s: valid, but signed by a key that --key does not name",
                            verify->path);
    return GM_OK;
}

static enum gm_status verify_run(const struct gm_args *args, struct gm_error *err)
{
    struct verify verify = {.path = args->operands[0], .json = gm_args_has(args, "--json")};
    struct gm_buf bytes;
    GM_TRY(keys_read(args, &verify, err));
    gm_buf_init(&bytes, GM_TOKEN_BYTES_MAX);
    enum gm_status status = gm_file_read(verify.path, &bytes, err);
    if (status == GM_LIMIT)
        status = gm_error_set(err, GM_INVALID, "%s: not a token: no token is longer than %d bytes",
                              verify.path, GM_TOKEN_BYTES_MAX);
    if (status == GM_OK)
        status = report(&verify, gm_buf_view(&bytes), err);
    gm_buf_fini(&bytes);
    return status;
}

static const struct gm_option verify_options[] = {
    {"--key", "KEY",
     "a public key that you trust, as a file or 64 hex digits;\n"
     "may be given several times",
     NULL},
    {"--json", NULL, "one JSON object", NULL},
    {NULL, NULL, NULL, NULL},
};

static const char verify_details[] =
    "Needs no network. A token is valid when it is strictly encoded and signed by the\n"
    "key it carries; it is trusted only when you named that key with --key. Ends with\n"
    "7 when the signature is wrong, or when --key was given and the signer is\n"
    "another, and with 3 when FILE is no token (docs/format-attest.md).";

const struct gm_verb gm_verb_verify = {
    .text = {.name = "verify",
             .usage = "FILE [--key KEY]... [--json]",
             .summary = "check a token: attestation, lease, receipt or verdict",
             .details = verify_details,
             .options = verify_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = verify_run,
};
