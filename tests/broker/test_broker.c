/* What the broker grants and refuses, request by request. */
#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include "desk.h"

static const struct gm_lab_options usual = {.name = "desk",
                                            .seed = 1,
                                            .step_count = 4,
                                            .shard_count = 3,
                                            .checkpoint_every = 2,
                                            .diverge_step = UINT32_MAX};

/* A submitted job whose initial state is there: gradients are ready. */
static void desk_ready(struct gm_desk *desk, struct gm_lab *lab, uint8_t job[GM_ID_BYTES])
{
    gm_desk_init(desk);
    gm_lab_init(lab, &usual);
    gm_desk_submit(desk, lab, job);
    cr_assert_eq(gm_desk_work(desk, GM_DESK_HOUSE, lab, 200), GM_VERDICT_ACCEPTED);
}

static void expect_error(const struct gm_message *reply, enum gm_status status)
{
    cr_assert_eq(reply->type, GM_MESSAGE_ERROR);
    cr_assert_eq(reply->error.status, status, "%.*s", (int)reply->error.text.size_bytes,
                 (const char *)reply->error.text.data);
    cr_assert_gt(reply->error.text.size_bytes, 0);
}

static bool text_has(struct gm_bytes text, const char *part)
{
    char copy[GM_WIRE_TEXT_MAX + 1] = "";
    memcpy(copy, text.data, text.size_bytes);
    return strstr(copy, part) != NULL;
}

Test(broker, an_attestation_must_say_everything_of_its_lease)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_handwork work;
    uint8_t job[GM_ID_BYTES];
    desk_ready(&desk, &lab, job);
    gm_handwork_do(&work, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 1)->lease);
    const struct gm_attestation right = work.said;
    for (int wrong = 0; wrong < 9; wrong++) {
        work.said = right;
        uint8_t *field[] = {work.said.audience.bytes,
                            work.said.nonce,
                            work.said.work.task.bytes,
                            work.said.work.program.bytes,
                            work.said.work.inputs_root.bytes,
                            work.said.work.outputs_root.bytes,
                            work.said.work.lease,
                            (uint8_t *)work.said.work.profile};
        if (wrong < 8)
            field[wrong][5] ^= 1;
        gm_handwork_sign(&work, &desk.keys[wrong == 8 ? GM_DESK_OTHER : GM_DESK_WORKER]);
        expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &work), GM_UNTRUSTED);
    }
    work.said = right;
    gm_handwork_sign(&work, &desk.keys[GM_DESK_WORKER]);
    work.attestation.data[work.attestation.size_bytes - 1] ^= 1;
    expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &work), GM_UNTRUSTED);
    gm_handwork_sign(&work, &desk.keys[GM_DESK_WORKER]);
    work.count--;
    expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &work), GM_INVALID);
    work.count++;
    cr_assert_eq(gm_desk_attest(&desk, GM_DESK_WORKER, &work)->type, GM_MESSAGE_RECEIPT);
    gm_handwork_fini(&work);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

