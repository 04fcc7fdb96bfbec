#include "broker/runner.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/runner_state.h"
#include "trust/random.h"

enum {
    BATCH_MAX = 64,
    TICK_MS = 1000,
    ARRIVAL_IDLE_MS = 60000,
};

/* ---- calls ---- */

static void call_open(struct gm_broker_runner *runner, struct gm_broker_call *call)
{
    call->open_prior = NULL;
    call->open_next = runner->open;
    if (runner->open != NULL)
        runner->open->open_prior = call;
    runner->open = call;
}

/* Out of the list; freed. */
static void call_close(struct gm_broker_runner *runner, struct gm_broker_call *call)
{
    if (call->open_next != NULL)
        call->open_next->open_prior = call->open_prior;
    if (call->open_prior != NULL)
        call->open_prior->open_next = call->open_next;
    else
        runner->open = call->open_next;
    gm_mem_free(call);
}

static void call_answer(struct gm_broker_runner *runner, struct gm_broker_call *call,
                        const struct gm_message *message)
{
    struct gm_broker_wait *wait = call->wait;
    if (call->request != NULL) {
        gm_request_reply(call->request, message);
    } else {
        (void)pthread_mutex_lock(&wait->lock);
        if (message->type == GM_MESSAGE_ERROR) {
            wait->status = (enum gm_status)message->error.status;
            wait->retry_ms = message->error.retry_ms;
            (void)snprintf(wait->text, sizeof wait->text, "%.*s",
                           (int)message->error.text.size_bytes,
                           (const char *)message->error.text.data);
        }
        wait->open--;
        (void)pthread_cond_signal(&wait->done);
        (void)pthread_mutex_unlock(&wait->lock);
    }
    call_close(runner, call);
}

static void calls_refuse(struct gm_broker_runner *runner, enum gm_status status, uint64_t retry_ms,
                         const char *text)
{
    struct gm_message message = {.type = GM_MESSAGE_ERROR};
    message.error = (struct gm_msg_error){
        .status = status, .text = {(const uint8_t *)text, strlen(text)}, .retry_ms = retry_ms};
    while (runner->open != NULL)
        call_answer(runner, runner->open, &message);
}

/* Called by transport threads. */
void gm_broker_runner_receive(void *ctx, struct gm_request *request)
{
    struct gm_broker_runner *runner = ctx;
    struct gm_broker_queue *queue =
        gm_request_port(request) == GM_PORT_CONTROL ? &runner->control : &runner->blob_queue;
    struct gm_broker_call *call = gm_mem_new(1, sizeof *call);
    if (call != NULL) {
        call->request = request;
        call->peer = *gm_request_peer(request);
        if (gm_broker_queue_put(queue, call))
            return;
    }
    gm_mem_free(call);
    gm_request_refuse(request, GM_BUSY, TICK_MS, "the broker is closing");
}

/* ---- the core ---- */

static enum gm_status step(struct gm_broker_runner *runner, struct gm_broker_event *event)
{
    event->now = gm_broker_time_now();
    gm_random_fill(event->random, sizeof event->random);
    return gm_broker_step(runner->broker, event, &runner->out);
}

static enum gm_status call_step(struct gm_broker_runner *runner, struct gm_broker_call *call)
{
    struct gm_broker_event event = {
        .kind = call->request != NULL ? GM_BROKER_REQUEST : GM_BROKER_STAGE,
        .handle = (uint64_t)(uintptr_t)call,
        .peer = call->peer,
        .root = call->root,
        .size_bytes = call->size_bytes,
    };
    if (call->request != NULL)
        event.message = gm_request_message(call->request);
    return step(runner, &event);
}

/* Why no lease should be given now, or NULL. */
static const char *pause_reason(const struct gm_broker_runner *runner, uint64_t now_ms)
{
    uint64_t used = gm_blob_store_used_bytes(runner->blobs);
    uint64_t quota = gm_blob_store_quota_bytes(runner->blobs);
    if (now_ms < atomic_load(&runner->full_until_ms))
        return "the broker's disk or quota is full, or cannot be written";
    if (quota != 0 && used >= quota - quota / 20)
        return "the broker's room for blobs is nearly full";
    return NULL;
}

