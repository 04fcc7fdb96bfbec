#include "worker/runner.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "trust/tile.h"
#include "trust/token.h"
#include "worker/runner_lane.h"
#include "worker/source.h"

enum {
    TICK_MS = 50,
    LEASE_WAIT_MS = 10000,
    HEARTBEAT_WAIT_MS = 5000,
    PATIENCE_MS = 60000,
    NOTICES_MAX = 16,
};

/* What a lane or a person has to say to the deciding thread. */
struct notice {
    struct gm_worker_event event;
    struct gm_reply reply; /* REPLY, HEARTBEAT_REPLY */
    bool has_reply;
    struct gm_worker_done done; /* TASK_DONE; its roots are read only while that run is the last */
    char text[GM_ERROR_TEXT_SIZE];
};

struct gm_runner {
    struct gm_runner_config config;
    struct gm_client *client;
    struct gm_worker *worker;
    atomic_bool stop; /* the running transfer no longer counts */
    struct gm_transfer transfer;
    struct gm_market_source source;
    struct gm_executor *executor; /* the work lane's */
    struct gm_task_result result; /* of the running lease; the work lane's */
    struct gm_buf roots;          /* of that result */
    uint64_t run_count;           /* tasks begun; the work lane's */
    struct gm_lane ask_lane;
    struct gm_lane beat_lane;
    struct gm_lane work_lane;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct notice notices[NOTICES_MAX];
    size_t notice_count;
    bool drain_asked;
    bool drain_told;
    bool suspend_wanted;
    bool suspend_told;
};

/* ---- notices ---- */

static void notice_send(struct gm_runner *runner, const struct notice *notice)
{
    (void)pthread_mutex_lock(&runner->lock);
    /* At most one of each lane is on its way, so there is always room. */
    if (runner->notice_count < NOTICES_MAX)
        runner->notices[runner->notice_count++] = *notice;
    (void)pthread_cond_signal(&runner->wake);
    (void)pthread_mutex_unlock(&runner->lock);
}

static void failure_send(struct gm_runner *runner, enum gm_worker_event_kind kind, uint64_t number,
                         enum gm_status status, const struct gm_error *err)
{
    struct notice notice = {.event = {.kind = kind, .number = number, .status = status}};
    (void)snprintf(notice.text, sizeof notice.text, "%s", err->text);
    notice_send(runner, &notice);
}

/* ---- lanes ---- */

static void question_ask(struct gm_runner *runner, struct gm_lane_job *job,
                         enum gm_worker_event_kind answered, enum gm_worker_event_kind missing)
{
    struct gm_message message;
    struct gm_error err = {.status = GM_OK};
    struct notice notice = {.event = {.kind = answered, .number = job->number}};
    enum gm_status status = gm_message_decode(gm_buf_view(&job->bytes), &message, &err);
    if (status == GM_OK)
        status = gm_client_call(runner->client, GM_PORT_CONTROL, &message, job->wait_ms,
                                &notice.reply, &err);
    notice.has_reply = status == GM_OK;
    if (status == GM_OK || answered == missing)
        notice_send(runner, &notice);
    else
        failure_send(runner, missing, job->number, status, &err);
}

static void ask_work(void *ctx, struct gm_lane_job *job)
{
    question_ask(ctx, job, GM_WORKER_REPLY, GM_WORKER_UNREACHED);
}

static void beat_work(void *ctx, struct gm_lane_job *job)
{
    question_ask(ctx, job, GM_WORKER_HEARTBEAT_REPLY, GM_WORKER_HEARTBEAT_REPLY);
}

static enum gm_status task_run(struct gm_runner *runner, struct gm_bytes bytes,
                               struct gm_error *err)
{
    struct gm_task task;
    GM_TRY(gm_task_decode(bytes, &task, err));
    gm_task_result_drop(runner->executor, &runner->result);
    gm_executor_set_lying(runner->executor,
                          runner->config.lying && runner->run_count++ >= runner->config.lie_after);
    enum gm_status status = gm_executor_run(runner->executor, &task, &runner->result, err);
    gm_task_fini(&task);
    if (status != GM_OK)
        return status;
    gm_buf_fini(&runner->roots);
    gm_buf_init(&runner->roots, GM_WIRE_CONTROL_BYTES_MAX);
    for (uint32_t i = 0; i < runner->result.output_count; i++)
        gm_buf_append(&runner->roots, &runner->result.outputs[i].root, GM_HASH_SIZE);
    return runner->roots.status == GM_OK
               ? GM_OK
               : gm_error_set(err, runner->roots.status, "too many outputs for one message");
}

