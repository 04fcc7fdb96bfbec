#include "worker/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "worker/worker_state.h"

enum {
    RETRY_MS_MIN = 200,
    RETRY_MS_MAX = 10000,
    ASKED_MS_MAX = 60000,   /* of what the broker asks to wait */
    ANSWER_WAIT_MS = 10000, /* beyond the time a question may wait at the broker */
    HEARTBEAT_MS_DEFAULT = 2000,
    HEARTBEAT_MS_MIN = 100,
};

/* ---- life ---- */

struct gm_worker *gm_worker_new(const struct gm_worker_config *config)
{
    struct gm_worker *worker = gm_mem_new(1, sizeof *worker);
    if (worker == NULL)
        return NULL;
    worker->config = *config;
    worker->phase = GM_WORKER_RESTING;
    worker->next = GM_WORKER_GREETING;
    worker->heartbeat_ms = HEARTBEAT_MS_DEFAULT;
    return worker;
}

void gm_worker_free(struct gm_worker *worker)
{
    if (worker == NULL)
        return;
    gm_buf_fini(&worker->task);
    gm_buf_fini(&worker->attestation);
    gm_buf_fini(&worker->roots);
    gm_buf_fini(&worker->keep);
    gm_mem_free(worker);
}

enum gm_worker_phase gm_worker_phase(const struct gm_worker *worker)
{
    return worker->phase;
}

uint64_t gm_worker_done_count(const struct gm_worker *worker)
{
    return worker->done_count;
}

/* ---- moving between phases ---- */

static void say(struct gm_worker *worker, struct gm_worker_actions *out, const char *text)
{
    if (text != worker->text)
        (void)snprintf(worker->text, sizeof worker->text, "%s", text);
    out->text = worker->text;
}

static void ask(struct gm_worker *worker, struct gm_worker_actions *out)
{
    uint64_t wait_ms = ANSWER_WAIT_MS;
    if (worker->ask.type == GM_MESSAGE_LEASE_ASK)
        wait_ms += worker->ask.lease_ask.wait_ms;
    out->ask = &worker->ask;
    out->ask_wait_ms = (uint32_t)wait_ms;
}

static void end(struct gm_worker *worker, struct gm_worker_actions *out, enum gm_status status,
                const char *text)
{
    worker->phase = GM_WORKER_ENDED;
    out->end = true;
    out->status = status;
    say(worker, out, text);
}

static void enter(struct gm_worker *worker, enum gm_worker_phase phase,
                  const struct gm_worker_event *event, struct gm_worker_actions *out)
{
    worker->phase = phase;
    out->number = ++worker->number;
    switch (phase) {
    case GM_WORKER_GREETING:
        gm_worker_ask_hello(worker);
        ask(worker, out);
        break;
    case GM_WORKER_ASKING:
        if (worker->draining) {
            end(worker, out, GM_OK, "drained");
            break;
        }
        if (!worker->asking)
            memcpy(worker->request, event->random, GM_ID_BYTES);
        worker->asking = true;
        gm_worker_ask_lease(worker);
        ask(worker, out);
        break;
    case GM_WORKER_RUNNING:
        worker->beat_ms = worker->now_ms;
        out->run = true;
        out->task = gm_buf_view(&worker->task);
        break;
    case GM_WORKER_ATTESTING:
        gm_worker_ask_attest(worker);
        ask(worker, out);
        break;
    case GM_WORKER_UPLOADING:
        out->upload = true;
        break;
    case GM_WORKER_REPORTING:
        gm_worker_ask_uploaded(worker);
        ask(worker, out);
        break;
    case GM_WORKER_RELEASING:
        gm_worker_ask_release(worker);
        ask(worker, out);
        break;
    case GM_WORKER_SUSPENDED:
        if (worker->draining)
            end(worker, out, GM_OK, "drained");
        break;
    case GM_WORKER_RESTING:
    case GM_WORKER_ENDED:
        break;
    }
}

/* Waits, longer after every failure in a row and no less than the broker asks, then goes to `next`.
   The jitter keeps a crowd of workers from coming back at the same moment. */