static enum gm_status tick(struct gm_broker_runner *runner, uint64_t now_ms)
{
    struct gm_broker_event event = {.kind = GM_BROKER_TICK};
    GM_TRY(step(runner, &event));
    const char *reason = pause_reason(runner, now_ms);
    if ((reason != NULL) != runner->paused) {
        runner->paused = reason != NULL;
        gm_log(runner->config.log, GM_LOG_WARN, "%s%s", reason == NULL ? "" : "no leases: ",
               reason == NULL ? "leases are given again" : reason);
    }
    event = (struct gm_broker_event){.kind = GM_BROKER_PAUSE, .reason = reason};
    return step(runner, &event);
}

/* As often as heartbeats are due: a silent worker's task must not wait for the clock. */
static uint64_t tick_wait_ms(const struct gm_broker_runner *runner)
{
    uint64_t heartbeat_ms = runner->config.rules.heartbeat_ms;
    return heartbeat_ms < TICK_MS ? heartbeat_ms : TICK_MS;
}

/* Forgets the questions of those who have hung up: a task given to one of them would be lost until
   its silence is noticed. */
static enum gm_status gone_forget(struct gm_broker_runner *runner)
{
    struct gm_broker_call *next;
    for (struct gm_broker_call *call = runner->open; call != NULL; call = next) {
        next = call->open_next;
        if (call->request == NULL || gm_request_connected(call->request))
            continue;
        struct gm_broker_event event = {.kind = GM_BROKER_GONE,
                                        .handle = (uint64_t)(uintptr_t)call};
        GM_TRY(step(runner, &event));
        gm_request_drop(call->request);
        call_close(runner, call);
    }
    return GM_OK;
}

static bool is_heartbeat(const struct gm_broker_call *call)
{
    return call->request != NULL && gm_request_message(call->request)->type == GM_MESSAGE_HEARTBEAT;
}

/* Those of the list that are heartbeats, or those that are not. */
static enum gm_status calls_step(struct gm_broker_runner *runner, struct gm_broker_call *list,
                                 bool heartbeats)
{
    enum gm_status status = GM_OK;
    for (struct gm_broker_call *call = list; call != NULL && status == GM_OK; call = call->next) {
        if (is_heartbeat(call) == heartbeats)
            status = call_step(runner, call);
    }
    return status;
}

/* All calls of the list, and what time asks for. `*durable`: an answer will say that blobs are
   kept. */
static enum gm_status batch_step(struct gm_broker_runner *runner, struct gm_broker_call *list,
                                 bool *durable)
{
    enum gm_status status = GM_OK;
    *durable = false;
    (void)pthread_mutex_lock(&runner->core);
    uint64_t losses = gm_server_losses(runner->server, GM_PORT_CONTROL);
    if (losses != runner->losses || gm_broker_now_ms() >= runner->tick_ms)
        status = gone_forget(runner);
    runner->losses = losses;
    for (struct gm_broker_call *call = list; call != NULL; call = call->next) {
        call_open(runner, call);
        enum gm_message_type type =
            call->request == NULL ? GM_MESSAGE_OK : gm_request_message(call->request)->type;
        *durable = *durable || type == GM_MESSAGE_UPLOADED || type == GM_MESSAGE_SUBMIT;
    }
    /* Heartbeats first: whoever has sent one is not silent, however long the disk took. */
    if (status == GM_OK)
        status = calls_step(runner, list, true);
    uint64_t now_ms = gm_broker_now_ms();
    bool due = now_ms >= runner->tick_ms || gm_broker_wait_ms(runner->broker, now_ms) == 0;
    if (status == GM_OK && due) {
        runner->tick_ms = now_ms + tick_wait_ms(runner);
        status = tick(runner, now_ms);
    }
    if (status == GM_OK)
        status = calls_step(runner, list, false);
    (void)pthread_mutex_unlock(&runner->core);
    return status;
}

static enum gm_status batch_store(struct gm_broker_runner *runner, bool durable,
                                  struct gm_error *err)
{
    if (durable)
        GM_TRY(gm_blob_store_sync(runner->blobs, err));
    if (runner->out.entry_count == 0)
        return GM_OK;
    return gm_store_apply(runner->store, runner->out.entries, runner->out.entry_count, err);
}