static enum gm_status output_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                  void *out, uint64_t size_bytes, struct gm_error *err)
{
    struct gm_runner *runner = ctx;
    return gm_executor_read_blob(runner->executor, root, offset_bytes, out, size_bytes, err);
}

static enum gm_status outputs_upload(struct gm_runner *runner, const uint8_t *lease,
                                     struct gm_error *err)
{
    const struct gm_task_result *result = &runner->result;
    struct gm_blob_name *blobs = gm_mem_new(result->output_count, sizeof *blobs);
    if (blobs == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "an upload: not enough memory");
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < result->output_count && status == GM_OK; i++) {
        const struct gm_tensor_desc *desc = &result->outputs[i].desc;
        struct gm_tile_layout layout;
        status = gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype),
                                     desc->rank, desc->dims, err);
        blobs[i] = (struct gm_blob_name){result->outputs[i].root, layout.blob_bytes};
    }
    struct gm_blob_source source = {runner, output_read};
    if (status == GM_OK)
        status =
            gm_transfer_put(&runner->transfer, lease, blobs, result->output_count, &source, err);
    gm_mem_free(blobs);
    return status;
}

static struct gm_worker_done task_summary(const struct gm_runner *runner)
{
    const struct gm_task_result *result = &runner->result;
    return (struct gm_worker_done){
        .diverged = result->diverged,
        .inputs_root = result->inputs_root,
        .outputs_root = result->outputs_root,
        .roots = gm_buf_view(&runner->roots),
        .flops = result->flops,
        .first_kernel_ns = result->first_kernel_ns,
        .root_ns = result->root_ns,
        .busy_ns = result->busy_ns,
    };
}

static void work_work(void *ctx, struct gm_lane_job *job)
{
    struct gm_runner *runner = ctx;
    struct gm_error err = {.status = GM_OK};
    bool run = job->kind == GM_LANE_RUN;
    atomic_store(&runner->stop, false);
    enum gm_status status = run ? task_run(runner, gm_buf_view(&job->bytes), &err)
                                : outputs_upload(runner, job->lease, &err);
    struct notice notice = {.event = {.number = job->number}};
    notice.event.kind = run ? GM_WORKER_TASK_DONE : GM_WORKER_UPLOAD_DONE;
    if (status == GM_OK && run)
        notice.done = task_summary(runner);
    if (status == GM_OK)
        notice_send(runner, &notice);
    else
        failure_send(runner, run ? GM_WORKER_TASK_FAILED : GM_WORKER_UPLOAD_FAILED, job->number,
                     status, &err);
}

/* ---- carrying out decisions ---- */

static void question_give(struct gm_runner *runner, struct gm_lane *lane,
                          const struct gm_message *message, uint64_t number, uint32_t wait_ms)
{
    struct gm_lane_job job = {.kind = GM_LANE_ASK, .number = number, .wait_ms = wait_ms};
    gm_buf_init(&job.bytes, GM_WIRE_CONTROL_BYTES_MAX);
    enum gm_status status = gm_message_encode(message, &job.bytes);
    if (status == GM_OK) {
        gm_lane_give(lane, job);
        return;
    }
    struct gm_error err;
    gm_buf_fini(&job.bytes);
    (void)gm_error_set(&err, status, "%s: does not fit a message", gm_message_name(message->type));
    failure_send(runner, GM_WORKER_UNREACHED, number, status, &err);
}

static void heartbeat_give(struct gm_runner *runner, const struct gm_worker_actions *actions)
{
    struct gm_message message = {.type = GM_MESSAGE_HEARTBEAT};
    memcpy(message.heartbeat.lease, actions->lease, GM_ID_BYTES);
    question_give(runner, &runner->beat_lane, &message, 0, HEARTBEAT_WAIT_MS);
}

