/* What a simulation holds. Internal to the simulation. */
#ifndef GM_MARKET_SIM_STATE_H
#define GM_MARKET_SIM_STATE_H

#include "blobs.h"
#include "sim.h"
#include "worker/worker.h"

enum gm_sim_event_kind {
    GM_SIM_TO_BROKER,
    GM_SIM_TO_AGENT,
    GM_SIM_UNANSWERED,
    GM_SIM_TICK, /* of an agent */
    GM_SIM_TASK_DONE,
    GM_SIM_UPLOADED,
    GM_SIM_SECOND, /* of the broker and of fate */
};

struct gm_sim_event {
    uint64_t at_ms, order;
    enum gm_sim_event_kind kind;
    size_t agent;
    uint64_t incarnation; /* of the agent: what was meant for an earlier one is lost */
    uint64_t number;      /* of the worker's action */
    bool beat;            /* a heartbeat's */
    uint8_t *bytes;       /* a message */
    size_t size_bytes;
};

struct gm_sim_agent {
    struct gm_key key;
    struct gm_worker *worker; /* NULL: not running */
    bool house, liar;
    uint64_t incarnation;
    uint64_t asked, beat_asked; /* the question that waits for its one answer; 0: none does */
    uint64_t task_count;        /* of all incarnations */
    struct gm_hash *roots;      /* of the newest task */
    uint32_t root_count;
    const struct gm_program *program;
    uint8_t lease[GM_ID_BYTES];
    struct gm_worker_done done;
};

/* Who waits at a handle. */
struct gm_sim_waiter {
    size_t agent;
    uint64_t incarnation, number;
    bool beat;
};

struct gm_sim {
    struct gm_sim_options options;
    uint64_t random; /* the state of the generator */
    uint64_t now_ms;
    int64_t unix_shift_ms;  /* of the broker's calendar */
    uint64_t mono_shift_ms; /* of the broker's machine */
    struct gm_sim_event *heap;
    size_t heap_count, heap_capacity;
    uint64_t order;

    struct gm_key key;
    struct gm_key_public house[GM_SIM_AGENTS_MAX];
    struct gm_broker_config config;
    struct gm_broker *broker;
    struct gm_broker_out out;
    struct gm_store *store;
    struct gm_blob_set blobs;
    struct gm_sim_waiter *waiters; /* by handle - 1 */
    size_t waiter_count, waiter_capacity;
    uint64_t event_count, crash_count, kill_count, beat_count;

    struct gm_sim_agent agents[GM_SIM_AGENTS_MAX];
    size_t agent_count;
    struct gm_key requester;
    struct gm_broker_id jobs[GM_SIM_LABS_MAX];
};

/* ---- chance and time ---- */
uint64_t gm_sim_random(struct gm_sim *sim);
bool gm_sim_chance(struct gm_sim *sim, uint32_t ppm);
void gm_sim_random_bytes(struct gm_sim *sim, uint8_t *out, size_t size_bytes);
/* Takes ownership of event->bytes. */
void gm_sim_schedule(struct gm_sim *sim, uint64_t after_ms, const struct gm_sim_event *event);
bool gm_sim_next(struct gm_sim *sim, struct gm_sim_event *out);
struct gm_broker_time gm_sim_broker_time(const struct gm_sim *sim);

/* ---- the broker's side (harness.c) ---- */
void gm_sim_broker_start(struct gm_sim *sim);
/* Steps, stores, checks, and sends the replies; or dies before or after storing. Returns whether
   the broker lived. */
bool gm_sim_broker_event(struct gm_sim *sim, struct gm_broker_event *event);
void gm_sim_submit(struct gm_sim *sim, size_t lab);

/* ---- the workers' side (agents.c) ---- */
void gm_sim_agent_start(struct gm_sim *sim, size_t agent);
void gm_sim_agent_kill(struct gm_sim *sim, size_t agent);
void gm_sim_agent_event(struct gm_sim *sim, const struct gm_sim_event *event);

/* ---- what must always hold (check.c) ---- */
void gm_sim_check(struct gm_sim *sim);

#endif
