/* What a worker decides, under a clock that the test moves. The test is the broker, the device and
   the time; nothing else runs. */
#include "gm_test.h"

#include <string.h>

#include "stage.h"

/* ---- the usual day ---- */

Test(worker, says_hello_and_takes_one_lease_after_the_other)
{
    struct stage stage;
    stage_open(&stage);
    plain(&stage, GM_WORKER_START);
    asks(&stage, GM_MESSAGE_HELLO);
    cr_assert_eq(stage.did.ask->hello.thread_count, 2);
    cr_assert_eq(stage.did.ask->hello.memory_bytes, 1 << 30);
    answer(&stage, (struct gm_message){.type = GM_MESSAGE_HELLO_OK});
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    cr_assert_eq(stage.did.ask->lease_ask.wait_ms, WAIT_MS);
    cr_assert_gt(stage.did.ask_wait_ms, WAIT_MS);
    uint8_t first[GM_ID_BYTES];
    memcpy(first, stage.did.ask->lease_ask.request, GM_ID_BYTES);
    one_lease(&stage, 1);
    cr_assert_neq(memcmp(first, stage.did.ask->lease_ask.request, GM_ID_BYTES), 0);
    one_lease(&stage, 2);
    leased(&stage, 3);
    (void)computed(&stage, false);
    receipted(&stage);
    uploaded(&stage);
    judged(&stage, GM_VERDICT_REJECTED);
    cr_assert_eq(gm_worker_done_count(stage.worker), 2);
    stage_close(&stage);
}

Test(worker, signs_what_it_computed_and_chains_its_statements)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    stage.now_ms = 1500;
    leased(&stage, 1);
    struct gm_attestation first = computed(&stage, false);
    struct gm_hash first_hash = gm_token_hash(stage.did.ask->attest.token);
    struct gm_hash zero = {{0}};
    struct gm_hash audience = gm_key_thumbprint(&stage.broker.public_key);
    cr_assert(gm_key_public_equal(&first.worker, &stage.key.public_key));
    cr_assert(gm_hash_equal(&first.audience, &audience));
    cr_assert_arr_eq(first.nonce, stage.lease.nonce, GM_TOKEN_NONCE_BYTES);
    cr_assert_arr_eq(first.work.lease, stage.lease.lease, GM_TOKEN_ID_BYTES);
    cr_assert(gm_hash_equal(&first.work.task, &stage.lease.task));
    cr_assert(gm_hash_equal(&first.work.program, &stage.lease.program));
    cr_assert(gm_hash_equal(&first.work.inputs_root, &done_make(false)->inputs_root));
    cr_assert(gm_hash_equal(&first.work.outputs_root, &done_make(false)->outputs_root));
    cr_assert_eq(first.work.status, GM_WORK_DONE);
    cr_assert_eq(first.work.flops, 12345);
    cr_assert_eq(first.time.nonce_ns, 1500000000);
    cr_assert_eq(first.time.root_ns, 3000000000);
    cr_assert_eq(first.chain.sequence, 0);
    cr_assert(gm_hash_equal(&first.chain.previous, &zero));
    receipted(&stage);
    uploaded(&stage);
    judged(&stage, GM_VERDICT_PENDING);
    leased(&stage, 2);
    struct gm_attestation second = computed(&stage, true);
    cr_assert_eq(second.work.status, GM_WORK_DIVERGED, "a result like any other");
    cr_assert_eq(second.chain.sequence, 1);
    cr_assert(gm_hash_equal(&second.chain.previous, &first_hash));
    cr_assert_arr_eq(second.chain.instance, first.chain.instance, GM_TOKEN_ID_BYTES);
    receipted(&stage);
    stage_close(&stage);
}

Test(worker, waits_as_long_as_the_broker_says_when_there_is_nothing_to_do)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    uint8_t first[GM_ID_BYTES];
    memcpy(first, stage.did.ask->lease_ask.request, GM_ID_BYTES);
    for (int i = 0; i < 20; i++) {
        answer(&stage, (struct gm_message){.type = GM_MESSAGE_LEASE_NONE,
                                           .lease_none = {.retry_ms = 2000}});
        uint64_t waited_ms = asked_again_after(&stage);
        cr_assert(waited_ms >= 2000 && waited_ms <= 3000, "%d ms", (int)waited_ms);
        asks(&stage, GM_MESSAGE_LEASE_ASK);
        cr_assert_neq(memcmp(first, stage.did.ask->lease_ask.request, GM_ID_BYTES), 0);
    }
    /* A time that no clock reaches does not make it sleep for ever, or not at all. */
    answer(&stage, (struct gm_message){.type = GM_MESSAGE_LEASE_NONE,
                                       .lease_none = {.retry_ms = UINT64_MAX}});
    uint64_t waited_ms = asked_again_after(&stage);
    cr_assert(waited_ms >= 10000 && waited_ms <= 90000, "%d ms", (int)waited_ms);
    stage_close(&stage);
}

