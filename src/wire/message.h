/* What broker, workers and requesters say to each other, inside a session (wire/session_table.h).
   Encoding: strict deterministic CBOR, a map with integer keys; key 0 is the message's number.
   Views (struct gm_bytes) of a decoded message point into the bytes it was decoded from. */
#ifndef GM_WIRE_MESSAGE_H
#define GM_WIRE_MESSAGE_H

#include <stdbool.h>

#include "base/bytes.h"

enum gm_message_type {
#define GM_MESSAGE(number, NAME, name) GM_MESSAGE_##NAME = (number),
#include "wire/message.def"
#undef GM_MESSAGE
};

enum {
    GM_WIRE_CONTROL_BYTES_MAX = 64 << 10,
    GM_WIRE_PIECE_BYTES = 1 << 20, /* a piece is a 1 MiB subtree of the blob's BLAKE3 tree */
    GM_WIRE_BLOB_BYTES_MAX = (1 << 20) + (64 << 10),
    GM_WIRE_TEXT_MAX = 512,
    GM_ID_BYTES = 16,  /* jobs, leases, idempotency keys */
    GM_KEY_BYTES = 32, /* Ed25519 public keys */
    GM_ROOT_BYTES = 32,
};

enum gm_release_reason { GM_RELEASE_SUSPEND = 1, GM_RELEASE_DRAIN = 2, GM_RELEASE_FAILURE = 3 };
enum gm_verdict_state {
    GM_VERDICT_PENDING = 1, /* waits for a replay */
    GM_VERDICT_ACCEPTED = 2,
    GM_VERDICT_REJECTED = 3, /* a replay differed */
    GM_VERDICT_VOID = 4,     /* unused: another result was first, or the key was banned */
};
enum gm_job_state {
    GM_JOB_RUNNING = 1,
    GM_JOB_DONE = 2,
    GM_JOB_CANCELLED = 3,
    GM_JOB_DIVERGED = 4,
    GM_JOB_FAILED = 5,
};

struct gm_msg_error {
    uint64_t status; /* enum gm_status */
    struct gm_bytes text;
    uint64_t retry_ms; /* 0: do not try again */
};
struct gm_msg_ok {
    char unused;
};

struct gm_msg_hello {
    struct gm_bytes software; /* text */
    uint64_t thread_count;
    uint64_t memory_bytes;
    uint64_t flops_per_s; /* measured, claimed; 0: unknown */
};
struct gm_msg_hello_ok {
    uint64_t house; /* 1: this key is a house worker's */
    uint64_t heartbeat_ms;
    uint64_t unix_ms;
};
struct gm_msg_lease_ask {
    uint8_t request[GM_ID_BYTES]; /* idempotency: the same request gets the same lease */
    uint64_t wait_ms;
    uint64_t memory_bytes;
};
struct gm_msg_lease {
    struct gm_bytes token; /* lease token, trust/token.h */
    struct gm_bytes task;  /* core/task.h encoding */
    uint64_t deadline_ms;  /* from now */
};
struct gm_msg_lease_none {
    uint64_t retry_ms;
    struct gm_bytes reason; /* text */
};
struct gm_msg_heartbeat {
    uint8_t lease[GM_ID_BYTES];
};
struct gm_msg_heartbeat_ok {
    uint64_t live;        /* 0: the lease is over, stop working on it */
    uint64_t deadline_ms; /* from now */
};
struct gm_msg_attest {
    uint8_t lease[GM_ID_BYTES];
    struct gm_bytes token; /* attestation */
    struct gm_bytes roots; /* 32 bytes per output, in the program's order */
};
struct gm_msg_receipt {
    struct gm_bytes token;
};
struct gm_msg_uploaded {
    uint8_t lease[GM_ID_BYTES];
};
struct gm_msg_verdict_ask {
    uint8_t lease[GM_ID_BYTES];
};
struct gm_msg_verdict {
    uint64_t state;        /* enum gm_verdict_state */
    struct gm_bytes token; /* empty while PENDING */
};
struct gm_msg_release {
    uint8_t lease[GM_ID_BYTES];
    uint64_t reason; /* enum gm_release_reason */
    struct gm_bytes text;
};

