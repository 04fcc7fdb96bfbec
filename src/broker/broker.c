#include "broker/broker.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/codec.h"
#include "broker/job.h"
#include "broker/lease.h"
#include "broker/requester.h"
#include "broker/result.h"
#include "broker/table.h"

enum { FAILED_REST_MS = 30000, PEERS_MAX = 4096 };

void gm_broker_config_init(struct gm_broker_config *config)
{
    *config = (struct gm_broker_config){
        .keep_checkpoints = 2,
        .replay_first = 10,
        .leases_per_key = 4,
        .parked_max = 1024,
        .leases_kept = 1024,
        .jobs_max = 256,
        .heartbeat_ms = 5000,
        .lease_ms_min = 120000,
        .lease_ms_unknown = 3600000,
        .upload_ms = 600000,
        .stage_ms = 3600000,
        .stage_bytes_max = (uint64_t)64 << 30,
        .stage_bytes_total_max = (uint64_t)256 << 30,
        .job_kept_ms = (uint64_t)7 * 24 * 3600 * 1000,
    };
}

enum gm_status gm_broker_new(const struct gm_broker_config *config, struct gm_broker **out,
                             struct gm_error *err)
{
    struct gm_broker *broker = gm_mem_new(1, sizeof *broker);
    if (broker == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for the broker");
    broker->config = *config;
    broker->audience = gm_key_thumbprint(&config->key->public_key);
    *out = broker;
    return GM_OK;
}

void gm_broker_free(struct gm_broker *broker)
{
    if (broker == NULL)
        return;
    for (size_t i = 0; i < broker->job_count; i++)
        gm_broker_job_free(broker->jobs[i]);
    for (size_t i = 0; i < broker->lease_count; i++)
        gm_broker_lease_free(broker->leases[i]);
    for (size_t i = 0; i < broker->worker_count; i++)
        gm_mem_free(broker->workers[i]);
    for (size_t i = 0; i < broker->staged_count; i++)
        gm_mem_free(broker->staged[i]);
    for (size_t i = 0; i < broker->peer_count; i++)
        gm_mem_free(broker->peers[i]);
    gm_mem_free(broker->jobs);
    gm_mem_free(broker->leases);
    gm_mem_free(broker->workers);
    gm_mem_free(broker->staged);
    gm_mem_free(broker->peers);
    gm_mem_free(broker->parked);
    gm_mem_free(broker);
}

/* A running job whose blobs cannot be read any more must not stop the others from starting. */
static enum gm_status job_reopen(struct gm_broker *broker, struct gm_broker_job *job, uint64_t now)
{
    struct gm_error err = {.text = ""};
    job->ended_mono_ms = now;
    job->step_mono_ms = now;
    enum gm_status status = gm_broker_job_open(broker, job, &err);
    if (status == GM_NO_MEMORY || job->state != GM_JOB_RUNNING)
        return status == GM_NO_MEMORY ? status : GM_OK;
    if (status == GM_OK)
        return gm_broker_job_fill(job);
    job->broken = true;
    snprintf(job->text, sizeof job->text, "%.400s", err.text);
    return GM_OK;
}

/* The part of the lease's time that has passed, by the only clock that outlives a process; bounded,
   as that one may have been set meanwhile. */
static void lease_resume(struct gm_broker_lease *lease, struct gm_broker_time now)
{
    uint64_t passed =
        now.unix_ms > lease->granted_unix_ms ? now.unix_ms - lease->granted_unix_ms : 0;
    if (passed > lease->length_ms)
        passed = lease->length_ms;
    lease->granted_mono_ms = (int64_t)now.mono_ms - (int64_t)passed;
    lease->granted_here = false;
    lease->heard_mono_ms = now.mono_ms;
    lease->over_mono_ms = now.mono_ms;
}

enum gm_status gm_broker_load_finish(struct gm_broker *broker, struct gm_broker_time now,
                                     struct gm_error *err)
{
    for (size_t i = 0; i < broker->job_count; i++) {
        enum gm_status status = job_reopen(broker, broker->jobs[i], now.mono_ms);
        if (status != GM_OK)
            return gm_error_set(err, status, "no memory for the jobs");
    }
    for (size_t i = 0; i < broker->lease_count; i++)
        lease_resume(broker->leases[i], now);
    for (size_t i = 0; i < broker->staged_count; i++)
        broker->staged[i]->since_mono_ms = now.mono_ms;
    broker->house_mono_ms = now.mono_ms;
    return GM_OK;
}

/* ---- requests of workers that need no file of their own ---- */

static enum gm_status ok_reply(struct gm_broker *broker)
{
    struct gm_message reply = {.type = GM_MESSAGE_OK};
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

static enum gm_status hello(struct gm_broker *broker, const struct gm_msg_hello *hello,
                            struct gm_broker_peer *peer)
{
    struct gm_message reply = {.type = GM_MESSAGE_HELLO_OK};
    peer->worker = true;
    peer->flops_claimed = hello->flops_per_s;
    peer->memory_bytes = hello->memory_bytes;
    peer->failed_until_mono_ms = 0; /* started anew, perhaps with more room */
    reply.hello_ok = (struct gm_msg_hello_ok){
        .house = peer->house,
        .heartbeat_ms = broker->config.heartbeat_ms,
        .unix_ms = broker->event->now.unix_ms,
    };
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

static struct gm_broker_lease *lease_of(struct gm_broker *broker,
                                        const uint8_t bytes[static GM_ID_BYTES])
{
    struct gm_broker_id id = gm_broker_id_of(bytes);
    struct gm_broker_lease *lease = gm_broker_lease_find(broker, &id);
    if (lease == NULL || !gm_key_public_equal(&lease->key, &broker->event->peer))
        return NULL;
    return lease;
}

static enum gm_status heartbeat(struct gm_broker *broker, const struct gm_msg_heartbeat *heartbeat)
{
    struct gm_message reply = {.type = GM_MESSAGE_HEARTBEAT_OK};
    struct gm_broker_lease *lease = lease_of(broker, heartbeat->lease);
    uint64_t now = broker->event->now.mono_ms;
    if (lease != NULL && gm_broker_lease_open(lease)) {
        lease->heard_mono_ms = now; /* late, but nobody else has been given the task yet */
        reply.heartbeat_ok.deadline_ms = gm_broker_lease_left_ms(broker, lease, now);
        reply.heartbeat_ok.live = reply.heartbeat_ok.deadline_ms > 0;
    }
    return gm_broker_out_reply(broker->out, broker->event->handle, &reply);
}

/* A job that the worker could not run rests for this worker, so that others go first. */
static enum gm_status release(struct gm_broker *broker, const struct gm_msg_release *release,
                              struct gm_broker_peer *peer)
{
    struct gm_broker_lease *lease = lease_of(broker, release->lease);
    if (lease == NULL || !gm_broker_lease_open(lease))
        return ok_reply(broker);
    struct gm_broker_job *job = gm_broker_job_find(broker, &lease->job);
    if (release->reason == GM_RELEASE_FAILURE && job != NULL) {
        peer->failed_job = job->id;
        peer->failed_until_mono_ms = broker->event->now.mono_ms + FAILED_REST_MS;
        size_t size = release->text.size_bytes;
        size = size < sizeof job->failure - 1 ? size : sizeof job->failure - 1;
        if (size != 0)
            memcpy(job->failure, release->text.data, size);
        job->failure[size] = '\0';
    }
    GM_TRY(gm_broker_lease_end(broker, lease,
                               release->reason == GM_RELEASE_FAILURE ? "its worker failed"
                                                                     : "its worker gave it back"));
    return ok_reply(broker);
}

static enum gm_status banned_reply(struct gm_broker *broker, const struct gm_broker_worker *worker)
{
    return gm_broker_out_error(broker->out, broker->event->handle, GM_REFUSED, 0,
                               "this key is banned: %.400s", worker->why);
}

static enum gm_status worker_request(struct gm_broker *broker, const struct gm_message *message,
                                     struct gm_broker_peer *peer)
{
    const struct gm_broker_worker *worker = gm_broker_worker_find(broker, &peer->key);
    bool banned = worker != NULL && worker->banned;
    switch (message->type) {
    case GM_MESSAGE_HELLO:
        return banned ? banned_reply(broker, worker) : hello(broker, &message->hello, peer);
    case GM_MESSAGE_LEASE_ASK:
        peer->worker = true;
        peer->memory_bytes = message->lease_ask.memory_bytes;
        return banned ? banned_reply(broker, worker)
                      : gm_broker_lease_ask(broker, &message->lease_ask);
    case GM_MESSAGE_HEARTBEAT:
        return heartbeat(broker, &message->heartbeat);
    case GM_MESSAGE_ATTEST:
        return gm_broker_attest(broker, &message->attest);
    case GM_MESSAGE_UPLOADED:
        return gm_broker_uploaded(broker, &message->uploaded);
    case GM_MESSAGE_VERDICT_ASK:
        return gm_broker_verdict_ask(broker, &message->verdict_ask);
    case GM_MESSAGE_RELEASE:
        return release(broker, &message->release, peer);
    default:
        return gm_broker_out_error(broker->out, broker->event->handle, GM_PEER, 0,
                                   "%s is no request of the control port",
                                   gm_message_name(message->type));
    }
}

static enum gm_status request(struct gm_broker *broker, struct gm_broker_peer *peer)
{
    const struct gm_message *message = broker->event->message;
    switch (message->type) {
    case GM_MESSAGE_SUBMIT:
        return gm_broker_submit(broker, &message->submit);
    case GM_MESSAGE_JOB_ASK:
        return gm_broker_job_ask(broker, &message->job_ask);
    case GM_MESSAGE_JOB_LIST:
        return gm_broker_job_list(broker);
    case GM_MESSAGE_CANCEL:
        return gm_broker_cancel(broker, &message->cancel);
    case GM_MESSAGE_STATE_ASK:
        return gm_broker_state_ask(broker, &message->state_ask);
    case GM_MESSAGE_BROKER_ASK:
        return gm_broker_info_ask(broker);
    default:
        return worker_request(broker, message, peer);
    }
}

/* ---- a step ---- */

/* Forgets peers that were not heard for long: they are known by their key alone. */
static void peers_trim(struct gm_broker *broker)
{
    uint64_t now = broker->event->now.mono_ms;
    uint64_t long_ms = 120 * broker->config.heartbeat_ms;
    size_t kept = 0;
    for (size_t i = 0; i < broker->peer_count; i++) {
        struct gm_broker_peer *peer = broker->peers[i];
        if (now > peer->heard_mono_ms && now - peer->heard_mono_ms > long_ms)
            gm_mem_free(peer);
        else
            broker->peers[kept++] = peer;
    }
    broker->peer_count = kept;
}

static enum gm_status peer_note(struct gm_broker *broker, struct gm_broker_peer **out)
{
    if (broker->peer_count >= PEERS_MAX)
        peers_trim(broker);
    GM_TRY(gm_broker_peer_get(broker, &broker->event->peer, out));
    (*out)->heard_mono_ms = broker->event->now.mono_ms;
    if ((*out)->house)
        broker->house_mono_ms = broker->event->now.mono_ms;
    return GM_OK;
}

static enum gm_status tick(struct gm_broker *broker)
{
    GM_TRY(gm_broker_leases_tick(broker));
    GM_TRY(gm_broker_stages_tick(broker));
    GM_TRY(gm_broker_jobs_tick(broker));
    peers_trim(broker);
    return GM_OK;
}

static enum gm_status event_take(struct gm_broker *broker)
{
    const struct gm_broker_event *event = broker->event;
    struct gm_broker_peer *peer;
    switch (event->kind) {
    case GM_BROKER_REQUEST:
        GM_TRY(peer_note(broker, &peer));
        return request(broker, peer);
    case GM_BROKER_STAGE:
        return gm_broker_stage(broker);
    case GM_BROKER_GONE:
        gm_broker_parked_gone(broker, event->handle);
        return GM_OK;
    case GM_BROKER_PAUSE:
        snprintf(broker->paused, sizeof broker->paused, "%s",
                 event->reason == NULL ? "" : event->reason);
        return GM_OK;
    case GM_BROKER_TICK:
        return tick(broker);
    }
    return GM_OK;
}

static enum gm_status broken_end(struct gm_broker *broker)
{
    for (size_t i = 0; i < broker->job_count; i++) {
        struct gm_broker_job *job = broker->jobs[i];
        char text[GM_WIRE_TEXT_MAX];
        if (!job->broken)
            continue;
        job->broken = false;
        snprintf(text, sizeof text, "%s", job->text);
        GM_TRY(gm_broker_job_end(broker, job, GM_JOB_FAILED, text));
    }
    return GM_OK;
}

enum gm_status gm_broker_step(struct gm_broker *broker, const struct gm_broker_event *event,
                              struct gm_broker_out *out)
{
    broker->event = event;
    broker->out = out;
    broker->drawn = 0;
    GM_TRY(broken_end(broker));
    GM_TRY(event_take(broker));
    for (size_t i = 0; i < broker->job_count; i++) {
        if (broker->jobs[i]->touched)
            GM_TRY(gm_broker_job_settle(broker, broker->jobs[i]));
    }
    GM_TRY(gm_broker_parked_serve(broker));
    GM_TRY(gm_broker_flush(broker));
    broker->event = NULL;
    broker->out = NULL;
    return GM_OK;
}
