/* What a worker decides, under a clock that the test moves. The test is the broker, the device and
   the time; nothing else runs. */
#include "gm_test.h"

#include <stdio.h>
#include <string.h>

#include "trust/attestation.h"
#include "trust/blake3.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "worker/worker.h"

enum { WAIT_MS = 7000, HEARTBEAT_MS = 1500, TASK_BYTES = 48 };

struct stage {
    struct gm_key broker;
    struct gm_key key;
    struct gm_worker *worker;
    uint64_t now_ms;
    uint64_t draws;               /* makes the events' randomness differ */
    struct gm_worker_actions did; /* by the last step */
    uint8_t task[TASK_BYTES];
    struct gm_lease_token lease; /* the last one given */
    struct gm_buf lease_token;
};

/* ---- the stage ---- */

static void step(struct stage *stage, struct gm_worker_event event)
{
    event.now_ns = stage->now_ms * 1000000;
    event.unix_s = 1700000000 + stage->now_ms / 1000;
    stage->draws++;
    for (int i = 0; i < GM_WORKER_RANDOM_BYTES; i++)
        event.random[i] = (uint8_t)(stage->draws * 31 + (uint64_t)i);
    if (event.text == NULL)
        event.text = "";
    gm_worker_step(stage->worker, &event, &stage->did);
}

static void plain(struct stage *stage, enum gm_worker_event_kind kind)
{
    step(stage, (struct gm_worker_event){.kind = kind});
}

static void tick_after(struct stage *stage, uint64_t ms)
{
    stage->now_ms += ms;
    plain(stage, GM_WORKER_TICK);
}

static void stage_open(struct stage *stage)
{
    *stage = (struct stage){.now_ms = 1000};
    gm_key_from_seed(&stage->broker, (const uint8_t[GM_KEY_SIZE]){1});
    gm_key_from_seed(&stage->key, (const uint8_t[GM_KEY_SIZE]){2});
    memset(stage->task, 0x5a, sizeof stage->task);
    struct gm_worker_config config = {.key = &stage->key,
                                      .broker = stage->broker.public_key,
                                      .software = "gradmill",
                                      .version = "0.1.0",
                                      .thread_count = 2,
                                      .memory_bytes = 1 << 30,
                                      .flops_per_s = 1000,
                                      .wait_ms = WAIT_MS};
    stage->worker = gm_worker_new(&config);
    cr_assert_not_null(stage->worker);
    gm_buf_init(&stage->lease_token, GM_TOKEN_BYTES_MAX);
}

static void stage_close(struct stage *stage)
{
    gm_buf_fini(&stage->lease_token);
    gm_worker_free(stage->worker);
}

static void reply(struct stage *stage, uint64_t number, const struct gm_message *message)
{
    step(stage,
         (struct gm_worker_event){.kind = GM_WORKER_REPLY, .number = number, .message = message});
}

/* Answers the question that is out. */
static void answer(struct stage *stage, struct gm_message message)
{
    cr_assert_not_null(stage->did.ask, "nothing was asked");
    reply(stage, stage->did.number, &message);
}

static void refuse(struct stage *stage, enum gm_status status, uint64_t retry_ms)
{
    struct gm_message message = {.type = GM_MESSAGE_ERROR};
    message.error.status = (uint64_t)status;
    message.error.retry_ms = retry_ms;
    message.error.text = gm_message_text("because");
    answer(stage, message);
}

static void unreached(struct stage *stage)
{
    step(stage, (struct gm_worker_event){.kind = GM_WORKER_UNREACHED,
                                         .number = stage->did.number,
                                         .status = GM_TIMEOUT,
                                         .text = "no answer"});
}

/* Lets time pass until something is asked; how long it took. */
static uint64_t asked_again_after(struct stage *stage)
{
    uint64_t start_ms = stage->now_ms;
    while (stage->did.ask == NULL) {
        cr_assert_lt(stage->now_ms - start_ms, 100000, "it gave up without a word");
        tick_after(stage, 10);
    }
    return stage->now_ms - start_ms;
}