/* ---- a broker that is away ---- */

Test(worker, repeats_the_same_request_longer_apart_while_the_broker_is_away)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    uint8_t request[GM_ID_BYTES];
    memcpy(request, stage.did.ask->lease_ask.request, GM_ID_BYTES);
    uint64_t total_ms = 0;
    uint64_t longest_ms = 0;
    for (int i = 0; i < 12; i++) {
        unreached(&stage);
        cr_assert_null(stage.did.ask);
        uint64_t waited_ms = asked_again_after(&stage);
        asks(&stage, GM_MESSAGE_LEASE_ASK);
        cr_assert_arr_eq(stage.did.ask->lease_ask.request, request, GM_ID_BYTES);
        cr_assert_ge(waited_ms, 100);
        cr_assert_le(waited_ms, 10010);
        total_ms += waited_ms;
        longest_ms = waited_ms > longest_ms ? waited_ms : longest_ms;
    }
    cr_assert_gt(longest_ms, 5000);
    cr_assert_gt(total_ms, 20000, "it leaves a broker that starts up in peace");
    leased(&stage, 1); /* back again, and the patience is fresh */
    (void)computed(&stage, false);
    unreached(&stage);
    cr_assert_lt(asked_again_after(&stage), 400);
    asks(&stage, GM_MESSAGE_ATTEST);
    stage_close(&stage);
}

Test(worker, repeats_a_statement_byte_for_byte)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    (void)computed(&stage, false);
    struct gm_hash before = gm_token_hash(stage.did.ask->attest.token);
    unreached(&stage);
    (void)asked_again_after(&stage);
    struct gm_hash after = gm_token_hash(stage.did.ask->attest.token);
    cr_assert(gm_hash_equal(&before, &after));
    receipted(&stage);
    /* An upload that failed on the way goes on, and what was received is not lost. */
    step(&stage, (struct gm_worker_event){.kind = GM_WORKER_UPLOAD_FAILED,
                                          .number = stage.did.number,
                                          .status = GM_PEER,
                                          .text = "gone"});
    for (int i = 0; i < 1000 && !stage.did.upload; i++)
        tick_after(&stage, 10);
    cr_assert(stage.did.upload);
    uploaded(&stage);
    unreached(&stage);
    (void)asked_again_after(&stage);
    asks(&stage, GM_MESSAGE_UPLOADED);
    judged(&stage, GM_VERDICT_PENDING);
    stage_close(&stage);
}

Test(worker, ends_when_another_key_answers)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    step(&stage, (struct gm_worker_event){.kind = GM_WORKER_UNREACHED,
                                          .number = stage.did.number,
                                          .status = GM_UNTRUSTED,
                                          .text = "not the pinned key"});
    ended(&stage, GM_UNTRUSTED);
    cr_assert_not_null(strstr(stage.did.text, "pinned key"));
    plain(&stage, GM_WORKER_TICK);
    cr_assert(stage.did.ask == NULL && !stage.did.heartbeat);
    stage_close(&stage);
}

/* ---- a broker that says no ---- */

Test(worker, comes_back_when_the_broker_is_busy)
{
    struct stage stage;
    stage_open(&stage);
    plain(&stage, GM_WORKER_START);
    refuse(&stage, GM_BUSY, 3000);
    cr_assert_ge(asked_again_after(&stage), 3000);
    asks(&stage, GM_MESSAGE_HELLO);
    answer(&stage, (struct gm_message){.type = GM_MESSAGE_HELLO_OK});
    refuse(&stage, GM_BUSY, 3000);
    cr_assert_ge(asked_again_after(&stage), 3000);
    leased(&stage, 1);
    (void)computed(&stage, false);
    refuse(&stage, GM_BUSY, 3000);
    cr_assert_ge(asked_again_after(&stage), 3000);
    asks(&stage, GM_MESSAGE_ATTEST);
    receipted(&stage);
    uploaded(&stage);
    refuse(&stage, GM_BUSY, 3000);
    cr_assert_ge(asked_again_after(&stage), 3000);
    asks(&stage, GM_MESSAGE_UPLOADED);
    stage_close(&stage);
}

