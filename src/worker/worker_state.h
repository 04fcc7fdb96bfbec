/* Inside the worker's decisions. */
#ifndef GM_WORKER_WORKER_STATE_H
#define GM_WORKER_WORKER_STATE_H

#include "trust/attestation.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "worker/worker.h"

struct gm_worker {
    struct gm_worker_config config;
    enum gm_worker_phase phase;
    enum gm_worker_phase next; /* after RESTING, or what RELEASING leads to */
    bool draining;
    bool greeted; /* the broker has heard hello */
    uint64_t now_ms;
    uint64_t resume_ms; /* RESTING until then */
    uint32_t failures;  /* in a row: the next wait grows with them */
    uint64_t done_count;
    uint64_t number; /* of the question, run or upload that is out */

    uint64_t heartbeat_ms;           /* between two; the broker says it */
    uint64_t beat_ms;                /* when the last one went out */
    bool beating;                    /* one is on its way */
    uint8_t beat_lease[GM_ID_BYTES]; /* what it was sent for: its answer says nothing of another */

    uint8_t instance[GM_TOKEN_ID_BYTES]; /* of this process: the chain of its statements */
    uint64_t sequence;
    struct gm_hash previous;

    bool asking; /* `request` waits for its lease and must be asked again */
    uint8_t request[GM_ID_BYTES];
    struct gm_lease_token lease; /* the running one */
    uint64_t lease_ns;           /* when it came: the attestation's nonce time */
    uint64_t release_reason;
    struct gm_buf task; /* its encoding */
    struct gm_buf attestation;
    struct gm_buf roots;
    struct gm_buf keep;
    struct gm_message ask; /* the question that is out, for repeating it */
    char text[GM_ERROR_TEXT_SIZE];
};

/* The questions: each fills worker->ask. */
void gm_worker_ask_hello(struct gm_worker *worker);
void gm_worker_ask_lease(struct gm_worker *worker);
void gm_worker_ask_attest(struct gm_worker *worker);
void gm_worker_ask_uploaded(struct gm_worker *worker);
void gm_worker_ask_release(struct gm_worker *worker);

/* Checks a lease against what this worker knows and takes it: signature by the pinned broker, made
   for this key, and the task it names is the task that came with it. */
enum gm_status gm_worker_lease_take(struct gm_worker *worker, const struct gm_msg_lease *message,
                                    const struct gm_worker_event *event,
                                    struct gm_error *err) GM_MUST_USE;
/* The receipt is the pinned broker's, for this worker's last attestation: without it nothing is
   uploaded, since only the receipt proves who computed first. */
enum gm_status gm_worker_receipt_check(const struct gm_worker *worker, struct gm_bytes token,
                                       struct gm_error *err) GM_MUST_USE;
/* Signs what was computed under the lease. */
enum gm_status gm_worker_attest(struct gm_worker *worker, const struct gm_worker_done *done,
                                uint64_t unix_s, struct gm_error *err) GM_MUST_USE;

#endif