Test(broker, a_lease_serves_nobody_but_its_key)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_handwork work;
    uint8_t job[GM_ID_BYTES];
    desk_ready(&desk, &lab, job);
    gm_handwork_do(&work, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 1)->lease);
    gm_handwork_sign(&work, &desk.keys[GM_DESK_WORKER]);
    expect_error(gm_desk_attest(&desk, GM_DESK_OTHER, &work), GM_REFUSED);
    expect_error(gm_desk_upload(&desk, GM_DESK_OTHER, &work), GM_REFUSED);
    struct gm_message beat = {.type = GM_MESSAGE_HEARTBEAT};
    struct gm_message release = {.type = GM_MESSAGE_RELEASE};
    memcpy(beat.heartbeat.lease, work.lease, GM_ID_BYTES);
    memcpy(release.release.lease, work.lease, GM_ID_BYTES);
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_OTHER, &beat)->heartbeat_ok.live, 0);
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_OTHER, &release)->type, GM_MESSAGE_OK);
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_WORKER, &beat)->heartbeat_ok.live, 1,
                 "somebody else's release ended the lease");
    beat.heartbeat.lease[0] ^= 1;
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_WORKER, &beat)->heartbeat_ok.live, 0);

    /* Inputs are for the holder, outputs for whom has a receipt. */
    const struct gm_key_public *own = &desk.keys[GM_DESK_WORKER].public_key;
    const struct gm_key_public *other = &desk.keys[GM_DESK_OTHER].public_key;
    const struct gm_hash *data = &lab.recipe.train[1].root;
    cr_assert(gm_broker_may_read(desk.broker, own, data));
    cr_assert(gm_broker_may_read(desk.broker, own, &lab.recipe.gradient_program));
    cr_assert(!gm_broker_may_read(desk.broker, own, &lab.recipe_root));
    cr_assert(!gm_broker_may_read(desk.broker, other, data));
    uint64_t size = work.names[0].size_bytes;
    cr_assert_eq(gm_broker_may_write(desk.broker, own, &work.roots[0], size, work.lease),
                 GM_REFUSED, "without a receipt");
    cr_assert_eq(gm_desk_attest(&desk, GM_DESK_WORKER, &work)->type, GM_MESSAGE_RECEIPT);
    cr_assert_eq(gm_broker_may_write(desk.broker, own, &work.roots[0], size, work.lease), GM_OK);
    cr_assert_eq(gm_broker_may_write(desk.broker, own, &work.roots[0], size + 1, work.lease),
                 GM_REFUSED, "of another size");
    cr_assert_eq(gm_broker_may_write(desk.broker, own, data, size, work.lease), GM_REFUSED);
    cr_assert_eq(gm_broker_may_write(desk.broker, other, &work.roots[0], size, work.lease),
                 GM_REFUSED);
    cr_assert(!gm_broker_may_read(desk.broker, own, data), "after the attestation");
    gm_handwork_fini(&work);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

static void bytes_keep(struct gm_bytes bytes, uint8_t *out, size_t *size_bytes)
{
    memcpy(out, bytes.data, bytes.size_bytes);
    *size_bytes = bytes.size_bytes;
}

Test(broker, a_repeated_request_gets_the_same_answer_across_a_restart)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_handwork work;
    uint8_t job[GM_ID_BYTES];
    uint8_t first[GM_TOKEN_BYTES_MAX];
    size_t size;
    desk_ready(&desk, &lab, job);
    const struct gm_message *reply = gm_desk_lease(&desk, GM_DESK_WORKER, 1);
    gm_handwork_do(&work, &lab, &reply->lease);
    bytes_keep(reply->lease.token, first, &size);
    for (int i = 0; i < 2; i++, gm_desk_restart(&desk)) {
        reply = gm_desk_lease(&desk, GM_DESK_WORKER, 1);
        cr_assert_eq(reply->type, GM_MESSAGE_LEASE);
        cr_assert(gm_bytes_equal(reply->lease.token, (struct gm_bytes){first, size}));
    }
    gm_handwork_sign(&work, &desk.keys[GM_DESK_WORKER]);
    bytes_keep(gm_desk_attest(&desk, GM_DESK_WORKER, &work)->receipt.token, first, &size);
    for (int i = 0; i < 2; i++, gm_desk_restart(&desk)) {
        reply = gm_desk_attest(&desk, GM_DESK_WORKER, &work);
        cr_assert_eq(reply->type, GM_MESSAGE_RECEIPT);
        cr_assert(gm_bytes_equal(reply->receipt.token, (struct gm_bytes){first, size}));
    }
    work.said.issued_s++;
    gm_handwork_sign(&work, &desk.keys[GM_DESK_WORKER]);
    expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &work), GM_REFUSED);
    cr_assert_eq(gm_desk_upload(&desk, GM_DESK_WORKER, &work)->verdict.state, GM_VERDICT_PENDING);
    gm_desk_restart(&desk);
    cr_assert_eq(gm_desk_upload(&desk, GM_DESK_WORKER, &work)->verdict.state, GM_VERDICT_PENDING);

    /* The request's lease is done: it gives no second one. */
    cr_assert_eq(gm_desk_lease(&desk, GM_DESK_WORKER, 1)->type, GM_MESSAGE_LEASE_NONE);
    struct gm_message submit = {.type = GM_MESSAGE_SUBMIT};
    submit.submit.request[0] = 1;
    memcpy(submit.submit.recipe, lab.recipe_root.bytes, GM_ROOT_BYTES);
    cr_assert_arr_eq(gm_desk_ask(&desk, GM_DESK_REQUESTER, &submit)->submitted.job, job,
                     GM_ID_BYTES);
    submit.submit.recipe[0] ^= 1;
    expect_error(gm_desk_ask(&desk, GM_DESK_REQUESTER, &submit), GM_EXISTS);
    gm_handwork_fini(&work);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