static void asks(const struct stage *stage, enum gm_message_type type)
{
    cr_assert_not_null(stage->did.ask, "expected %s, nothing was asked", gm_message_name(type));
    cr_assert_eq(stage->did.ask->type, type, "%s instead of %s",
                 gm_message_name(stage->did.ask->type), gm_message_name(type));
}

static void ended(const struct stage *stage, enum gm_status status)
{
    cr_assert(stage->did.end);
    cr_assert_eq(stage->did.status, status, "%s", stage->did.text);
    cr_assert_neq(stage->did.text[0], '\0');
    cr_assert_eq(gm_worker_phase(stage->worker), GM_WORKER_ENDED);
}

/* ---- scenes ---- */

static void greeted(struct stage *stage)
{
    plain(stage, GM_WORKER_START);
    asks(stage, GM_MESSAGE_HELLO);
    answer(stage, (struct gm_message){.type = GM_MESSAGE_HELLO_OK,
                                      .hello_ok = {.heartbeat_ms = HEARTBEAT_MS}});
    asks(stage, GM_MESSAGE_LEASE_ASK);
}

static void lease_make(struct stage *stage, uint8_t name)
{
    stage->lease = (struct gm_lease_token){
        .worker = gm_key_thumbprint(&stage->key.public_key),
        .issued_s = 1700000000,
        .task = gm_blake3(stage->task, sizeof stage->task),
        .program = gm_blake3("program", 7),
        .iterations = 1,
        .deadline_unix_ms = 1800000000000,
        .profile = "exact-f32/1",
    };
    memset(stage->lease.nonce, name, sizeof stage->lease.nonce);
    memset(stage->lease.lease, name, sizeof stage->lease.lease);
}

static struct gm_message lease_message(struct stage *stage, const struct gm_key *signer)
{
    struct gm_message message = {.type = GM_MESSAGE_LEASE};
    stage->lease_token.size_bytes = 0;
    cr_assert_eq(gm_lease_token_sign(&stage->lease, signer, &stage->lease_token, NULL), GM_OK);
    message.lease.token = gm_buf_view(&stage->lease_token);
    message.lease.task = (struct gm_bytes){stage->task, sizeof stage->task};
    message.lease.deadline_ms = 60000;
    return message;
}

static void leased(struct stage *stage, uint8_t name)
{
    lease_make(stage, name);
    answer(stage, lease_message(stage, &stage->broker));
    cr_assert(stage->did.run);
    cr_assert_eq(stage->did.task.size_bytes, sizeof stage->task);
    cr_assert_arr_eq(stage->did.task.data, stage->task, sizeof stage->task);
    cr_assert_arr_eq(stage->did.lease, stage->lease.lease, GM_ID_BYTES);
    cr_assert_eq(stage->did.keep.size_bytes, stage->lease_token.size_bytes, "the lease is kept");
}

static const struct gm_worker_done *done_make(bool diverged)
{
    static uint8_t roots[2 * GM_HASH_SIZE];
    static struct gm_worker_done done;
    memset(roots, 7, sizeof roots);
    done = (struct gm_worker_done){.diverged = diverged,
                                   .inputs_root = gm_blake3("in", 2),
                                   .outputs_root = gm_blake3("out", 3),
                                   .roots = {roots, sizeof roots},
                                   .flops = 12345,
                                   .first_kernel_ns = 2000000000,
                                   .root_ns = 3000000000,
                                   .busy_ns = 900000000};
    return &done;
}

