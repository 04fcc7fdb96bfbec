/* Tokens of every kind. The first byte chooses: the rest as a whole token; or as the claims of one,
   signed here, because no fuzzer finds a signature. What opens must sign to the same bytes again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "trust/attestation.h"
#include "trust/cose.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "trust/token_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const char *const typs[4] = {"application/eat+cwt", "application/gradmill-lease+cwt",
                                    "application/gradmill-receipt+cwt",
                                    "application/gradmill-verdict+cwt"};

/* True when the token opens as kind number `kind`, signed again into `again`. */
static bool open_and_sign(unsigned kind, struct gm_bytes token, const struct gm_key *key,
                          struct gm_buf *again, struct gm_error *err)
{
    struct gm_attestation attestation;
    struct gm_lease_token lease;
    struct gm_receipt_token receipt;
    struct gm_verdict_token verdict;
    switch (kind) {
    case 0:
        return gm_attestation_open(&attestation, token, err) == GM_OK &&
               gm_attestation_sign(&attestation, key, again, err) == GM_OK;
    case 1:
        return gm_lease_token_open(&lease, token, err) == GM_OK &&
               gm_lease_token_sign(&lease, key, again, err) == GM_OK;
    case 2:
        return gm_receipt_token_open(&receipt, token, err) == GM_OK &&
               gm_receipt_token_sign(&receipt, key, again, err) == GM_OK;
    default:
        return gm_verdict_token_open(&verdict, token, err) == GM_OK &&
               gm_verdict_token_sign(&verdict, key, again, err) == GM_OK;
    }
}

static void sign_claims(unsigned kind, struct gm_bytes claims, const struct gm_key *key)
{
    struct gm_buf token, again;
    struct gm_error err = {.text = ""};
    gm_buf_init(&token, GM_TOKEN_BYTES_MAX);
    gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
    if (gm_cose_sign(key, typs[kind], claims, &token, NULL) == GM_OK) {
        if (open_and_sign(kind, gm_buf_view(&token), key, &again, &err))
            assert(gm_bytes_equal(gm_buf_view(&token), gm_buf_view(&again)));
        else
            assert(err.text[0] != '\0');
    }
    gm_buf_fini(&token);
    gm_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    uint8_t seed[GM_KEY_SIZE];
    struct gm_key key;
    struct gm_buf again;
    if (size_bytes == 0)
        return 0;
    memset(seed, 7, sizeof seed);
    gm_key_from_seed(&key, seed);
    struct gm_bytes rest = {data + 1, size_bytes - 1};
    if (data[0] < 4) {
        sign_claims(data[0], rest, &key);
        return 0;
    }
    (void)gm_token_kind_of(rest);
    gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
    for (unsigned kind = 0; kind < 4; kind++)
        (void)open_and_sign(kind, rest, &key, &again, NULL);
    gm_buf_fini(&again);
    return 0;
}