Test(broker, what_comes_after_the_deadline_is_stale)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_handwork work;
    uint8_t job[GM_ID_BYTES];
    desk_ready(&desk, &lab, job);
    desk.config.lease_ms_unknown = 20000;
    gm_desk_restart(&desk);
    gm_handwork_do(&work, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 1)->lease);
    gm_handwork_sign(&work, &desk.keys[GM_DESK_WORKER]);
    struct gm_message beat = {.type = GM_MESSAGE_HEARTBEAT};
    memcpy(beat.heartbeat.lease, work.lease, GM_ID_BYTES);
    for (int i = 0; i < 3; i++) {
        desk.now_ms += 6000;
        cr_assert_eq(gm_desk_ask(&desk, GM_DESK_WORKER, &beat)->heartbeat_ok.live, 1);
    }
    desk.now_ms += 3000;
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_WORKER, &beat)->heartbeat_ok.live, 0,
                 "a heartbeat extends nothing");
    expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &work), GM_STALE);
    cr_assert_eq(gm_desk_job(&desk, job).reissued, 1);
    expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &work), GM_STALE);
    expect_error(gm_desk_upload(&desk, GM_DESK_WORKER, &work), GM_STALE);
    cr_assert_eq(gm_broker_may_write(desk.broker, &desk.keys[GM_DESK_WORKER].public_key,
                                     &work.roots[0], work.names[0].size_bytes, work.lease),
                 GM_STALE);
    gm_handwork_fini(&work);

    /* A silent worker's lease ends by itself, and the task goes to the next who asks. */
    gm_handwork_do(&work, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 2)->lease);
    struct gm_hash task = work.said.work.task;
    gm_handwork_fini(&work);
    gm_desk_tick(&desk, 3 * 5000 + 1);
    cr_assert_eq(gm_desk_job(&desk, job).reissued, 2);
    gm_handwork_do(&work, &lab, &gm_desk_lease(&desk, GM_DESK_OTHER, 1)->lease);
    cr_assert(gm_hash_equal(&work.said.work.task, &task));
    gm_handwork_fini(&work);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

/* A lie in the first task: the house replays, the key is banned, the house's result is used. */
Test(broker, a_liar_is_banned_by_proof_and_told_so)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_handwork lie;
    struct gm_handwork open;
    uint8_t job[GM_ID_BYTES];
    desk_ready(&desk, &lab, job);
    const struct gm_message *reply = gm_desk_lease(&desk, GM_DESK_WORKER, 1);
    gm_handwork_do(&lie, &lab, &reply->lease);
    gm_handwork_lie(&lie, &lab, &reply->lease);
    gm_handwork_sign(&lie, &desk.keys[GM_DESK_WORKER]);
    gm_handwork_do(&open, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 2)->lease);
    gm_handwork_sign(&open, &desk.keys[GM_DESK_WORKER]);
    cr_assert_eq(gm_desk_attest(&desk, GM_DESK_WORKER, &lie)->type, GM_MESSAGE_RECEIPT);
    cr_assert_eq(gm_desk_upload(&desk, GM_DESK_WORKER, &lie)->verdict.state, GM_VERDICT_PENDING);

    cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, 1), GM_VERDICT_ACCEPTED);
    struct gm_message ask = {.type = GM_MESSAGE_VERDICT_ASK};
    memcpy(ask.verdict_ask.lease, lie.lease, GM_ID_BYTES);
    reply = gm_desk_ask(&desk, GM_DESK_WORKER, &ask);
    cr_assert_eq(reply->verdict.state, GM_VERDICT_REJECTED);
    cr_assert_gt(reply->verdict.token.size_bytes, 100);
    expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &open), GM_STALE);
    expect_error(gm_desk_lease(&desk, GM_DESK_WORKER, 3), GM_REFUSED);
    gm_desk_restart(&desk);
    expect_error(gm_desk_lease(&desk, GM_DESK_WORKER, 4), GM_REFUSED);
    cr_assert_eq(gm_desk_job(&desk, job).rejected, 1);
    cr_assert_eq(gm_desk_job(&desk, job).rewinds, 0);
    struct gm_message info = {.type = GM_MESSAGE_BROKER_ASK};
    reply = gm_desk_ask(&desk, GM_DESK_OTHER, &info);
    cr_assert_eq(reply->broker_info.banned.size_bytes, GM_KEY_SIZE);
    cr_assert_arr_eq(reply->broker_info.banned.data, desk.keys[GM_DESK_WORKER].public_key.bytes,
                     GM_KEY_SIZE);
    /* Two gradients are left, then the reduction and the update. */
    for (uint8_t i = 2; i < 6; i++)
        cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, i), GM_VERDICT_ACCEPTED);
    cr_assert_eq(gm_desk_job(&desk, job).step, 1);
    gm_handwork_fini(&lie);
    gm_handwork_fini(&open);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

