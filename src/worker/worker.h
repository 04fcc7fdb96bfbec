/* What a worker decides: a pure function of state, event and time. It asks for a lease, runs it,
   commits to the result, uploads it, and asks again; it says how long to wait and when to give up.
   The runner does what it is told and reports back; a simulation does the same without a network.

   One lease at a time, one question to the broker at a time; heartbeats go beside. */
#ifndef GM_WORKER_WORKER_H
#define GM_WORKER_WORKER_H

#include "core/task.h"
#include "trust/key.h"
#include "wire/message.h"

enum { GM_WORKER_RANDOM_BYTES = 32 };

struct gm_worker_config {
    const struct gm_key *key; /* not owned */
    struct gm_key_public broker;
    const char *software; /* "gradmill" */
    const char *version;  /* "0.1.0"; neither is owned */
    uint64_t thread_count;
    uint64_t memory_bytes;
    uint64_t flops_per_s;
    uint64_t wait_ms; /* how long a lease request may wait at the broker */
};

enum gm_worker_phase {
    GM_WORKER_GREETING,  /* hello */
    GM_WORKER_ASKING,    /* lease_ask */
    GM_WORKER_RUNNING,   /* the task computes */
    GM_WORKER_ATTESTING, /* attest */
    GM_WORKER_UPLOADING, /* the runner sends blobs */
    GM_WORKER_REPORTING, /* uploaded */
    GM_WORKER_RELEASING, /* release */
    GM_WORKER_RESTING,   /* until resume_ms, then `next` */
    GM_WORKER_SUSPENDED, /* the owner wants the machine */
    GM_WORKER_ENDED,
};

enum gm_worker_event_kind {
    GM_WORKER_START,
    GM_WORKER_TICK,            /* time passed: about every 100 ms */
    GM_WORKER_REPLY,           /* the broker answered the question; ERROR included */
    GM_WORKER_UNREACHED,       /* it did not: status says why; the question may have arrived */
    GM_WORKER_HEARTBEAT_REPLY, /* the same for heartbeats */
    GM_WORKER_TASK_DONE,
    GM_WORKER_TASK_FAILED, /* status, text */
    GM_WORKER_UPLOAD_DONE,
    GM_WORKER_UPLOAD_FAILED,
    GM_WORKER_DRAIN,   /* finish the lease, then end */
    GM_WORKER_SUSPEND, /* give the machine back now */
    GM_WORKER_RESUME,
};

/* What a finished task is attested with. */
struct gm_worker_done {
    bool diverged;
    struct gm_hash inputs_root;
    struct gm_hash outputs_root;
    struct gm_bytes roots; /* 32 bytes per output */
    uint64_t flops;
    uint64_t first_kernel_ns;
    uint64_t root_ns;
    uint64_t busy_ns;
};

struct gm_worker_event {
    enum gm_worker_event_kind kind;
    uint64_t number; /* REPLY, UNREACHED, TASK_*, UPLOAD_*: of the action this is about */
    uint64_t now_ns; /* monotonic */
    uint64_t unix_s; /* for tokens */
    uint8_t random[GM_WORKER_RANDOM_BYTES];
    const struct gm_message *message;  /* REPLY, HEARTBEAT_REPLY; views live for the call */
    const struct gm_worker_done *done; /* TASK_DONE */
    enum gm_status status;             /* UNREACHED, *_FAILED */
    const char *text;                  /* the same */
};

/* What is to be done, all of it. Pointers live until the next step. */
struct gm_worker_actions {
    uint64_t number; /* of ask, run or upload; what comes back about another one is not heard */
    const struct gm_message *ask; /* the question to send; NULL: none */
    uint32_t ask_wait_ms;         /* how long its answer may take */
    bool heartbeat;               /* send one for `lease` */
    bool run;                     /* run `task`, an encoding */
    struct gm_bytes task;
    bool stop;   /* the running task or upload no longer counts */
    bool upload; /* send the blobs of the task's outputs under `lease` */
    bool end;    /* close; `status` and `text` say why */
    uint8_t lease[GM_ID_BYTES];
    struct gm_bytes keep; /* a token worth keeping: lease, receipt, verdict; empty: none */
    enum gm_status status;
    const char *text; /* one line for the log; NULL: none */
};

struct gm_worker;

struct gm_worker *gm_worker_new(const struct gm_worker_config *config); /* NULL without memory */
void gm_worker_free(struct gm_worker *worker);
void gm_worker_step(struct gm_worker *worker, const struct gm_worker_event *event,
                    struct gm_worker_actions *out);
enum gm_worker_phase gm_worker_phase(const struct gm_worker *worker);
/* Leases that ended in an accepted or pending verdict so far. */
uint64_t gm_worker_done_count(const struct gm_worker *worker);

#endif