static void rest(struct gm_worker *worker, enum gm_worker_phase next, uint64_t asked_ms,
                 const struct gm_worker_event *event)
{
    uint64_t wait_ms = RETRY_MS_MIN << (worker->failures < 6 ? worker->failures : 6);
    if (wait_ms > RETRY_MS_MAX)
        wait_ms = RETRY_MS_MAX;
    if (asked_ms > ASKED_MS_MAX)
        asked_ms = ASKED_MS_MAX;
    uint64_t least_ms = asked_ms > wait_ms / 2 ? asked_ms : wait_ms / 2;
    uint64_t jitter_ms = gm_load_u32(event->random + GM_ID_BYTES) % (wait_ms / 2 + 1);
    worker->failures++;
    worker->number++; /* what is still to come about the last question is not heard */
    worker->phase = GM_WORKER_RESTING;
    worker->next = next;
    worker->resume_ms = worker->now_ms + least_ms + jitter_ms;
}

static bool lease_held(const struct gm_worker *worker)
{
    enum gm_worker_phase phase = worker->phase == GM_WORKER_RESTING ? worker->next : worker->phase;
    return phase == GM_WORKER_RUNNING || phase == GM_WORKER_ATTESTING ||
           phase == GM_WORKER_UPLOADING || phase == GM_WORKER_REPORTING;
}

/* The lease no longer counts: whatever runs for it stops, and the worker asks for another. */
static void lease_lost(struct gm_worker *worker, const struct gm_worker_event *event,
                       struct gm_worker_actions *out, const char *text)
{
    out->stop = true;
    say(worker, out, text);
    rest(worker, GM_WORKER_ASKING, 0, event);
}

static void lease_release(struct gm_worker *worker, enum gm_release_reason reason,
                          enum gm_worker_phase next, const char *text,
                          const struct gm_worker_event *event, struct gm_worker_actions *out)
{
    out->stop = true;
    worker->release_reason = reason;
    worker->next = next;
    say(worker, out, text);
    enter(worker, GM_WORKER_RELEASING, event, out);
}

/* ---- answers ---- */

static void keep(struct gm_worker *worker, struct gm_bytes token, struct gm_worker_actions *out)
{
    if (token.size_bytes == 0)
        return;
    gm_buf_fini(&worker->keep);
    gm_buf_init(&worker->keep, GM_TOKEN_BYTES_MAX);
    gm_buf_append(&worker->keep, token.data, token.size_bytes);
    if (worker->keep.status == GM_OK)
        out->keep = gm_buf_view(&worker->keep);
}

static void lease_arrived(struct gm_worker *worker, const struct gm_worker_event *event,
                          struct gm_worker_actions *out)
{
    struct gm_error err;
    worker->asking = false;
    enum gm_status status = gm_worker_lease_take(worker, &event->message->lease, event, &err);
    if (status == GM_UNTRUSTED || status == GM_INVALID) {
        end(worker, out, status, err.text);
        return;
    }
    if (status != GM_OK) {
        say(worker, out, err.text);
        rest(worker, GM_WORKER_ASKING, 0, event);
        return;
    }
    out->keep = gm_buf_view(&worker->keep);
    enter(worker, GM_WORKER_RUNNING, event, out);
}

static void receipt_arrived(struct gm_worker *worker, const struct gm_worker_event *event,
                            struct gm_worker_actions *out)
{
    struct gm_error err;
    struct gm_bytes token = event->message->receipt.token;
    enum gm_status status = gm_worker_receipt_check(worker, token, &err);
    if (status != GM_OK) {
        end(worker, out, status, err.text);
        return;
    }
    keep(worker, token, out);
    enter(worker, GM_WORKER_UPLOADING, event, out);
}

/* What an ERROR means depends on what was asked: a lease may be over; a key may be refused for
   good; all else is tried again. */
static void error_arrived(struct gm_worker *worker, const struct gm_worker_event *event,
                          struct gm_worker_actions *out)
{
    const struct gm_msg_error *error = &event->message->error;
    char text[GM_ERROR_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "the broker says: %.*s", (int)error->text.size_bytes,
                   (const char *)error->text.data);
    bool final = error->retry_ms == 0;
    if (worker->phase == GM_WORKER_RELEASING) {
        enter(worker, worker->next, event, out); /* it is over either way */
    } else if (lease_held(worker) && final) {
        lease_lost(worker, event, out, text);
    } else if (error->status == GM_REFUSED || error->status == GM_UNTRUSTED ||
               (error->status == GM_INVALID && worker->phase == GM_WORKER_GREETING)) {
        end(worker, out, (enum gm_status)error->status, text);
    } else {
        say(worker, out, text);
        rest(worker, worker->phase, error->retry_ms, event);
    }
}

