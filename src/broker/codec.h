/* Stored entries: keys, and values as deterministic CBOR. Internal to this folder. */
#ifndef GM_BROKER_CODEC_H
#define GM_BROKER_CODEC_H

#include "broker/state.h"

struct gm_entry_key gm_broker_job_key(const struct gm_broker_id *id);
struct gm_entry_key gm_broker_kept_key(const struct gm_broker_id *job, uint32_t step);
struct gm_entry_key gm_broker_task_key(const struct gm_broker_id *job, struct gm_task_id task);
struct gm_entry_key gm_broker_trusted_key(const struct gm_broker_id *job,
                                          const struct gm_key_public *key);
struct gm_entry_key gm_broker_lease_key(const struct gm_broker_id *id);
struct gm_entry_key gm_broker_worker_key(const struct gm_key_public *key);
struct gm_entry_key gm_broker_staged_key(const struct gm_broker_staged *staged);

/* Appends the value; the buffer's status tells how it went. */
void gm_broker_job_encode(const struct gm_broker_job *job, struct gm_buf *out);
void gm_broker_kept_encode(const struct gm_broker_kept *kept, struct gm_buf *out);
void gm_broker_task_encode(const struct gm_broker_task *task, struct gm_buf *out);
void gm_broker_trusted_encode(const struct gm_broker_trusted *trusted, struct gm_buf *out);
void gm_broker_lease_encode(const struct gm_broker_lease *lease, struct gm_buf *out);
void gm_broker_worker_encode(const struct gm_broker_worker *worker, struct gm_buf *out);
void gm_broker_staged_encode(const struct gm_broker_staged *staged, struct gm_buf *out);

/* Writes all dirty objects into the step's output. */
enum gm_status gm_broker_flush(struct gm_broker *broker) GM_MUST_USE;

#endif
