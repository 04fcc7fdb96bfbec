#include "stage.h"

#include <string.h>

#include "gm_test.h"
#include "trust/blake3.h"
#include "trust/token_receipt.h"

/* ---- the stage ---- */

void step(struct stage *stage, struct gm_worker_event event)
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

void plain(struct stage *stage, enum gm_worker_event_kind kind)
{
    step(stage, (struct gm_worker_event){.kind = kind});
}

void tick_after(struct stage *stage, uint64_t ms)
{
    stage->now_ms += ms;
    plain(stage, GM_WORKER_TICK);
}

void stage_open(struct stage *stage)
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

void stage_close(struct stage *stage)
{
    gm_buf_fini(&stage->lease_token);
    gm_worker_free(stage->worker);
}

void reply(struct stage *stage, uint64_t number, const struct gm_message *message)
{
    step(stage,
         (struct gm_worker_event){.kind = GM_WORKER_REPLY, .number = number, .message = message});
}

void answer(struct stage *stage, struct gm_message message)
{
    cr_assert_not_null(stage->did.ask, "nothing was asked");
    reply(stage, stage->did.number, &message);
}

void refuse(struct stage *stage, enum gm_status status, uint64_t retry_ms)
{
    struct gm_message message = {.type = GM_MESSAGE_ERROR};
    message.error.status = (uint64_t)status;
    message.error.retry_ms = retry_ms;
    message.error.text = gm_message_text("because");
    answer(stage, message);
}

void unreached(struct stage *stage)
{
    step(stage, (struct gm_worker_event){.kind = GM_WORKER_UNREACHED,
                                         .number = stage->did.number,
                                         .status = GM_TIMEOUT,
                                         .text = "no answer"});
}

uint64_t asked_again_after(struct stage *stage)
{
    uint64_t start_ms = stage->now_ms;
    while (stage->did.ask == NULL) {
        cr_assert_lt(stage->now_ms - start_ms, 100000, "it gave up without a word");
        tick_after(stage, 10);
    }
    return stage->now_ms - start_ms;
}

void asks(const struct stage *stage, enum gm_message_type type)
{
    cr_assert_not_null(stage->did.ask, "expected %s, nothing was asked", gm_message_name(type));
    cr_assert_eq(stage->did.ask->type, type, "%s instead of %s",
                 gm_message_name(stage->did.ask->type), gm_message_name(type));
}

void ended(const struct stage *stage, enum gm_status status)
{
    cr_assert(stage->did.end);
    cr_assert_eq(stage->did.status, status, "%s", stage->did.text);
    cr_assert_neq(stage->did.text[0], '\0');
    cr_assert_eq(gm_worker_phase(stage->worker), GM_WORKER_ENDED);
}

/* ---- scenes ---- */

void greeted(struct stage *stage)
{
    plain(stage, GM_WORKER_START);
    asks(stage, GM_MESSAGE_HELLO);
    answer(stage, (struct gm_message){.type = GM_MESSAGE_HELLO_OK,
                                      .hello_ok = {.heartbeat_ms = HEARTBEAT_MS}});
    asks(stage, GM_MESSAGE_LEASE_ASK);
}

void lease_make(struct stage *stage, uint8_t name)
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

struct gm_message lease_message(struct stage *stage, const struct gm_key *signer)
{
    struct gm_message message = {.type = GM_MESSAGE_LEASE};
    stage->lease_token.size_bytes = 0;
    cr_assert_eq(gm_lease_token_sign(&stage->lease, signer, &stage->lease_token, NULL), GM_OK);
    message.lease.token = gm_buf_view(&stage->lease_token);
    message.lease.task = (struct gm_bytes){stage->task, sizeof stage->task};
    message.lease.deadline_ms = 60000;
    return message;
}

void leased(struct stage *stage, uint8_t name)
{
    lease_make(stage, name);
    answer(stage, lease_message(stage, &stage->broker));
    cr_assert(stage->did.run);
    cr_assert_eq(stage->did.task.size_bytes, sizeof stage->task);
    cr_assert_arr_eq(stage->did.task.data, stage->task, sizeof stage->task);
    cr_assert_arr_eq(stage->did.lease, stage->lease.lease, GM_ID_BYTES);
    cr_assert_eq(stage->did.keep.size_bytes, stage->lease_token.size_bytes, "the lease is kept");
}

const struct gm_worker_done *done_make(bool diverged)
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

struct gm_attestation computed(struct stage *stage, bool diverged)
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

void receipted_by(struct stage *stage, const struct gm_key *signer, struct gm_hash statement)
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

void receipted(struct stage *stage)
{
    receipted_by(stage, &stage->broker, gm_token_hash(stage->did.ask->attest.token));
    cr_assert(stage->did.upload);
    cr_assert_gt(stage->did.keep.size_bytes, 0, "the receipt is kept");
}

void uploaded(struct stage *stage)
{
    step(stage,
         (struct gm_worker_event){.kind = GM_WORKER_UPLOAD_DONE, .number = stage->did.number});
    asks(stage, GM_MESSAGE_UPLOADED);
    cr_assert_arr_eq(stage->did.ask->uploaded.lease, stage->lease.lease, GM_ID_BYTES);
}

void judged(struct stage *stage, enum gm_verdict_state state)
{
    struct gm_message message = {.type = GM_MESSAGE_VERDICT};
    message.verdict.state = state;
    answer(stage, message);
    asks(stage, GM_MESSAGE_LEASE_ASK);
}

void one_lease(struct stage *stage, uint8_t name)
{
    leased(stage, name);
    (void)computed(stage, false);
    receipted(stage);
    uploaded(stage);
    judged(stage, GM_VERDICT_ACCEPTED);
}
