/* Leases: given, ended, forgotten; and the requests that wait for one. Internal to this folder. */
#ifndef GM_BROKER_LEASE_H
#define GM_BROKER_LEASE_H

#include "broker/state.h"

/* The lease that a request becomes: a function of who asks and the request's id, so that a repeated
   request finds what it got. */
struct gm_broker_id gm_broker_lease_id(const struct gm_key_public *key,
                                       const uint8_t request[static GM_ID_BYTES]);

/* What can be given to whom. */
struct gm_broker_offer {
    struct gm_broker_job *job;
    struct gm_broker_task *task;
    bool replay;
};
/* House workers: initial states, reductions and updates first, then replays, then evaluations, then
   gradients; others: gradients. Among jobs: the one with the least work done. False: nothing. */
bool gm_broker_pick(const struct gm_broker *broker, const struct gm_key_public *key,
                    uint64_t memory_bytes, struct gm_broker_offer *out);
/* Leases the task and replies with the lease. */
enum gm_status gm_broker_grant(struct gm_broker *broker, const struct gm_broker_offer *offer,
                               const struct gm_broker_parked *request) GM_MUST_USE;
/* Replies with a lease that was given before. */
enum gm_status gm_broker_lease_reply(struct gm_broker *broker, const struct gm_broker_lease *lease,
                                     uint64_t handle) GM_MUST_USE;

/* Serves LEASE_ASK: an old lease, a new one, a wait, or none. */
enum gm_status gm_broker_lease_ask(struct gm_broker *broker,
                                   const struct gm_msg_lease_ask *ask) GM_MUST_USE;
/* Gives tasks to those who wait; tells those whose time is over that there is none. */
enum gm_status gm_broker_parked_serve(struct gm_broker *broker) GM_MUST_USE;
void gm_broker_parked_gone(struct gm_broker *broker, uint64_t handle);

/* The time the lease has left; 0: its deadline or its heartbeat passed. */
uint64_t gm_broker_lease_left_ms(const struct gm_broker *broker,
                                 const struct gm_broker_lease *lease, uint64_t mono_ms);
/* Waits for its result: LIVE or COMMITTED. */
bool gm_broker_lease_open(const struct gm_broker_lease *lease);
/* Ends an open lease without a result: its task is ready again, the job counts it. */
enum gm_status gm_broker_lease_end(struct gm_broker *broker, struct gm_broker_lease *lease,
                                   const char *why) GM_MUST_USE;
/* The task is not wanted any more: verdict VOID, unless there is a final one. Leaves the task
   alone. */
enum gm_status gm_broker_lease_void(struct gm_broker *broker,
                                    const struct gm_broker_id *id) GM_MUST_USE;
/* Signs and keeps a final verdict. */
enum gm_status gm_broker_lease_judge(struct gm_broker *broker, struct gm_broker_lease *lease,
                                     enum gm_verdict_state verdict) GM_MUST_USE;
/* Ends leases whose time is over, forgets the oldest ended ones. */
enum gm_status gm_broker_leases_tick(struct gm_broker *broker) GM_MUST_USE;

/* Fresh bytes from the event's randomness. */
void gm_broker_draw(struct gm_broker *broker, uint8_t *out, size_t size_bytes);

#endif