static void verdict_arrived(struct gm_worker *worker, const struct gm_worker_event *event,
                            struct gm_worker_actions *out)
{
    const struct gm_msg_verdict *verdict = &event->message->verdict;
    keep(worker, verdict->token, out);
    if (verdict->state == GM_VERDICT_PENDING || verdict->state == GM_VERDICT_ACCEPTED)
        worker->done_count++;
    if (verdict->state == GM_VERDICT_REJECTED)
        say(worker, out, "a result was rejected: a replay gave other bits; is the machine sound?");
    enter(worker, GM_WORKER_ASKING, event, out);
}

static void answer_arrived(struct gm_worker *worker, const struct gm_worker_event *event,
                           struct gm_worker_actions *out)
{
    enum gm_message_type type = event->message->type;
    if (type == GM_MESSAGE_ERROR) {
        error_arrived(worker, event, out);
        return;
    }
    worker->failures = 0;
    if (worker->phase == GM_WORKER_GREETING && type == GM_MESSAGE_HELLO_OK) {
        uint64_t heartbeat_ms = event->message->hello_ok.heartbeat_ms;
        if (heartbeat_ms > 0)
            worker->heartbeat_ms =
                heartbeat_ms > HEARTBEAT_MS_MIN ? heartbeat_ms : HEARTBEAT_MS_MIN;
        worker->greeted = true;
        enter(worker, GM_WORKER_ASKING, event, out);
    } else if (worker->phase == GM_WORKER_ASKING && type == GM_MESSAGE_LEASE) {
        lease_arrived(worker, event, out);
    } else if (worker->phase == GM_WORKER_ASKING && type == GM_MESSAGE_LEASE_NONE) {
        worker->asking = false;
        rest(worker, GM_WORKER_ASKING, event->message->lease_none.retry_ms, event);
        worker->failures = 0;
    } else if (worker->phase == GM_WORKER_ATTESTING && type == GM_MESSAGE_RECEIPT) {
        receipt_arrived(worker, event, out);
    } else if (worker->phase == GM_WORKER_REPORTING && type == GM_MESSAGE_VERDICT) {
        verdict_arrived(worker, event, out);
    } else if (worker->phase == GM_WORKER_RELEASING && type == GM_MESSAGE_OK) {
        enter(worker, worker->next, event, out);
    } else {
        end(worker, out, GM_PEER, "the broker answered with a message that does not fit");
    }
}

/* A broker that is away must not keep a worker from ending: the lease is given back if it can be.
 */
static void drain_give_up(struct gm_worker *worker, const struct gm_worker_event *event,
                          struct gm_worker_actions *out)
{
    if (lease_held(worker))
        lease_release(worker, GM_RELEASE_DRAIN, GM_WORKER_ASKING, event->text, event, out);
    else
        end(worker, out, GM_OK, "drained");
}

static void answer_missing(struct gm_worker *worker, const struct gm_worker_event *event,
                           struct gm_worker_actions *out)
{
    if (event->status == GM_UNTRUSTED) {
        end(worker, out, event->status, event->text);
        return;
    }
    say(worker, out, event->text);
    if (worker->phase == GM_WORKER_RELEASING)
        enter(worker, worker->next, event, out); /* its deadline ends it anyway */
    else if (worker->draining)
        drain_give_up(worker, event, out);
    else
        rest(worker, worker->phase, 0, event);
}

/* ---- the task ---- */

static void task_done(struct gm_worker *worker, const struct gm_worker_event *event,
                      struct gm_worker_actions *out)
{
    struct gm_error err;
    enum gm_status status = gm_worker_attest(worker, event->done, event->unix_s, &err);
    if (status == GM_OK)
        enter(worker, GM_WORKER_ATTESTING, event, out);
    else
        lease_release(worker, GM_RELEASE_FAILURE, GM_WORKER_ASKING, err.text, event, out);
}

static void upload_failed(struct gm_worker *worker, const struct gm_worker_event *event,
                          struct gm_worker_actions *out)
{
    switch (event->status) {
    case GM_TIMEOUT:
    case GM_PEER:
    case GM_BUSY:
    case GM_NO_SPACE:
        say(worker, out, event->text);
        if (worker->draining)
            drain_give_up(worker, event, out);
        else
            rest(worker, GM_WORKER_UPLOADING, 0, event);
        break;
    case GM_STALE:
    case GM_REFUSED:
    case GM_UNTRUSTED:
        lease_lost(worker, event, out, event->text);
        break;
    default: /* it would fail again */
        lease_release(worker, GM_RELEASE_FAILURE, GM_WORKER_ASKING, event->text, event, out);
    }
}

/* ---- time ---- */