/* The device is done; gives what the worker signed. */
static struct gm_attestation computed(struct stage *stage, bool diverged)
{
    struct gm_attestation attestation;
    struct gm_error err;
    step(stage, (struct gm_worker_event){.kind = GM_WORKER_TASK_DONE,
                                         .number = stage->did.number,
                                         .done = done_make(diverged)});
    asks(stage, GM_MESSAGE_ATTEST);
    const struct gm_msg_attest *attest = &stage->did.ask->attest;
    cr_assert_arr_eq(attest->lease, stage->lease.lease, GM_ID_BYTES);
    cr_assert(gm_bytes_equal(attest->roots, done_make(diverged)->roots));
    cr_assert_eq(gm_attestation_open(&attestation, attest->token, &err), GM_OK, "%s", err.text);
    return attestation;
}

static void receipted_by(struct stage *stage, const struct gm_key *signer, struct gm_hash statement)
{
    struct gm_receipt_token receipt = {.worker = gm_key_thumbprint(&stage->key.public_key),
                                       .issued_s = 1700000001,
                                       .attestation = statement,
                                       .t1_ns = 5};
    struct gm_buf token;
    struct gm_message message = {.type = GM_MESSAGE_RECEIPT};
    memcpy(receipt.lease, stage->lease.lease, sizeof receipt.lease);
    gm_buf_init(&token, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(gm_receipt_token_sign(&receipt, signer, &token, NULL), GM_OK);
    message.receipt.token = gm_buf_view(&token);
    answer(stage, message);
    gm_buf_fini(&token);
}

static void receipted(struct stage *stage)
{
    receipted_by(stage, &stage->broker, gm_token_hash(stage->did.ask->attest.token));
    cr_assert(stage->did.upload);
    cr_assert_gt(stage->did.keep.size_bytes, 0, "the receipt is kept");
}

static void uploaded(struct stage *stage)
{
    step(stage,
         (struct gm_worker_event){.kind = GM_WORKER_UPLOAD_DONE, .number = stage->did.number});
    asks(stage, GM_MESSAGE_UPLOADED);
    cr_assert_arr_eq(stage->did.ask->uploaded.lease, stage->lease.lease, GM_ID_BYTES);
}

static void judged(struct stage *stage, enum gm_verdict_state state)
{
    struct gm_message message = {.type = GM_MESSAGE_VERDICT};
    message.verdict.state = state;
    answer(stage, message);
    asks(stage, GM_MESSAGE_LEASE_ASK);
}

static void one_lease(struct stage *stage, uint8_t name)
{
    leased(stage, name);
    (void)computed(stage, false);
    receipted(stage);
    uploaded(stage);
    judged(stage, GM_VERDICT_ACCEPTED);
}

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
    cr_assert_gt(stage.did.ask_wait_ms, WAIT_MS, "the answer may take that long, and some more");
    uint8_t first[GM_ID_BYTES];
    memcpy(first, stage.did.ask->lease_ask.request, GM_ID_BYTES);
    one_lease(&stage, 1);
    cr_assert_neq(memcmp(first, stage.did.ask->lease_ask.request, GM_ID_BYTES), 0,
                  "a new request, a new name");
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

/* ---- heartbeats ---- */

static void heartbeat_answer(struct stage *stage, uint64_t live)
{
    struct gm_message message = {.type = GM_MESSAGE_HEARTBEAT_OK, .heartbeat_ok = {.live = live}};
    step(stage, (struct gm_worker_event){.kind = GM_WORKER_HEARTBEAT_REPLY, .message = &message});
}

static void beats(struct stage *stage)
{
    for (int i = 0; i < 1000 && !stage->did.heartbeat; i++)
        tick_after(stage, 10);
    cr_assert(stage->did.heartbeat);
}

Test(worker, beats_as_often_as_the_broker_wants_and_one_at_a_time)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    tick_after(&stage, 10 * HEARTBEAT_MS);
    cr_assert_not(stage.did.heartbeat, "without a lease there is nothing to say");
    /* The tick took the place of the question in `did`. */
    struct gm_message lease;
    lease_make(&stage, 1);
    lease = lease_message(&stage, &stage.broker);
    reply(&stage, 2, &lease);
    cr_assert(stage.did.run);
    int count = 0;
    for (int i = 0; i < 100; i++) {
        tick_after(&stage, 100);
        count += stage.did.heartbeat;
        if (stage.did.heartbeat) {
            cr_assert_arr_eq(stage.did.lease, stage.lease.lease, GM_ID_BYTES);
            heartbeat_answer(&stage, 1);
        }
    }
    cr_assert_eq(count, 10000 / HEARTBEAT_MS);
    beats(&stage);
    tick_after(&stage, 10 * HEARTBEAT_MS);
    cr_assert_not(stage.did.heartbeat, "the last one is still on its way");
    step(&stage, (struct gm_worker_event){.kind = GM_WORKER_HEARTBEAT_REPLY}); /* it was lost */
    plain(&stage, GM_WORKER_TICK);
    cr_assert(stage.did.heartbeat);
    stage_close(&stage);
}