/* A step diverges while an earlier result waits for its replay. That result is a lie: the job did
   not end, and goes back. */
Test(broker, a_job_does_not_end_on_what_a_pending_replay_may_undo)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_handwork lie;
    struct gm_handwork replay;
    struct gm_handwork diverged;
    struct gm_lab_options options = usual;
    uint8_t job[GM_ID_BYTES];
    options.shard_count = 2;
    options.replay_ppm = GM_PPM;
    gm_lab_init(&lab, &options);
    gm_desk_init(&desk);
    desk.config.replay_first = 1;
    gm_desk_restart(&desk);
    gm_desk_submit(&desk, &lab, job);
    cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, 1), GM_VERDICT_ACCEPTED);
    /* Step 0: the worker earns trust. Its replay, the other gradient, reduction, update. */
    cr_assert_eq(gm_desk_work(&desk, GM_DESK_WORKER, &lab, 1), GM_VERDICT_PENDING);
    for (uint8_t i = 2; i < 6; i++)
        cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, i), GM_VERDICT_ACCEPTED);
    cr_assert_eq(gm_desk_job(&desk, job).step, 1);

    /* Step 1: it lies and is believed; the replay begins, but the step is over first. */
    const struct gm_message *reply = gm_desk_lease(&desk, GM_DESK_WORKER, 2);
    gm_handwork_do(&lie, &lab, &reply->lease);
    gm_handwork_lie(&lie, &lab, &reply->lease);
    gm_handwork_sign(&lie, &desk.keys[GM_DESK_WORKER]);
    cr_assert_eq(gm_desk_attest(&desk, GM_DESK_WORKER, &lie)->type, GM_MESSAGE_RECEIPT);
    cr_assert_eq(gm_desk_upload(&desk, GM_DESK_WORKER, &lie)->verdict.state, GM_VERDICT_ACCEPTED);
    gm_handwork_do(&replay, &lab, &gm_desk_lease(&desk, GM_DESK_HOUSE, 10)->lease);
    cr_assert(gm_hash_equal(&replay.said.work.task, &lie.said.work.task));
    gm_handwork_sign(&replay, &desk.keys[GM_DESK_HOUSE]);
    for (uint8_t i = 11; i < 14; i++)
        cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, i), GM_VERDICT_ACCEPTED);
    cr_assert_eq(gm_desk_job(&desk, job).step, 2);

    /* Step 2 diverges. */
    gm_handwork_do(&diverged, &lab, &gm_desk_lease(&desk, GM_DESK_HOUSE, 20)->lease);
    diverged.said.work.status = GM_WORK_DIVERGED;
    gm_handwork_sign(&diverged, &desk.keys[GM_DESK_HOUSE]);
    cr_assert_eq(gm_desk_attest(&desk, GM_DESK_HOUSE, &diverged)->type, GM_MESSAGE_RECEIPT);
    cr_assert_eq(gm_desk_upload(&desk, GM_DESK_HOUSE, &diverged)->verdict.state,
                 GM_VERDICT_ACCEPTED);
    cr_assert_eq(gm_desk_job(&desk, job).state, GM_JOB_RUNNING);
    cr_assert_eq(gm_desk_lease(&desk, GM_DESK_HOUSE, 21)->type, GM_MESSAGE_LEASE_NONE,
                 "work on a step that diverged");

    cr_assert_eq(gm_desk_attest(&desk, GM_DESK_HOUSE, &replay)->type, GM_MESSAGE_RECEIPT);
    cr_assert_eq(gm_desk_job(&desk, job).rewinds, 1);
    cr_assert_eq(gm_desk_job(&desk, job).step, 1);
    cr_assert_eq(gm_desk_job(&desk, job).state, GM_JOB_RUNNING);
    /* The replay is now the result. */
    cr_assert_eq(gm_desk_upload(&desk, GM_DESK_HOUSE, &replay)->verdict.state, GM_VERDICT_ACCEPTED);
    for (uint8_t i = 30; i < 33; i++)
        cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, i), GM_VERDICT_ACCEPTED);
    cr_assert_eq(gm_desk_job(&desk, job).step, 2);
    gm_handwork_fini(&lie);
    gm_handwork_fini(&replay);
    gm_handwork_fini(&diverged);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

