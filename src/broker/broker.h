/* What the broker decides: a pure function of what it holds, an event and the time.

   gm_broker_step takes one event and says what is to be done: replies, records to store, lines to
   log. It does no I/O, reads no clock, draws no randomness and starts no thread; the blobs it looks
   into (recipe, programs, a loss) are reached through the configuration's lookups. The runner
   stores the records in one transaction, then sends the replies: an answer that left is an answer
   that is kept. docs/market.md states the rules.

   A step that does not return GM_OK has left the broker half-changed, and nothing of it was stored:
   free it, and load a new one from the records. So does the runner when a transaction fails.

   Threads: none; one caller at a time. */
#ifndef GM_BROKER_BROKER_H
#define GM_BROKER_BROKER_H

#include "broker/out.h"
#include "job/recipe.h"
#include "trust/key.h"
#include "wire/message.h"

/* Reads of the blob store. A blob counts as there once all its pieces are stored durably. */
struct gm_broker_blobs {
    void *ctx;
    bool (*has)(void *ctx, const struct gm_hash *root);
    /* The first four bytes of a blob, little-endian: the only element of a f32 (1) or u32 (1). */
    enum gm_status (*read_word)(void *ctx, const struct gm_hash *root, uint32_t *out);
    void (*usage)(void *ctx, uint64_t *used_bytes, uint64_t *max_bytes); /* 0: no maximum */
    struct gm_blob_lookup lookup;                                        /* recipes and programs */
};

struct gm_broker_config {
    const struct gm_key *key; /* signs leases, receipts, verdicts; outlives the broker */
    const struct gm_key_public *house;
    size_t house_count;
    struct gm_broker_blobs blobs;
    uint32_t keep_checkpoints;
    uint32_t replay_first;   /* results of a key that are confirmed before any is taken unseen */
    uint32_t leases_per_key; /* leases that one key may hold at once */
    uint32_t parked_max;     /* lease requests that may wait at once */
    uint32_t leases_kept;    /* ended leases remembered for repeated questions */
    uint32_t jobs_max;       /* running jobs */
    uint64_t heartbeat_ms;
    uint64_t lease_ms_min; /* deadlines: eight times what the key's rate asks for, at least... */
    uint64_t lease_ms_unknown; /* ...and this for a key of unknown rate */
    uint64_t upload_ms;        /* from the receipt to the end of the upload */
    uint64_t stage_ms;         /* how long blobs for a submission wait for it */
    uint64_t stage_bytes_max;  /* per key */
    uint64_t stage_bytes_total_max;
    uint64_t job_kept_ms; /* how long an ended job's weights are kept */
};

/* What docs/market.md says; key, house and blobs are left empty. */
void gm_broker_config_init(struct gm_broker_config *config);

/* Deadlines follow `mono_ms`, which never jumps; `unix_ms` is what people and tokens see, and what
   bridges a restart. */
struct gm_broker_time {
    uint64_t mono_ms;
    uint64_t unix_ms;
};

enum gm_broker_event_kind {
    GM_BROKER_REQUEST, /* a control message of a peer whose session proved its key */
    GM_BROKER_STAGE,   /* a peer wants to put a blob for a submission: OK or ERROR in reply */
    GM_BROKER_GONE,    /* whoever waits at `handle` is gone */
    GM_BROKER_PAUSE,   /* `reason` why no lease can be given now; NULL: goes on */
    GM_BROKER_TICK,    /* time passed; about once a second */
};

enum { GM_BROKER_RANDOM_BYTES = 32 };

struct gm_broker_event {
    enum gm_broker_event_kind kind;
    struct gm_broker_time now;
    uint8_t random[GM_BROKER_RANDOM_BYTES]; /* fresh for every event; used by REQUEST and TICK */
    uint64_t handle;                        /* of the reply; 0 is no handle */
    struct gm_key_public peer;
    const struct gm_message *message; /* REQUEST; views live for the call */
    struct gm_hash root;              /* STAGE */
    uint64_t size_bytes;              /* STAGE */
    const char *reason;               /* PAUSE; one short line */
};

struct gm_broker;

/* `config` is copied, what it points to is not: key, house and blobs outlive the broker. */
enum gm_status gm_broker_new(const struct gm_broker_config *config, struct gm_broker **out,
                             struct gm_error *err) GM_MUST_USE;
void gm_broker_free(struct gm_broker *broker); /* NULL is allowed */

/* Rebuilding: every entry once, in the order of kind and key, then finish. Leases go on with the
   time that was left to them. GM_INVALID for an entry that no broker wrote. */
enum gm_status gm_broker_load(struct gm_broker *broker, const struct gm_entry *entry,
                              struct gm_error *err) GM_MUST_USE;
enum gm_status gm_broker_load_finish(struct gm_broker *broker, struct gm_broker_time now,
                                     struct gm_error *err) GM_MUST_USE;

/* `out` is added to; the caller resets it. */
enum gm_status gm_broker_step(struct gm_broker *broker, const struct gm_broker_event *event,
                              struct gm_broker_out *out) GM_MUST_USE;

/* ---- questions, which change nothing ---- */

/* May this key read the blob? Inputs of its live leases; of its own jobs recipe, programs, data and
   states. */
bool gm_broker_may_read(const struct gm_broker *broker, const struct gm_key_public *key,
                        const struct gm_hash *root);
/* May this key store the blob? `lease` is all zero for a submission (STAGE came first).
     GM_OK       yes;
     GM_EXISTS   it need not: say that no piece is missing, store nothing (a replay's outputs);
     GM_STALE    the lease is over;  GM_REFUSED  not this key, no receipt, or not this blob. */
enum gm_status gm_broker_may_write(const struct gm_broker *broker, const struct gm_key_public *key,
                                   const struct gm_hash *root, uint64_t size_bytes,
                                   const uint8_t lease[static GM_ID_BYTES]) GM_MUST_USE;
/* Every blob that something refers to, repeats included. A sweep removes all others. */
void gm_broker_live_roots(const struct gm_broker *broker,
                          void (*visit)(void *ctx, const struct gm_hash *root), void *ctx);
/* Milliseconds until the oldest waiting request wants its answer; UINT64_MAX when none waits. */
uint64_t gm_broker_wait_ms(const struct gm_broker *broker, uint64_t mono_ms);

/* Everything that is stored, as entries to put, in no particular order: what a store holds after
   the last step, and what two equal brokers share. */
enum gm_status gm_broker_snapshot(const struct gm_broker *broker,
                                  struct gm_broker_out *out) GM_MUST_USE;

#endif