static void work_give(struct gm_runner *runner, const struct gm_worker_actions *actions)
{
    struct gm_lane_job job = {.kind = actions->run ? GM_LANE_RUN : GM_LANE_UPLOAD,
                              .number = actions->number};
    memcpy(job.lease, actions->lease, GM_ID_BYTES);
    gm_buf_init(&job.bytes, GM_TASK_ENCODED_MAX);
    if (actions->run)
        gm_buf_append(&job.bytes, actions->task.data, actions->task.size_bytes);
    gm_lane_give(&runner->work_lane, job);
}

/* Tokens are the worker's proof of what was promised and taken; losing one costs no work, so a
   failure to write is said and no more. */
static void token_keep(struct gm_runner *runner, struct gm_bytes token)
{
    char name[64];
    struct gm_error err;
    if (runner->config.receipts == NULL)
        return;
    struct gm_hash hash = gm_token_hash(token);
    char hex[GM_HASH_HEX_SIZE];
    (void)snprintf(name, sizeof name, "%s-%.16s.cose", gm_token_kind_name(gm_token_kind_of(token)),
                   gm_hash_hex(hex, &hash));
    char *path = gm_path_join(runner->config.receipts, name);
    if (path == NULL)
        return;
    if (gm_file_write(path, 0644, token, &err) != GM_OK)
        gm_log(runner->config.log, GM_LOG_WARN, "%s", err.text);
    gm_mem_free(path);
}

static void actions_carry_out(struct gm_runner *runner, const struct gm_worker_actions *actions)
{
    if (actions->text != NULL)
        gm_log(runner->config.log, actions->end ? GM_LOG_INFO : GM_LOG_WARN, "%s", actions->text);
    if (actions->stop)
        atomic_store(&runner->stop, true);
    if (actions->heartbeat)
        heartbeat_give(runner, actions);
    if (actions->run || actions->upload)
        work_give(runner, actions);
    if (actions->ask != NULL)
        question_give(runner, &runner->ask_lane, actions->ask, actions->number,
                      actions->ask_wait_ms);
    /* Last, beside the work that was just given out: it waits for the disk. */
    if (actions->keep.size_bytes > 0)
        token_keep(runner, actions->keep);
}

static bool step(struct gm_runner *runner, struct gm_worker_event *event, enum gm_status *status,
                 struct gm_error *err)
{
    struct gm_worker_actions actions;
    event->now_ns = gm_clock_monotonic_ns();
    event->unix_s = gm_clock_unix_s();
    randombytes_buf(event->random, sizeof event->random);
    gm_worker_step(runner->worker, event, &actions);
    actions_carry_out(runner, &actions);
    if (!actions.end)
        return true;
    *status = actions.status;
    if (actions.status != GM_OK)
        (void)gm_error_set(err, actions.status, "%s", actions.text);
    return false;
}

/* ---- the deciding thread ---- */

/* The next thing to decide on; a tick when nothing came for a while. */
static struct notice notice_wait(struct gm_runner *runner)
{
    struct notice notice = {.event = {.kind = GM_WORKER_TICK}};
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&runner->lock);
    if (runner->notice_count == 0)
        (void)pthread_cond_timedwait(&runner->wake, &runner->lock, &until);
    if (runner->drain_asked && !runner->drain_told) {
        runner->drain_told = true;
        notice.event.kind = GM_WORKER_DRAIN;
    } else if (runner->suspend_wanted != runner->suspend_told) {
        runner->suspend_told = runner->suspend_wanted;
        notice.event.kind = runner->suspend_wanted ? GM_WORKER_SUSPEND : GM_WORKER_RESUME;
    } else if (runner->notice_count > 0) {
        notice = runner->notices[0];
        runner->notice_count--;
        memmove(runner->notices, runner->notices + 1,
                runner->notice_count * sizeof *runner->notices);
    }
    (void)pthread_mutex_unlock(&runner->lock);
    return notice;
}

static bool notice_step(struct gm_runner *runner, struct notice *notice, enum gm_status *status,
                        struct gm_error *err)
{
    notice->event.text = notice->text;
    notice->event.done = &notice->done;
    if (notice->has_reply)
        notice->event.message = &notice->reply.message;
    bool go_on = step(runner, &notice->event, status, err);
    if (notice->has_reply)
        gm_reply_fini(&notice->reply);
    return go_on;
}

