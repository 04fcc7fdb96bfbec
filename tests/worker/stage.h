/* A worker's decisions on a stage: the test is the broker, the device and the clock. Every function
   ends the test when the worker does what it should not. */
#ifndef GM_TEST_WORKER_STAGE_H
#define GM_TEST_WORKER_STAGE_H

#include "trust/attestation.h"
#include "trust/token_lease.h"
#include "worker/worker.h"

enum { WAIT_MS = 7000, HEARTBEAT_MS = 1500, TASK_BYTES = 48 };

struct stage {
    struct gm_key broker;
    struct gm_key key;
    struct gm_worker *worker;
    uint64_t now_ms;
    uint64_t draws;               /* makes the events' randomness differ */
    struct gm_worker_actions did; /* by the last step */
    uint8_t task[TASK_BYTES];
    struct gm_lease_token lease; /* the last one given */
    struct gm_buf lease_token;
};

void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* What happens to the worker; `stage->did` is what it then does. */
void step(struct stage *stage, struct gm_worker_event event); /* fills in time and randomness */
void plain(struct stage *stage, enum gm_worker_event_kind kind);
void tick_after(struct stage *stage, uint64_t ms);
void reply(struct stage *stage, uint64_t number, const struct gm_message *message);
/* The same to the question that is out. */
void answer(struct stage *stage, struct gm_message message);
void refuse(struct stage *stage, enum gm_status status, uint64_t retry_ms);
void unreached(struct stage *stage);

/* What it does. */
void asks(const struct stage *stage, enum gm_message_type type);
void ended(const struct stage *stage, enum gm_status status);
/* Lets time pass until something is asked; how long it took. */
uint64_t asked_again_after(struct stage *stage);

/* Scenes of the usual day, in their order. */
void greeted(struct stage *stage);
void lease_make(struct stage *stage, uint8_t name);
struct gm_message lease_message(struct stage *stage, const struct gm_key *signer);
void leased(struct stage *stage, uint8_t name);
const struct gm_worker_done *done_make(bool diverged);
/* The device is done; gives what the worker signed. */
struct gm_attestation computed(struct stage *stage, bool diverged);
void receipted_by(struct stage *stage, const struct gm_key *signer, struct gm_hash statement);
void receipted(struct stage *stage);
void uploaded(struct stage *stage);
void judged(struct stage *stage, enum gm_verdict_state state);
void one_lease(struct stage *stage, uint8_t name);

#endif
