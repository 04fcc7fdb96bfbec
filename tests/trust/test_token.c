/* Tokens: frozen bytes, what each says, and that nothing else is taken for one. */
#include <string.h>

#include "gm_test.h"
#include "token_samples.h"
#include "trust/cbor.h"
#include "trust/cose.h"

static const char *const frozen[SAMPLE_COUNT] = {
#define TOKEN(name, hex) hex,
#include "token_vectors.inc"
#undef TOKEN
};

static const enum gm_token_kind kinds[SAMPLE_COUNT] = {
    GM_TOKEN_ATTESTATION, GM_TOKEN_ATTESTATION, GM_TOKEN_LEASE, GM_TOKEN_RECEIPT, GM_TOKEN_VERDICT};

static void sign_sample(int index, struct gm_buf *token)
{
    gm_buf_init(token, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(sample_sign(index, token), GM_OK);
}

Test(token, bytes_are_frozen_and_open_to_what_was_signed)
{
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        struct gm_buf token, again;
        char hex[2 * GM_TOKEN_BYTES_MAX + 1];
        sign_sample(i, &token);
        gm_hex_encode(hex, token.data, token.size_bytes);
        cr_assert_str_eq(hex, frozen[i]);
        cr_assert_eq(gm_token_kind_of(gm_buf_view(&token)), kinds[i]);
        gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
        cr_assert_eq(sample_open(i, gm_buf_view(&token), &again), GM_OK);
        cr_assert(gm_bytes_equal(gm_buf_view(&token), gm_buf_view(&again)), "sample %d", i);
        gm_buf_fini(&again);
        gm_buf_fini(&token);
    }
}

Test(token, an_attestation_says_who_what_when_and_after_what)
{
    struct gm_key worker, broker;
    struct gm_attestation a;
    struct gm_buf token;
    sample_keys(&worker, &broker);
    struct gm_hash broker_print = gm_key_thumbprint(&broker.public_key);
    sign_sample(1, &token);
    cr_assert_eq(gm_attestation_open(&a, gm_buf_view(&token), NULL), GM_OK);
    cr_assert(gm_key_public_equal(&a.worker, &worker.public_key));
    cr_assert(gm_hash_equal(&a.audience, &broker_print));
    cr_assert_eq(a.work.task.bytes[31], 0x21);
    cr_assert(a.work.has_trace);
    cr_assert_eq(a.work.record_count, 3);
    cr_assert_str_eq(a.work.profile, "exact-f32/1");
    cr_assert_eq(a.work.status, GM_WORK_DIVERGED);
    cr_assert_eq(a.work.bad_tile, 70000);
    cr_assert_eq(a.time.root_ns, 3000000000);
    cr_assert_eq(a.chain.sequence, 5);
    cr_assert_str_eq(a.version, "0.1.0");
    gm_buf_fini(&token);
}

Test(token, no_kind_is_taken_for_another)
{
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        struct gm_buf token, again;
        sign_sample(i, &token);
        gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
        for (int other = 0; other < SAMPLE_COUNT; other++) {
            if (kinds[other] != kinds[i])
                cr_assert_eq(sample_open(other, gm_buf_view(&token), &again), GM_INVALID);
        }
        gm_buf_fini(&again);
        gm_buf_fini(&token);
    }
}

/* The payload of one kind under the typ of another, signed by the right key. */
Test(token, a_payload_under_a_foreign_typ_is_refused)
{
    struct gm_key worker, broker;
    struct gm_cose cose;
    struct gm_buf token, forged, again;
    struct gm_error err;
    struct gm_verdict_token verdict;
    sample_keys(&worker, &broker);
    sign_sample(3, &token);
    cr_assert_eq(gm_cose_parse(&cose, gm_buf_view(&token), NULL), GM_OK);
    gm_buf_init(&forged, GM_TOKEN_BYTES_MAX);
    gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(
        gm_cose_sign(&broker, "application/gradmill-verdict+cwt", cose.payload, &forged, NULL),
        GM_OK);
    cr_assert_eq(gm_verdict_token_open(&verdict, gm_buf_view(&forged), &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, "eat_profile"), "%s", err.text);
    gm_buf_fini(&again);
    gm_buf_fini(&forged);
    gm_buf_fini(&token);
}