Test(worker, stops_when_a_heartbeat_says_that_the_lease_is_over)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    uint64_t run = stage.did.number;
    beats(&stage);
    heartbeat_answer(&stage, 0);
    cr_assert(stage.did.stop && !stage.did.end);
    (void)asked_again_after(&stage);
    leased(&stage, 2);
    uint64_t second = stage.did.number;
    step(&stage, (struct gm_worker_event){
                     .kind = GM_WORKER_TASK_DONE, .number = run, .done = done_make(false)});
    cr_assert_null(stage.did.ask, "the result of the lease that is over is not heard");
    stage.did.number = second;
    (void)computed(&stage, false);
    stage_close(&stage);
}

Test(worker, a_late_heartbeat_of_the_lease_before_says_nothing_of_this_one)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    uint64_t run = stage.did.number;
    beats(&stage);
    stage.did.number = run;
    (void)computed(&stage, false);
    receipted(&stage);
    uploaded(&stage);
    judged(&stage, GM_VERDICT_ACCEPTED);
    leased(&stage, 2);
    heartbeat_answer(&stage, 0); /* the first lease is over: true, and no news */
    cr_assert_not(stage.did.stop);
    cr_assert_eq(gm_worker_phase(stage.worker), GM_WORKER_RUNNING);
    beats(&stage);
    heartbeat_answer(&stage, 0);
    cr_assert(stage.did.stop);
    stage_close(&stage);
}

/* ---- answers to what nobody waits for any more ---- */

Test(worker, late_answers_are_not_heard)
{
    struct stage stage;
    stage_open(&stage);
    plain(&stage, GM_WORKER_START);
    uint64_t hello = stage.did.number;
    unreached(&stage);
    struct gm_message ok = {.type = GM_MESSAGE_HELLO_OK};
    reply(&stage, hello, &ok);
    cr_assert(stage.did.ask == NULL && !stage.did.end);
    cr_assert_eq(gm_worker_phase(stage.worker), GM_WORKER_RESTING);
    (void)asked_again_after(&stage);
    asks(&stage, GM_MESSAGE_HELLO);
    uint64_t again = stage.did.number;
    reply(&stage, hello, &ok);
    cr_assert_null(stage.did.ask);
    reply(&stage, again, &ok);
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    uint64_t ask = stage.did.number;
    reply(&stage, again, &ok);
    cr_assert(stage.did.ask == NULL && !stage.did.end);
    stage.did.number = ask;
    step(&stage, (struct gm_worker_event){.kind = GM_WORKER_UPLOAD_DONE, .number = ask + 1});
    cr_assert(stage.did.ask == NULL && !stage.did.end);
    stage_close(&stage);
}

/* ---- the owner ---- */

Test(worker, drains_at_once_when_it_holds_nothing)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    plain(&stage, GM_WORKER_DRAIN);
    ended(&stage, GM_OK);
    stage_close(&stage);
    stage_open(&stage);
    greeted(&stage);
    plain(&stage, GM_WORKER_SUSPEND);
    plain(&stage, GM_WORKER_DRAIN);
    ended(&stage, GM_OK);
    stage_close(&stage);
}

