/* What a worker decides when time passes, when answers come late, and when its owner speaks. */
#include "gm_test.h"

#include <string.h>

#include "stage.h"

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