Test(worker, gives_up_a_lease_that_is_over_and_asks_for_another)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    (void)computed(&stage, false);
    refuse(&stage, GM_STALE, 0);
    cr_assert(stage.did.stop && !stage.did.end);
    (void)asked_again_after(&stage);
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    leased(&stage, 2);
    (void)computed(&stage, false);
    receipted(&stage);
    step(&stage, (struct gm_worker_event){.kind = GM_WORKER_UPLOAD_FAILED,
                                          .number = stage.did.number,
                                          .status = GM_STALE,
                                          .text = "the lease is over"});
    cr_assert(stage.did.stop);
    (void)asked_again_after(&stage);
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    leased(&stage, 3);
    (void)computed(&stage, false);
    receipted(&stage);
    uploaded(&stage);
    refuse(&stage, GM_STALE, 0);
    (void)asked_again_after(&stage);
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    stage_close(&stage);
}

Test(worker, ends_when_its_key_is_refused)
{
    struct stage stage;
    stage_open(&stage);
    plain(&stage, GM_WORKER_START);
    refuse(&stage, GM_REFUSED, 0);
    ended(&stage, GM_REFUSED);
    cr_assert_not_null(strstr(stage.did.text, "because"), "%s", stage.did.text);
    stage_close(&stage);
    stage_open(&stage);
    greeted(&stage);
    refuse(&stage, GM_REFUSED, 0);
    ended(&stage, GM_REFUSED);
    stage_close(&stage);
}

Test(worker, ends_when_the_answer_fits_no_question)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    answer(&stage, (struct gm_message){.type = GM_MESSAGE_JOB_INFO});
    ended(&stage, GM_PEER);
    stage_close(&stage);
}

/* ---- leases and receipts that are not ---- */

static void lease_ends(struct stage *stage, const struct gm_key *signer, enum gm_status status)
{
    answer(stage, lease_message(stage, signer));
    cr_assert_not(stage->did.run);
    ended(stage, status);
}

Test(worker, runs_nothing_under_a_lease_that_is_not_its_own)
{
    struct stage stage;
    for (int wrong = 0; wrong < 4; wrong++) {
        struct gm_key stranger;
        gm_key_from_seed(&stranger, (const uint8_t[GM_KEY_SIZE]){9});
        stage_open(&stage);
        greeted(&stage);
        lease_make(&stage, 1);
        if (wrong == 1)
            stage.lease.worker = gm_key_thumbprint(&stranger.public_key);
        if (wrong == 2)
            stage.lease.task.bytes[0] ^= 1;
        if (wrong == 3)
            stage.task[7] ^= 1;
        lease_ends(&stage, wrong == 0 ? &stranger : &stage.broker, GM_UNTRUSTED);
        stage_close(&stage);
    }
    stage_open(&stage);
    greeted(&stage);
    lease_make(&stage, 1);
    struct gm_message message = lease_message(&stage, &stage.broker);
    stage.lease_token.data[stage.lease_token.size_bytes - 1] ^= 1; /* in the signature */
    answer(&stage, message);
    ended(&stage, GM_UNTRUSTED);
    stage_close(&stage);
}

Test(worker, uploads_nothing_without_the_brokers_receipt_for_this_statement)
{
    struct stage stage;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct gm_key stranger;
        gm_key_from_seed(&stranger, (const uint8_t[GM_KEY_SIZE]){9});
        stage_open(&stage);
        greeted(&stage);
        leased(&stage, 1);
        (void)computed(&stage, false);
        struct gm_hash statement = gm_token_hash(stage.did.ask->attest.token);
        if (wrong == 1)
            statement.bytes[0] ^= 1;
        receipted_by(&stage, wrong == 0 ? &stranger : &stage.broker, statement);
        cr_assert_not(stage.did.upload);
        ended(&stage, GM_UNTRUSTED);
        stage_close(&stage);
    }
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    (void)computed(&stage, false);
    answer(&stage, (struct gm_message){.type = GM_MESSAGE_RECEIPT});
    cr_assert_not(stage.did.upload);
    cr_assert(stage.did.end);
    stage_close(&stage);
}