Test(worker, drains_after_the_lease_it_holds)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    uint64_t run = stage.did.number;
    plain(&stage, GM_WORKER_DRAIN);
    cr_assert_not(stage.did.end);
    stage.did.number = run;
    (void)computed(&stage, false);
    receipted(&stage);
    uploaded(&stage);
    struct gm_message verdict = {.type = GM_MESSAGE_VERDICT};
    verdict.verdict.state = GM_VERDICT_ACCEPTED;
    answer(&stage, verdict);
    ended(&stage, GM_OK);
    cr_assert_eq(gm_worker_done_count(stage.worker), 1);
    stage_close(&stage);
}

static void suspends(struct stage *stage)
{
    plain(stage, GM_WORKER_SUSPEND);
    cr_assert(stage->did.stop);
    asks(stage, GM_MESSAGE_RELEASE);
    cr_assert_eq(stage->did.ask->release.reason, GM_RELEASE_SUSPEND);
    cr_assert_arr_eq(stage->did.ask->release.lease, stage->lease.lease, GM_ID_BYTES);
}

Test(worker, gives_the_machine_back_and_takes_it_again)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    uint64_t run = stage.did.number;
    suspends(&stage);
    answer(&stage, (struct gm_message){.type = GM_MESSAGE_OK});
    cr_assert_eq(gm_worker_phase(stage.worker), GM_WORKER_SUSPENDED);
    step(&stage, (struct gm_worker_event){
                     .kind = GM_WORKER_TASK_DONE, .number = run, .done = done_make(false)});
    tick_after(&stage, 600000);
    cr_assert(stage.did.ask == NULL && !stage.did.heartbeat && !stage.did.run);
    plain(&stage, GM_WORKER_RESUME);
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    one_lease(&stage, 2);
    stage_close(&stage);
}

Test(worker, a_resume_that_overtakes_the_release_is_not_forgotten)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    suspends(&stage);
    uint64_t release = stage.did.number;
    plain(&stage, GM_WORKER_RESUME);
    struct gm_message ok = {.type = GM_MESSAGE_OK};
    reply(&stage, release, &ok);
    asks(&stage, GM_MESSAGE_LEASE_ASK);
    /* And the other way round, with a drain on top. */
    leased(&stage, 2);
    suspends(&stage);
    release = stage.did.number;
    plain(&stage, GM_WORKER_DRAIN);
    cr_assert_not(stage.did.end, "the release is still on its way");
    reply(&stage, release, &ok);
    ended(&stage, GM_OK);
    stage_close(&stage);
}

Test(worker, suspended_before_it_was_known_it_still_says_hello_first)
{
    struct stage stage;
    stage_open(&stage);
    plain(&stage, GM_WORKER_START);
    unreached(&stage);
    plain(&stage, GM_WORKER_SUSPEND);
    tick_after(&stage, 60000);
    cr_assert_null(stage.did.ask);
    plain(&stage, GM_WORKER_RESUME);
    asks(&stage, GM_MESSAGE_HELLO);
    stage_close(&stage);
}

Test(worker, a_task_that_fails_is_given_back_with_the_reason)
{
    struct stage stage;
    stage_open(&stage);
    greeted(&stage);
    leased(&stage, 1);
    step(&stage, (struct gm_worker_event){.kind = GM_WORKER_TASK_FAILED,
                                          .number = stage.did.number,
                                          .status = GM_NO_MEMORY,
                                          .text = "a tensor did not fit"});
    asks(&stage, GM_MESSAGE_RELEASE);
    cr_assert_eq(stage.did.ask->release.reason, GM_RELEASE_FAILURE);
    cr_assert(gm_bytes_equal(stage.did.ask->release.text, gm_message_text("a tensor did not fit")));
    unreached(&stage);
    asks(&stage, GM_MESSAGE_LEASE_ASK); /* its deadline ends it anyway */
    stage_close(&stage);
}
