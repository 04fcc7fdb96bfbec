/* The attestation: a worker's signed statement about one task, as an Entity Attestation Token. What
   it proves and what not: docs/format-attest.md. */
#ifndef GM_TRUST_ATTESTATION_H
#define GM_TRUST_ATTESTATION_H

#include "trust/key.h"
#include "trust/token.h"

enum { GM_ATTESTATION_TEXT_SIZE = 64 };

enum gm_work_status { GM_WORK_DONE = 0, GM_WORK_DIVERGED = 1 };

/* Claim -65537. */
struct gm_work {
    struct gm_hash task, program, inputs_root, outputs_root;
    bool has_trace;                         /* false: no trace was made, trace_root is null */
    struct gm_hash trace_root;              /* trust/record.h */
    uint64_t record_count;                  /* in the trace; 0 without one */
    char profile[GM_ATTESTATION_TEXT_SIZE]; /* "exact-f32/1" */
    uint64_t flops;                         /* of the program times its iterations */
    enum gm_work_status status;
    bool has_place; /* DIVERGED: where the first NaN or infinity stands is known */
    uint64_t bad_iteration, bad_op, bad_output, bad_tile;
    uint8_t lease[GM_TOKEN_ID_BYTES];
};

/* Claim -65538: one monotonic clock of the worker's, with no known start. Consistency evidence. */
struct gm_work_time {
    uint64_t nonce_ns, first_kernel_ns, root_ns;
    uint64_t device_busy_ns;
};

/* Claim -65539: the statements of one running worker, in order. */
struct gm_work_chain {
    uint8_t instance[GM_TOKEN_ID_BYTES]; /* random at each start */
    uint64_t sequence;                   /* from 0 */
    struct gm_hash previous;             /* token hash of the one before; all zero for sequence 0 */
};

struct gm_attestation {
    struct gm_hash audience;     /* thumbprint of the broker */
    uint64_t issued_s;           /* Unix time, by the worker's clock */
    struct gm_key_public worker; /* who signs */
    uint8_t nonce[GM_TOKEN_NONCE_BYTES];
    char software[GM_ATTESTATION_TEXT_SIZE], version[GM_ATTESTATION_TEXT_SIZE];
    struct gm_work work;
    struct gm_work_time time;
    struct gm_work_chain chain;
};

/* Signs and appends the token to `out`; the worker is `key`, whatever the struct says. */
enum gm_status gm_attestation_sign(const struct gm_attestation *attestation,
                                   const struct gm_key *key, struct gm_buf *out,
                                   struct gm_error *err) GM_MUST_USE;
/* Valid, that is strictly encoded and signed by `worker`; GM_INVALID or GM_UNTRUSTED otherwise. */
enum gm_status gm_attestation_open(struct gm_attestation *attestation, struct gm_bytes token,
                                   struct gm_error *err) GM_MUST_USE;

#endif