Test(broker, waiting_workers_are_answered_when_a_task_is_ready_or_their_time_is_over)
{
    struct gm_desk desk;
    struct gm_lab lab;
    uint8_t job[GM_ID_BYTES];
    gm_desk_init(&desk);
    gm_lab_init(&lab, &usual);
    struct gm_message ask = {.type = GM_MESSAGE_LEASE_ASK};
    ask.lease_ask.request[0] = 1;
    ask.lease_ask.wait_ms = 5000;
    ask.lease_ask.memory_bytes = 1 << 30;
    cr_assert_null(gm_desk_ask(&desk, GM_DESK_WORKER, &ask));
    uint64_t first = desk.handle;
    cr_assert_eq(gm_broker_wait_ms(desk.broker, desk.now_ms), 5000);
    cr_assert_null(gm_desk_ask(&desk, GM_DESK_OTHER, &ask));
    uint64_t second = desk.handle;
    gm_desk_submit(&desk, &lab, job);
    cr_assert(text_has(gm_desk_job(&desk, job).text, "waits for a house worker"));
    gm_desk_tick(&desk, 6000);
    cr_assert_eq(desk.out.reply_count, 2);
    cr_assert_eq(desk.out.replies[0].handle, first);
    cr_assert_eq(desk.out.replies[1].handle, second);
    cr_assert_eq(desk.out.replies[1].message.type, GM_MESSAGE_LEASE_NONE);
    ask.lease_ask.request[0] = 2;
    cr_assert_null(gm_desk_ask(&desk, GM_DESK_WORKER, &ask));
    first = desk.handle;
    /* A retry takes the place of the request that waits. */
    cr_assert_null(gm_desk_ask(&desk, GM_DESK_WORKER, &ask));
    cr_assert_eq(desk.out.replies[0].handle, first);
    second = desk.handle;
    gm_desk_work(&desk, GM_DESK_HOUSE, &lab, 1);
    bool leased = false;
    for (size_t i = 0; i < desk.out.reply_count; i++)
        leased = leased || (desk.out.replies[i].handle == second &&
                            desk.out.replies[i].message.type == GM_MESSAGE_LEASE);
    cr_assert(leased, "the waiting worker got nothing");
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
}