struct gm_msg_submit {
    uint8_t request[GM_ID_BYTES]; /* idempotency */
    uint8_t recipe[GM_ROOT_BYTES];
};
struct gm_msg_submitted {
    uint8_t job[GM_ID_BYTES];
};
struct gm_msg_job_ask {
    uint8_t job[GM_ID_BYTES];
};
struct gm_msg_job_info {
    uint8_t job[GM_ID_BYTES];
    struct gm_bytes name;
    uint64_t state; /* enum gm_job_state */
    uint64_t step;
    uint64_t step_count;
    uint64_t loss_first; /* bits of an f32, mean loss of step 0; 0xffffffff: none yet */
    uint64_t loss_last;
    uint64_t loss_validation;
    uint64_t tokens_per_s;
    uint64_t workers;
    uint64_t reissued; /* leases that ended without a result */
    uint64_t rejected; /* results proven wrong */
    uint64_t rewinds;
    struct gm_bytes text; /* why it waits, or why it ended */
};
struct gm_msg_job_list {
    char unused;
};
struct gm_msg_job_listed {
    struct gm_bytes jobs; /* 16 bytes per job, oldest first */
};
struct gm_msg_cancel {
    uint8_t job[GM_ID_BYTES];
};
struct gm_msg_state_ask {
    uint8_t job[GM_ID_BYTES];
};
struct gm_msg_state_info {
    uint64_t step;
    uint8_t recipe[GM_ROOT_BYTES];
    struct gm_bytes roots; /* 32 bytes per tensor of the state: parameters first */
};
struct gm_msg_broker_ask {
    char unused;
};
struct gm_msg_broker_info {
    uint64_t workers;
    uint64_t jobs_running;
    uint64_t blob_bytes;
    uint64_t blob_bytes_max;
    struct gm_bytes banned; /* 32-byte keys, newest last */
};

struct gm_msg_tree_ask {
    uint8_t root[GM_ROOT_BYTES];
};
struct gm_msg_tree {
    uint64_t size_bytes;
    struct gm_bytes pieces; /* 32-byte chaining value per piece; empty when there is one piece */
};
struct gm_msg_piece_ask {
    uint8_t root[GM_ROOT_BYTES];
    uint64_t piece_index;
};
struct gm_msg_piece {
    struct gm_bytes data;
};
struct gm_msg_put_begin {
    uint8_t root[GM_ROOT_BYTES];
    uint64_t size_bytes;
    struct gm_bytes pieces;     /* as in tree */
    uint8_t lease[GM_ID_BYTES]; /* all zero: for a submission */
};
struct gm_msg_put_have {
    struct gm_bytes missing; /* bit i of byte i / 8: piece i is missing; empty: all there */
};
struct gm_msg_put_piece {
    uint8_t root[GM_ROOT_BYTES];
    uint64_t piece_index;
    struct gm_bytes data;
};
struct gm_msg_many_ask {
    struct gm_bytes roots; /* 32 bytes each */
};
struct gm_msg_many {
    /* For every root asked, in order, as many as fit: u32 size (little endian; 0xffffffff: ask for
       it alone), then the bytes. Roots that did not fit are asked for again. */
    struct gm_bytes blobs;
};
struct gm_msg_put_many {
    uint8_t lease[GM_ID_BYTES];
    struct gm_bytes blobs; /* u32 size, bytes, repeated; each blob is hashed on arrival */
};

struct gm_message {
    enum gm_message_type type;
    union {
#define GM_MESSAGE(number, NAME, name) struct gm_msg_##name name;
#include "wire/message.def"
#undef GM_MESSAGE
    };
};

const char *gm_message_name(uint64_t type); /* "lease_ask"; "?" for none */
/* As much of the text as a TEXT field takes: cut at its bound, or before what is not UTF-8, as a
   file's name may hold it. A view. */
struct gm_bytes gm_message_text(const char *text);

/* Appends the message's bytes. */
enum gm_status gm_message_encode(const struct gm_message *message, struct gm_buf *out) GM_MUST_USE;
/* Strict; every length is checked against the field's bound. */
enum gm_status gm_message_decode(struct gm_bytes bytes, struct gm_message *out,
                                 struct gm_error *err) GM_MUST_USE;

#endif