/* Signed by a key other than the one the payload names. */
Test(token, a_borrowed_identity_is_refused)
{
    struct gm_key worker, broker;
    struct gm_cose cose;
    struct gm_buf token, forged;
    struct gm_error err;
    struct gm_attestation a;
    sample_keys(&worker, &broker);
    sign_sample(0, &token);
    cr_assert_eq(gm_cose_parse(&cose, gm_buf_view(&token), NULL), GM_OK);
    gm_buf_init(&forged, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(gm_cose_sign(&broker, "application/eat+cwt", cose.payload, &forged, NULL), GM_OK);
    cr_assert_eq(gm_attestation_open(&a, gm_buf_view(&forged), &err), GM_UNTRUSTED);
    cr_assert_not_null(strstr(err.text, "another key"), "%s", err.text);
    gm_buf_fini(&forged);
    gm_buf_fini(&token);
}

Test(token, a_token_changed_in_any_bit_is_refused)
{
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        struct gm_buf token, again;
        sign_sample(i, &token);
        gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
        for (size_t at = 0; at < token.size_bytes; at++) {
            uint8_t was = token.data[at];
            token.data[at] = was ^ (uint8_t)(1u << at % 8);
            cr_assert_neq(sample_open(i, gm_buf_view(&token), &again), GM_OK, "sample %d, byte %zu",
                          i, at);
            token.data[at] = was;
        }
        gm_buf_fini(&again);
        gm_buf_fini(&token);
    }
}

static uint64_t draw(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* One change of a kind that a broken or hostile sender makes: bytes overwritten, cut, doubled or
   put in. Returns the new size. */
static size_t mutate(uint8_t *bytes, size_t size, size_t size_max, uint64_t *random)
{
    size_t at = (size_t)draw(random) % size;
    size_t n = 1 + (size_t)draw(random) % 8;
    n = n < size - at ? n : size - at;
    switch (draw(random) % 4) {
    case 0:
        for (size_t k = 0; k < n; k++)
            bytes[at + k] = (uint8_t)draw(random);
        return size;
    case 1:
        return at;
    case 2:
        memmove(bytes + at, bytes + at + n, size - at - n);
        return size - n;
    default:
        if (size + n > size_max)
            return at;
        memmove(bytes + at + n, bytes + at, size - at);
        return size + n;
    }
}

Test(token, mutations_are_refused_without_harm)
{
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        struct gm_buf token, again;
        uint64_t random = 2026 + (uint64_t)i;
        sign_sample(i, &token);
        gm_buf_init(&again, GM_TOKEN_BYTES_MAX);
        for (int round = 0; round < 3000; round++) {
            uint8_t bytes[GM_TOKEN_BYTES_MAX];
            size_t size = token.size_bytes;
            memcpy(bytes, token.data, size);
            for (uint64_t changes = 1 + draw(&random) % 3; changes > 0 && size > 0; changes--)
                size = mutate(bytes, size, sizeof bytes, &random);
            struct gm_bytes view = {bytes, size};
            if (gm_bytes_equal(view, gm_buf_view(&token)))
                continue;
            (void)gm_token_kind_of(view);
            cr_assert_neq(sample_open(i, view, &again), GM_OK, "sample %d, round %d", i, round);
        }
        gm_buf_fini(&again);
        gm_buf_fini(&token);
    }
}

Test(token, a_receipt_cannot_end_before_it_starts)
{
    struct gm_key worker, broker;
    struct gm_receipt_token receipt = sample_receipt(), opened;
    struct gm_buf token;
    sample_keys(&worker, &broker);
    cr_assert_eq(gm_receipt_elapsed_ns(&receipt), 864197532);
    gm_buf_init(&token, GM_TOKEN_BYTES_MAX);
    receipt.t1_ns = 1;
    cr_assert_eq(gm_receipt_token_sign(&receipt, &broker, &token, NULL), GM_INVALID);
    cr_assert_eq(token.size_bytes, 0);
    receipt.has_t0 = false;
    cr_assert_eq(gm_receipt_token_sign(&receipt, &broker, &token, NULL), GM_OK);
    cr_assert_eq(gm_receipt_token_open(&opened, gm_buf_view(&token), NULL), GM_OK);
    cr_assert(!opened.has_t0);
    cr_assert_eq(gm_receipt_elapsed_ns(&opened), 0);
    gm_buf_fini(&token);
}