enum gm_status gm_runner_run(struct gm_runner *runner, struct gm_error *err)
{
    enum gm_status status = GM_OK;
    struct notice notice = {.event = {.kind = GM_WORKER_START}};
    while (notice_step(runner, &notice, &status, err))
        notice = notice_wait(runner);
    return status;
}

void gm_runner_drain(struct gm_runner *runner)
{
    (void)pthread_mutex_lock(&runner->lock);
    runner->drain_asked = true;
    (void)pthread_cond_signal(&runner->wake);
    (void)pthread_mutex_unlock(&runner->lock);
}

void gm_runner_suspend(struct gm_runner *runner, bool suspend)
{
    (void)pthread_mutex_lock(&runner->lock);
    runner->suspend_wanted = suspend;
    (void)pthread_cond_signal(&runner->wake);
    (void)pthread_mutex_unlock(&runner->lock);
}

/* ---- life ---- */

static enum gm_status parts_make(struct gm_runner *runner, struct gm_error *err)
{
    const struct gm_runner_config *config = &runner->config;
    struct gm_device_info info;
    config->device->ops->info(config->device, &info);
    struct gm_worker_config worker = {
        .key = config->key,
        .broker = config->broker,
        .software = "gradmill",
        .version = config->version,
        .thread_count = info.thread_count,
        .memory_bytes = config->memory_bytes,
        .flops_per_s = config->flops_per_s,
        .wait_ms = LEASE_WAIT_MS,
    };
    runner->client = config->client;
    runner->transfer = (struct gm_transfer){runner->client, PATIENCE_MS, &runner->stop};
    gm_market_source_init(&runner->source, &runner->transfer, config->store, config->memory_bytes);
    struct gm_task_source source = gm_market_source_view(&runner->source);
    GM_TRY(gm_executor_new(config->device, &source, &runner->executor, err));
    runner->worker = gm_worker_new(&worker);
    if (runner->worker == NULL || gm_lane_start(&runner->ask_lane, ask_work, runner) != GM_OK ||
        gm_lane_start(&runner->beat_lane, beat_work, runner) != GM_OK ||
        gm_lane_start(&runner->work_lane, work_work, runner) != GM_OK)
        return gm_error_set(err, GM_NO_MEMORY, "worker: not enough memory");
    return GM_OK;
}

/* Waits for the monotonic clock: people set the other one. */
static bool locks_init(struct gm_runner *runner)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&runner->lock, NULL) != 0)
        return false;
    bool ready = pthread_condattr_init(&attributes) == 0;
    if (ready) {
        ready = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&runner->wake, &attributes) == 0;
        (void)pthread_condattr_destroy(&attributes);
    }
    if (!ready)
        (void)pthread_mutex_destroy(&runner->lock);
    return ready;
}

enum gm_status gm_runner_new(const struct gm_runner_config *config, struct gm_runner **out,
                             struct gm_error *err)
{
    struct gm_runner *runner = gm_mem_new(1, sizeof *runner);
    if (runner == NULL || !locks_init(runner)) {
        gm_mem_free(runner);
        return gm_error_set(err, GM_NO_MEMORY, "worker: not enough memory");
    }
    runner->config = *config;
    enum gm_status status = parts_make(runner, err);
    if (status != GM_OK) {
        gm_runner_free(runner);
        return status;
    }
    *out = runner;
    return GM_OK;
}

void gm_runner_free(struct gm_runner *runner)
{
    if (runner == NULL)
        return;
    atomic_store(&runner->stop, true);
    if (runner->client != NULL)
        gm_client_stop(runner->client); /* an idle worker waits at the broker for a lease */
    gm_lane_stop(&runner->ask_lane);
    gm_lane_stop(&runner->beat_lane);
    gm_lane_stop(&runner->work_lane);
    for (size_t i = 0; i < runner->notice_count; i++) {
        if (runner->notices[i].has_reply)
            gm_reply_fini(&runner->notices[i].reply);
    }
    if (runner->executor != NULL)
        gm_task_result_drop(runner->executor, &runner->result);
    gm_executor_free(runner->executor);
    gm_buf_fini(&runner->roots);
    if (runner->source.store != NULL)
        gm_market_source_fini(&runner->source);
    gm_worker_free(runner->worker);
    (void)pthread_cond_destroy(&runner->wake);
    (void)pthread_mutex_destroy(&runner->lock);
    gm_mem_free(runner);
}