Test(broker, tasks_are_offered_by_memory_job_and_the_state_of_the_disk)
{
    struct gm_desk desk;
    struct gm_lab lab;
    struct gm_lab other;
    uint8_t job[GM_ID_BYTES];
    uint8_t second[GM_ID_BYTES];
    struct gm_lab_options options = usual;
    struct gm_message ask = {.type = GM_MESSAGE_LEASE_ASK};
    gm_desk_init(&desk);
    options.shard_count = 6;
    gm_lab_init(&lab, &options);
    gm_desk_submit(&desk, &lab, job);
    cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &lab, 200), GM_VERDICT_ACCEPTED);
    ask.lease_ask.request[0] = 1;
    ask.lease_ask.memory_bytes = 16;
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_WORKER, &ask)->type, GM_MESSAGE_LEASE_NONE);

    struct gm_broker_event pause = {.kind = GM_BROKER_PAUSE, .reason = "the disk is full"};
    gm_desk_event(&desk, &pause);
    const struct gm_message *reply = gm_desk_lease(&desk, GM_DESK_WORKER, 2);
    cr_assert_eq(reply->type, GM_MESSAGE_LEASE_NONE);
    cr_assert(text_has(reply->lease_none.reason, "the disk is full"));
    cr_assert(text_has(gm_desk_job(&desk, job).text, "the disk is full"));
    pause.reason = NULL;
    gm_desk_event(&desk, &pause);

    /* Two jobs with tasks ready take turns. */
    options.name = "second";
    options.seed = 2;
    gm_lab_init(&other, &options);
    gm_desk_submit(&desk, &other, second);
    cr_assert_eq(gm_desk_work(&desk, GM_DESK_HOUSE, &other, 1), GM_VERDICT_ACCEPTED);
    unsigned own = 0;
    for (uint8_t i = 0; i < 6; i++) {
        reply =
            gm_desk_lease(&desk, i % 2 == 0 ? GM_DESK_WORKER : GM_DESK_OTHER, (uint8_t)(10 + i));
        cr_assert_eq(reply->type, GM_MESSAGE_LEASE);
        struct gm_task task;
        cr_assert_eq(gm_task_decode(reply->lease.task, &task, NULL), GM_OK);
        for (uint32_t j = 0; j < task.input_count; j++)
            own += task.inputs[j].kind == GM_TASK_INPUT_SLICE &&
                   gm_hash_equal(&task.inputs[j].slice.root, &lab.recipe.train[0].root);
        gm_task_fini(&task);
    }
    cr_assert(own >= 2 && own <= 4, "%u of 6 went to the first job", own);

    struct gm_message cancel = {.type = GM_MESSAGE_CANCEL};
    memcpy(cancel.cancel.job, second, GM_ID_BYTES);
    expect_error(gm_desk_ask(&desk, GM_DESK_WORKER, &cancel), GM_NOT_FOUND);
    cr_assert_eq(gm_desk_ask(&desk, GM_DESK_REQUESTER, &cancel)->type, GM_MESSAGE_OK);
    cr_assert_eq(gm_desk_job(&desk, second).state, GM_JOB_CANCELLED);
    cr_assert_eq(gm_desk_job(&desk, job).state, GM_JOB_RUNNING);
    gm_desk_fini(&desk);
    gm_lab_fini(&lab);
    gm_lab_fini(&other);
}

static const struct gm_message *stage(struct gm_desk *desk, int who, uint8_t name, uint64_t size)
{
    struct gm_broker_event event = {.kind = GM_BROKER_STAGE,
                                    .peer = desk->keys[who].public_key,
                                    .root = {{name}},
                                    .size_bytes = size};
    gm_desk_event(desk, &event);
    return &desk->out.replies[0].message;
}

static void count_visit(void *ctx, const struct gm_hash *root)
{
    size_t *count = ctx;
    (void)root;
    (*count)++;
}