static enum gm_status batch_answer(struct gm_broker_runner *runner)
{
    enum gm_status status = GM_OK;
    for (size_t i = 0; i < runner->out.reply_count; i++) {
        const struct gm_broker_reply *reply = &runner->out.replies[i];
        call_answer(runner, (struct gm_broker_call *)(uintptr_t)reply->handle, &reply->message);
    }
    for (size_t i = 0; i < runner->out.line_count; i++)
        gm_log(runner->config.log, runner->out.lines[i].level, "%s", runner->out.lines[i].text);
    if (runner->out.sweep) {
        (void)pthread_mutex_lock(&runner->core);
        status = gm_broker_holds_update(&runner->holds, runner->blobs, runner->broker);
        (void)pthread_mutex_unlock(&runner->core);
    }
    return status == GM_NO_MEMORY ? GM_OK : status; /* the next sweep does it */
}

/* What was decided could not be stored: it is forgotten, and nobody has heard of it. Writing is
   tried again; it ends only when what is stored cannot be read. */
static enum gm_status recover(struct gm_broker_runner *runner, enum gm_status status,
                              struct gm_error *err)
{
    gm_log(runner->config.log, GM_LOG_ERROR, "%s", err->text);
    if (status == GM_NO_SPACE || status == GM_IO)
        atomic_store(&runner->full_until_ms, gm_broker_now_ms() + GM_BROKER_FULL_RETRY_MS);
    runner->tick_ms = 0;
    calls_refuse(runner, status, GM_BROKER_FULL_RETRY_MS, gm_status_sentence(status));
    return gm_broker_runner_load(runner, err);
}

static enum gm_status batch_run(struct gm_broker_runner *runner, struct gm_broker_call *list,
                                struct gm_error *err)
{
    bool durable;
    gm_broker_out_reset(&runner->out);
    enum gm_status status = batch_step(runner, list, &durable);
    if (status != GM_OK)
        (void)gm_error_set(err, status, "the broker: %s", gm_status_sentence(status));
    else
        status = batch_store(runner, durable, err);
    return status == GM_OK ? batch_answer(runner) : recover(runner, status, err);
}

enum gm_status gm_broker_runner_run(struct gm_broker_runner *runner, struct gm_error *err)
{
    enum gm_status status = GM_OK;
    uint64_t second_ms = 0;
    while (status == GM_OK && !atomic_load(&runner->stopped)) {
        uint64_t now_ms = gm_broker_now_ms();
        uint64_t wait_ms = runner->tick_ms > now_ms ? runner->tick_ms - now_ms : 0;
        uint64_t parked_ms = gm_broker_wait_ms(runner->broker, now_ms);
        struct gm_broker_call *list = gm_broker_queue_take(
            &runner->control, BATCH_MAX, parked_ms < wait_ms ? parked_ms : wait_ms);
        status = batch_run(runner, list, err);
        now_ms = gm_broker_now_ms();
        if (now_ms - second_ms < TICK_MS)
            continue;
        second_ms = now_ms;
        gm_server_tick(runner->server, now_ms);
        if (now_ms > ARRIVAL_IDLE_MS)
            gm_broker_arrivals_close(runner, now_ms - ARRIVAL_IDLE_MS);
    }
    gm_broker_runner_stop(runner);
    for (struct gm_broker_call *call = gm_broker_queue_take(&runner->control, SIZE_MAX, 0), *next;
         call != NULL; call = next) {
        next = call->next;
        call_open(runner, call);
    }
    calls_refuse(runner, GM_BUSY, TICK_MS, "the broker is closing");
    return status;
}

void gm_broker_runner_stop(struct gm_broker_runner *runner)
{
    atomic_store(&runner->stopped, true);
    gm_broker_queue_close(&runner->control);
    gm_broker_queue_close(&runner->blob_queue);
}

uint16_t gm_broker_runner_port(const struct gm_broker_runner *runner)
{
    return gm_server_port(runner->server, GM_PORT_CONTROL);
}
