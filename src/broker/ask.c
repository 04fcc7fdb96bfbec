#include <string.h>

#include "broker/job.h"
#include "broker/lease.h"
#include "broker/list.h"
#include "broker/table.h"

enum { RETRY_MS = 2000 };

static enum gm_status none_reply(struct gm_broker *broker, uint64_t handle, uint64_t retry_ms,
                                 const char *reason)
{
    struct gm_message reply = {.type = GM_MESSAGE_LEASE_NONE};
    reply.lease_none.retry_ms = retry_ms;
    struct gm_bytes text = {(const uint8_t *)reason, strlen(reason)};
    GM_TRY(gm_broker_out_copy(broker->out, text, &reply.lease_none.reason));
    return gm_broker_out_reply(broker->out, handle, &reply);
}

static size_t leases_held(const struct gm_broker *broker, const struct gm_key_public *key)
{
    size_t held = 0;
    for (size_t i = 0; i < broker->lease_count; i++) {
        const struct gm_broker_lease *lease = broker->leases[i];
        if (gm_broker_lease_open(lease) && gm_key_public_equal(&lease->key, key))
            held++;
    }
    return held;
}

/* A request that was answered before: with the same lease, if that can still be worked on. */
static enum gm_status repeated_reply(struct gm_broker *broker, const struct gm_broker_lease *lease)
{
    uint64_t handle = broker->event->handle;
    if (gm_broker_lease_open(lease) &&
        gm_broker_lease_left_ms(broker, lease, broker->event->now.mono_ms) > 0)
        return gm_broker_lease_reply(broker, lease, handle);
    return none_reply(broker, handle, 0, "the lease of this request has ended: ask anew");
}

/* Why nobody gets a task now; NULL when somebody may. */
static const char *refusal(const struct gm_broker *broker, const struct gm_key_public *key)
{
    const struct gm_broker_worker *worker = gm_broker_worker_find(broker, key);
    if (worker != NULL && worker->banned)
        return "this key is banned";
    if (broker->paused[0] != '\0')
        return broker->paused;
    if (leases_held(broker, key) >= broker->config.leases_per_key)
        return "this key holds as many leases as one key may";
    return NULL;
}

/* A retry replaces the request that waits, whose peer listens no more. */
static void parked_remove(struct gm_broker *broker, size_t at)
{
    memmove(broker->parked + at, broker->parked + at + 1,
            (broker->parked_count - at - 1) * sizeof *broker->parked);
    broker->parked_count--;
}

static enum gm_status park(struct gm_broker *broker, const struct gm_broker_parked *request)
{
    if (broker->parked_count >= broker->config.parked_max)
        return none_reply(broker, request->handle, RETRY_MS, "too many workers wait already");
    GM_TRY(GM_LIST_ROOM(broker->parked, broker->parked_count, broker->parked_capacity));
    broker->parked[broker->parked_count++] = *request;
    return GM_OK;
}

enum gm_status gm_broker_lease_ask(struct gm_broker *broker, const struct gm_msg_lease_ask *ask)
{
    const struct gm_broker_event *event = broker->event;
    struct gm_broker_parked request = {
        .handle = event->handle,
        .key = event->peer,
        .lease = gm_broker_lease_id(&event->peer, ask->request),
        .memory_bytes = ask->memory_bytes,
    };
    const struct gm_broker_lease *lease = gm_broker_lease_find(broker, &request.lease);
    if (lease != NULL)
        return repeated_reply(broker, lease);
    for (size_t i = broker->parked_count; i-- > 0;) {
        struct gm_broker_parked older = broker->parked[i];
        if (!gm_broker_id_equal(&older.lease, &request.lease))
            continue;
        parked_remove(broker, i);
        GM_TRY(none_reply(broker, older.handle, 0, "the request was repeated"));
    }
    const char *why = refusal(broker, &event->peer);
    if (why != NULL)
        return none_reply(broker, request.handle, RETRY_MS, why);
    struct gm_broker_offer offer;
    if (gm_broker_pick(broker, &event->peer, ask->memory_bytes, &offer))
        return gm_broker_grant(broker, &offer, &request);
    if (ask->wait_ms == 0)
        return none_reply(broker, request.handle, RETRY_MS, "no task is ready");
    uint64_t now = event->now.mono_ms;
    request.until_mono_ms = ask->wait_ms > UINT64_MAX - now ? UINT64_MAX : now + ask->wait_ms;
    return park(broker, &request);
}

enum gm_status gm_broker_parked_serve(struct gm_broker *broker)
{
    for (size_t i = 0; i < broker->parked_count;) {
        struct gm_broker_parked request = broker->parked[i];
        struct gm_broker_offer offer;
        bool over = broker->event->now.mono_ms >= request.until_mono_ms;
        const char *why = refusal(broker, &request.key);
        if (why == NULL && gm_broker_pick(broker, &request.key, request.memory_bytes, &offer)) {
            GM_TRY(gm_broker_grant(broker, &offer, &request));
        } else if (over || why != NULL) {
            GM_TRY(none_reply(broker, request.handle, why != NULL ? RETRY_MS : 0,
                              why != NULL ? why : "no task is ready"));
        } else {
            i++;
            continue;
        }
        parked_remove(broker, i);
    }
    return GM_OK;
}

void gm_broker_parked_gone(struct gm_broker *broker, uint64_t handle)
{
    for (size_t i = broker->parked_count; i-- > 0;) {
        if (broker->parked[i].handle == handle)
            parked_remove(broker, i);
    }
}

uint64_t gm_broker_wait_ms(const struct gm_broker *broker, uint64_t mono_ms)
{
    uint64_t wait = UINT64_MAX;
    for (size_t i = 0; i < broker->parked_count; i++) {
        uint64_t until = broker->parked[i].until_mono_ms;
        uint64_t left = until > mono_ms ? until - mono_ms : 0;
        if (left < wait)
            wait = left;
    }
    return wait;
}