Test(broker, room_for_submissions_is_bounded_and_given_back)
{
    static const uint8_t none[GM_ID_BYTES];
    struct gm_desk desk;
    size_t live = 0;
    gm_desk_init(&desk);
    desk.config.stage_bytes_max = 100;
    desk.config.stage_bytes_total_max = 150;
    gm_desk_restart(&desk);
    cr_assert_eq(stage(&desk, GM_DESK_REQUESTER, 1, 60)->type, GM_MESSAGE_OK);
    cr_assert_eq(stage(&desk, GM_DESK_REQUESTER, 1, 60)->type, GM_MESSAGE_OK, "again");
    expect_error(stage(&desk, GM_DESK_REQUESTER, 2, 41), GM_NO_SPACE);
    expect_error(stage(&desk, GM_DESK_REQUESTER, 2, UINT64_MAX), GM_NO_SPACE);
    expect_error(stage(&desk, GM_DESK_OTHER, 2, 91), GM_NO_SPACE);
    cr_assert_eq(stage(&desk, GM_DESK_OTHER, 2, 90)->type, GM_MESSAGE_OK);
    struct gm_hash root = {{1}};
    cr_assert_eq(
        gm_broker_may_write(desk.broker, &desk.keys[GM_DESK_REQUESTER].public_key, &root, 60, none),
        GM_OK);
    cr_assert_eq(
        gm_broker_may_write(desk.broker, &desk.keys[GM_DESK_OTHER].public_key, &root, 60, none),
        GM_REFUSED);
    gm_desk_restart(&desk);
    gm_broker_live_roots(desk.broker, count_visit, &live);
    cr_assert_eq(live, 2);
    gm_desk_tick(&desk, desk.config.stage_ms + 1);
    live = 0;
    gm_broker_live_roots(desk.broker, count_visit, &live);
    cr_assert_eq(live, 0);
    cr_assert(desk.out.sweep);
    gm_desk_fini(&desk);
}

Test(broker, a_job_whose_files_are_lost_ends_and_harms_no_other)
{
    for (int lost = 0; lost < 2; lost++) {
        struct gm_desk desk;
        struct gm_lab lab;
        struct gm_handwork held;
        struct gm_handwork sent;
        uint8_t job[GM_ID_BYTES];
        static const struct gm_blob_set nothing;
        desk_ready(&desk, &lab, job);
        gm_handwork_do(&held, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 1)->lease);
        gm_handwork_do(&sent, &lab, &gm_desk_lease(&desk, GM_DESK_WORKER, 2)->lease);
        gm_handwork_sign(&held, &desk.keys[GM_DESK_WORKER]);
        gm_handwork_sign(&sent, &desk.keys[GM_DESK_WORKER]);
        cr_assert_eq(gm_desk_attest(&desk, GM_DESK_WORKER, &sent)->type, GM_MESSAGE_RECEIPT);
        if (lost == 0)
            desk.lab_count = 0; /* recipe and programs */
        else
            gm_blob_set_keep(&desk.blobs, &nothing); /* all else */
        gm_desk_restart(&desk);
        const struct gm_key_public *key = &desk.keys[GM_DESK_WORKER].public_key;
        (void)gm_broker_may_read(desk.broker, key, &lab.recipe_root);
        cr_assert_neq(gm_desk_lease(&desk, GM_DESK_WORKER, 1)->type, GM_MESSAGE_LEASE);
        cr_assert_eq(gm_desk_job(&desk, job).state, GM_JOB_FAILED);
        cr_assert(text_has(gm_desk_job(&desk, job).text, lost == 0 ? "blob" : "not stored"));
        expect_error(gm_desk_attest(&desk, GM_DESK_WORKER, &held), GM_STALE);
        cr_assert_eq(gm_desk_upload(&desk, GM_DESK_WORKER, &sent)->verdict.state, GM_VERDICT_VOID);
        gm_handwork_fini(&held);
        gm_handwork_fini(&sent);
        gm_desk_fini(&desk);
        gm_lab_fini(&lab);
    }
}

Test(broker, entries_that_no_broker_wrote_are_refused)
{
    struct gm_desk desk;
    struct gm_entry entry = {.key = {.kind = GM_ENTRY_JOB, .size_bytes = GM_ID_BYTES}};
    struct gm_error err;
    static const uint8_t map[] = {0xa1, 0x00, 0x01};
    gm_desk_init(&desk);
    for (int kind = 0; kind <= 9; kind++) {
        entry.key.kind = (enum gm_entry_kind)kind;
        entry.value = (struct gm_bytes){map, 0};
        cr_assert_eq(gm_broker_load(desk.broker, &entry, &err), GM_INVALID);
        entry.value.size_bytes = 2;
        cr_assert_eq(gm_broker_load(desk.broker, &entry, &err), GM_INVALID);
        entry.value.size_bytes = 3;
        cr_assert_eq(gm_broker_load(desk.broker, &entry, &err), GM_INVALID);
    }
    gm_desk_fini(&desk);
}
