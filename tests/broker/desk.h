/* A broker's decisions at a desk: requests by hand, a clock by hand, no network. */
#ifndef GM_BROKER_DESK_H
#define GM_BROKER_DESK_H

#include "broker/broker.h"
#include "broker/store.h"
#include "handwork.h"

#include "../market/blobs.h"

enum { GM_DESK_HOUSE = 2, GM_DESK_WORKER = 3, GM_DESK_OTHER = 4, GM_DESK_REQUESTER = 5 };

struct gm_desk {
    struct gm_broker_config config;
    struct gm_broker *broker;
    struct gm_broker_out out;
    struct gm_store *store;
    struct gm_blob_set blobs;
    struct gm_key keys[8]; /* by number; 1 is the broker's */
    struct gm_lab *labs[4];
    size_t lab_count;
    uint64_t now_ms, unix_ms;
    uint64_t handle;
};

void gm_desk_init(struct gm_desk *desk);
void gm_desk_fini(struct gm_desk *desk);
/* A new broker from what is stored. */
void gm_desk_restart(struct gm_desk *desk);

/* The reply, or NULL when the request waits. Lives until the next event. */
const struct gm_message *gm_desk_ask(struct gm_desk *desk, int who,
                                     const struct gm_message *message);
/* An event without a message; what it brought is in desk->out. */
void gm_desk_event(struct gm_desk *desk, struct gm_broker_event *event);
void gm_desk_tick(struct gm_desk *desk, uint64_t after_ms);

/* Stages all files and submits; the job's id. Does not take the lab. */
void gm_desk_submit(struct gm_desk *desk, struct gm_lab *lab, uint8_t job[GM_ID_BYTES]);
struct gm_msg_job_info gm_desk_job(struct gm_desk *desk, const uint8_t job[GM_ID_BYTES]);
/* LEASE or LEASE_NONE or an error. */
const struct gm_message *gm_desk_lease(struct gm_desk *desk, int who, uint8_t request);
const struct gm_message *gm_desk_attest(struct gm_desk *desk, int who,
                                        const struct gm_handwork *work);
/* Puts the blobs that may be written into the set, and reports. */
const struct gm_message *gm_desk_upload(struct gm_desk *desk, int who,
                                        const struct gm_handwork *work);
/* A whole task, well done: the verdict's state. */
uint64_t gm_desk_work(struct gm_desk *desk, int who, const struct gm_lab *lab, uint8_t request);

#endif