static void heartbeat_answered(struct gm_worker *worker, const struct gm_worker_event *event,
                               struct gm_worker_actions *out)
{
    worker->beating = false;
    bool same = memcmp(worker->beat_lease, worker->lease.lease, GM_ID_BYTES) == 0;
    if (event->message == NULL || !lease_held(worker) || !same)
        return;
    if (event->message->type == GM_MESSAGE_HEARTBEAT_OK && event->message->heartbeat_ok.live == 0)
        lease_lost(worker, event, out, "the lease is over");
}

static void tick(struct gm_worker *worker, const struct gm_worker_event *event,
                 struct gm_worker_actions *out)
{
    if (worker->phase == GM_WORKER_RESTING && worker->now_ms >= worker->resume_ms)
        enter(worker, worker->next, event, out);
    if (lease_held(worker) && !worker->beating &&
        worker->now_ms - worker->beat_ms >= worker->heartbeat_ms) {
        worker->beating = true;
        worker->beat_ms = worker->now_ms;
        memcpy(worker->beat_lease, worker->lease.lease, GM_ID_BYTES);
        out->heartbeat = true;
    }
}

static void drain(struct gm_worker *worker, struct gm_worker_actions *out)
{
    worker->draining = true;
    if (!lease_held(worker) && worker->phase != GM_WORKER_RELEASING)
        end(worker, out, GM_OK, "drained");
}

static void suspend(struct gm_worker *worker, const struct gm_worker_event *event,
                    struct gm_worker_actions *out)
{
    if (lease_held(worker))
        lease_release(worker, GM_RELEASE_SUSPEND, GM_WORKER_SUSPENDED, "suspended", event, out);
    else if (worker->phase == GM_WORKER_RELEASING)
        worker->next = GM_WORKER_SUSPENDED;
    else
        worker->phase = GM_WORKER_SUSPENDED;
}

static void resume(struct gm_worker *worker, const struct gm_worker_event *event,
                   struct gm_worker_actions *out)
{
    enum gm_worker_phase next = worker->greeted ? GM_WORKER_ASKING : GM_WORKER_GREETING;
    if (worker->phase == GM_WORKER_SUSPENDED)
        enter(worker, next, event, out);
    else if (worker->phase == GM_WORKER_RELEASING)
        worker->next = next;
}

/* Whether the event speaks of something that has been given up meanwhile. */
static bool event_is_old(const struct gm_worker *worker, const struct gm_worker_event *event)
{
    switch (event->kind) {
    case GM_WORKER_REPLY:
    case GM_WORKER_UNREACHED:
    case GM_WORKER_TASK_DONE:
    case GM_WORKER_TASK_FAILED:
    case GM_WORKER_UPLOAD_DONE:
    case GM_WORKER_UPLOAD_FAILED:
        return event->number != worker->number || worker->phase == GM_WORKER_SUSPENDED;
    default:
        return false;
    }
}

void gm_worker_step(struct gm_worker *worker, const struct gm_worker_event *event,
                    struct gm_worker_actions *out)
{
    *out = (struct gm_worker_actions){.status = GM_OK};
    worker->now_ms = event->now_ns / 1000000;
    if (worker->phase == GM_WORKER_ENDED || event_is_old(worker, event))
        return;
    switch (event->kind) {
    case GM_WORKER_START:
        memcpy(worker->instance, event->random + GM_ID_BYTES, GM_ID_BYTES);
        enter(worker, GM_WORKER_GREETING, event, out);
        break;
    case GM_WORKER_TICK:
        tick(worker, event, out);
        break;
    case GM_WORKER_REPLY:
        answer_arrived(worker, event, out);
        break;
    case GM_WORKER_UNREACHED:
        answer_missing(worker, event, out);
        break;
    case GM_WORKER_HEARTBEAT_REPLY:
        heartbeat_answered(worker, event, out);
        break;
    case GM_WORKER_TASK_DONE:
        task_done(worker, event, out);
        break;
    case GM_WORKER_TASK_FAILED:
        lease_release(worker, GM_RELEASE_FAILURE, GM_WORKER_ASKING, event->text, event, out);
        break;
    case GM_WORKER_UPLOAD_DONE:
        enter(worker, GM_WORKER_REPORTING, event, out);
        break;
    case GM_WORKER_UPLOAD_FAILED:
        upload_failed(worker, event, out);
        break;
    case GM_WORKER_DRAIN:
        drain(worker, out);
        break;
    case GM_WORKER_SUSPEND:
        suspend(worker, event, out);
        break;
    case GM_WORKER_RESUME:
        resume(worker, event, out);
        break;
    }
    memcpy(out->lease, worker->lease.lease, GM_ID_BYTES);
}
