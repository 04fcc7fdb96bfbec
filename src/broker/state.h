/* What the broker holds. Internal to this folder.

   Each object that is stored has a `dirty` bit; the end of a step writes those, once each
   (flush.c). Times called mono_ms are of this process only and are rebuilt at load. */
#ifndef GM_BROKER_STATE_H
#define GM_BROKER_STATE_H

#include "broker/broker.h"
#include "job/graph.h"

struct gm_broker_id {
    uint8_t bytes[GM_ID_BYTES];
};

/* READY -> LEASED -> COMMITTED -> UPLOADED -> ACCEPTED. A house result, or one that need not be
   replayed first, skips UPLOADED. Numbers are stable. */
enum gm_broker_task_state {
    GM_BROKER_READY = 1,
    GM_BROKER_LEASED = 2,
    GM_BROKER_COMMITTED = 3, /* receipt given, blobs on their way */
    GM_BROKER_UPLOADED = 4,  /* waits for its replay */
    GM_BROKER_ACCEPTED = 5,
};

/* What is due to a result. Numbers are stable. */
enum gm_broker_replay {
    GM_BROKER_UNSEEN = 0,    /* taken as it is */
    GM_BROKER_FIRST = 1,     /* replayed before it is accepted */
    GM_BROKER_DRAWN = 2,     /* replayed after it is accepted */
    GM_BROKER_CONFIRMED = 3, /* a replay agreed */
};

struct gm_broker_task {
    struct gm_task_id id;
    enum gm_broker_task_state state;
    enum gm_broker_replay replay;
    bool diverged;
    bool replaying;
    bool dirty;
    struct gm_broker_id lease;        /* LEASED and later: whose result it is */
    struct gm_broker_id replay_lease; /* while replaying */
    struct gm_key_public key;         /* COMMITTED and later */
    uint32_t root_count;
    struct gm_hash *roots; /* COMMITTED and later */
};

/* A state that is kept: the initial one, the running one, checkpoints, what replays need. */
struct gm_broker_kept {
    uint32_t step;
    bool dirty;
    uint32_t root_count; /* the recipe's state_count */
    struct gm_hash *roots;
};

struct gm_broker_trusted {
    struct gm_key_public key;
    uint32_t step; /* the first that used a result of the key which no replay confirmed or awaits */
    bool dirty;
};

struct gm_broker_job {
    struct gm_broker_id id;
    uint64_t number; /* order of arrival */
    struct gm_key_public owner;
    struct gm_hash recipe_root;
    enum gm_job_state state;
    uint32_t step;
    uint32_t loss_first, loss_last, loss_validation; /* bits of an f32 */
    uint64_t reissued, rejected, rewinds;
    uint64_t work;               /* flops handed out, for fairness */
    char text[GM_WIRE_TEXT_MAX]; /* why it ended */
    bool dirty;
    bool touched; /* look whether it ended or moved at the end of this step */

    struct gm_recipe recipe;
    struct gm_recipe_programs programs;
    bool loaded; /* recipe and programs are held */
    bool broken; /* its blobs could not be read at load: the next step ends it */
    uint64_t memory_bytes[GM_TASK_EVALUATE + 1]; /* by task kind; REDUCE: the largest */

    struct gm_broker_task **tasks; /* sorted by step, kind, level, index */
    size_t task_count, task_capacity;
    struct gm_broker_kept **kept; /* sorted by step */
    size_t kept_count, kept_capacity;
    struct gm_broker_trusted **trusted; /* sorted by key */
    size_t trusted_count, trusted_capacity;

    uint64_t ended_mono_ms;
    uint64_t step_mono_ms; /* when the running step began */
    uint64_t tokens_per_s;
    char failure[GM_WIRE_TEXT_MAX]; /* of the newest lease that was given back as failed */
};

/* Numbers are stable. */
enum gm_broker_lease_state {
    GM_BROKER_LEASE_LIVE = 1,
    GM_BROKER_LEASE_COMMITTED = 2, /* attested, receipt given */
    GM_BROKER_LEASE_DONE = 3,      /* uploaded; the verdict may be pending */
    GM_BROKER_LEASE_OVER = 4,      /* ended without a result */
};

struct gm_broker_text {
    uint8_t *data;
    size_t size_bytes;
};

struct gm_broker_lease {
    struct gm_broker_id id;
    struct gm_broker_id job;
    struct gm_key_public key;
    struct gm_task_id task;
    enum gm_broker_lease_state state;
    uint64_t verdict; /* enum gm_verdict_state; 0: none yet */
    bool replay;      /* the task's result is there, this one is compared with it */
    bool dirty;
    uint8_t nonce[32];
    struct gm_hash task_name;
    struct gm_hash inputs_root;
    uint64_t granted_unix_ms;
    uint64_t length_ms;
    struct gm_broker_text token, attestation, receipt, verdict_token;

    int64_t granted_mono_ms; /* may lie before this machine's start */
    bool granted_here;       /* by this process: granted_mono_ms is of its clock */
    uint64_t heard_mono_ms;
    uint64_t over_mono_ms;
};

/* What is known of a worker's key for good. */
struct gm_broker_worker {
    struct gm_key_public key;
    uint64_t confirmed;   /* results that a replay confirmed */
    uint64_t flops_per_s; /* measured on attested tasks; 0: unknown */
    bool banned;
    uint64_t banned_unix_ms;
    char why[GM_WIRE_TEXT_MAX];
    bool dirty;
};

/* What is known of a peer while this process runs. */
struct gm_broker_peer {
    struct gm_key_public key;
    bool worker; /* said hello or asked for a lease */
    bool house;
    uint64_t heard_mono_ms;
    uint64_t flops_claimed;
    uint64_t memory_bytes;          /* that it last asked with */
    struct gm_broker_id failed_job; /* gave this one back as failed: not again before... */
    uint64_t failed_until_mono_ms;
};

struct gm_broker_staged {
    struct gm_key_public key;
    struct gm_hash root;
    uint64_t size_bytes;
    uint64_t since_mono_ms;
    bool dirty;
};

/* A lease request that waits for a task. */
struct gm_broker_parked {
    uint64_t handle;
    struct gm_key_public key;
    struct gm_broker_id lease; /* the one it would become */
    uint64_t memory_bytes;
    uint64_t until_mono_ms;
};

struct gm_broker {
    struct gm_broker_config config;
    struct gm_hash audience; /* thumbprint of the broker's key */

    struct gm_broker_job **jobs; /* by number */
    size_t job_count, job_capacity;
    struct gm_broker_lease **leases; /* sorted by id */
    size_t lease_count, lease_capacity;
    struct gm_broker_worker **workers; /* sorted by key */
    size_t worker_count, worker_capacity;
    struct gm_broker_staged **staged; /* sorted by key, root */
    size_t staged_count, staged_capacity;
    struct gm_broker_peer **peers; /* sorted by key */
    size_t peer_count, peer_capacity;
    struct gm_broker_parked *parked; /* in order of arrival */
    size_t parked_count, parked_capacity;
    char paused[GM_WIRE_TEXT_MAX]; /* why; empty: not */
    uint64_t house_mono_ms;        /* when a house worker was heard last, or this process began */

    /* Of the step that runs. */
    const struct gm_broker_event *event;
    struct gm_broker_out *out;
    uint64_t drawn; /* values taken from the event's randomness */
};

#endif
