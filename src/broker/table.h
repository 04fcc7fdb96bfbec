/* Finding, adding and removing what the broker holds. Removing also drops the stored entry, so it
   happens within a step. Internal to this folder. */
#ifndef GM_BROKER_TABLE_H
#define GM_BROKER_TABLE_H

#include "broker/state.h"

bool gm_broker_id_equal(const struct gm_broker_id *a, const struct gm_broker_id *b);
struct gm_broker_id gm_broker_id_of(const uint8_t bytes[static GM_ID_BYTES]);

/* All find functions: NULL when it is not there. */
struct gm_broker_job *gm_broker_job_find(const struct gm_broker *broker,
                                         const struct gm_broker_id *id);
/* A job without content but its number; the caller fills it. */
enum gm_status gm_broker_job_add(struct gm_broker *broker, uint64_t number,
                                 struct gm_broker_job **out) GM_MUST_USE;
enum gm_status gm_broker_job_remove(struct gm_broker *broker,
                                    struct gm_broker_job *job) GM_MUST_USE;
void gm_broker_job_free(struct gm_broker_job *job);

struct gm_broker_task *gm_broker_task_find(const struct gm_broker_job *job, struct gm_task_id id);
/* READY. */
enum gm_status gm_broker_task_add(struct gm_broker_job *job, struct gm_task_id id,
                                  struct gm_broker_task **out) GM_MUST_USE;
enum gm_status gm_broker_task_remove(struct gm_broker *broker, struct gm_broker_job *job,
                                     struct gm_broker_task *task) GM_MUST_USE;
/* What is derived from the rest need not be stored: tasks that nobody has. */
bool gm_broker_task_stored(const struct gm_broker_task *task);

struct gm_broker_kept *gm_broker_kept_find(const struct gm_broker_job *job, uint32_t step);
/* Copies the roots. */
enum gm_status gm_broker_kept_add(struct gm_broker_job *job, uint32_t step,
                                  const struct gm_hash *roots, size_t root_count) GM_MUST_USE;
enum gm_status gm_broker_kept_remove(struct gm_broker *broker, struct gm_broker_job *job,
                                     size_t at) GM_MUST_USE;

struct gm_broker_trusted *gm_broker_trusted_find(const struct gm_broker_job *job,
                                                 const struct gm_key_public *key);
enum gm_status gm_broker_trusted_add(struct gm_broker_job *job, const struct gm_key_public *key,
                                     uint32_t step, struct gm_broker_trusted **out) GM_MUST_USE;
enum gm_status gm_broker_trusted_remove(struct gm_broker *broker, struct gm_broker_job *job,
                                        size_t at) GM_MUST_USE;

struct gm_broker_lease *gm_broker_lease_find(const struct gm_broker *broker,
                                             const struct gm_broker_id *id);
enum gm_status gm_broker_lease_add(struct gm_broker *broker, const struct gm_broker_id *id,
                                   struct gm_broker_lease **out) GM_MUST_USE;
enum gm_status gm_broker_lease_remove(struct gm_broker *broker, size_t at) GM_MUST_USE;
void gm_broker_lease_free(struct gm_broker_lease *lease);

struct gm_broker_worker *gm_broker_worker_find(const struct gm_broker *broker,
                                               const struct gm_key_public *key);
/* Finds or adds. */
enum gm_status gm_broker_worker_get(struct gm_broker *broker, const struct gm_key_public *key,
                                    struct gm_broker_worker **out) GM_MUST_USE;
struct gm_broker_peer *gm_broker_peer_find(const struct gm_broker *broker,
                                           const struct gm_key_public *key);
enum gm_status gm_broker_peer_get(struct gm_broker *broker, const struct gm_key_public *key,
                                  struct gm_broker_peer **out) GM_MUST_USE;

struct gm_broker_staged *gm_broker_staged_find(const struct gm_broker *broker,
                                               const struct gm_key_public *key,
                                               const struct gm_hash *root);
enum gm_status gm_broker_staged_add(struct gm_broker *broker, const struct gm_key_public *key,
                                    const struct gm_hash *root,
                                    struct gm_broker_staged **out) GM_MUST_USE;
enum gm_status gm_broker_staged_remove(struct gm_broker *broker, size_t at) GM_MUST_USE;

bool gm_broker_is_house(const struct gm_broker *broker, const struct gm_key_public *key);

/* Replaces what is there with a copy. */
enum gm_status gm_broker_text_set(struct gm_broker_text *text, struct gm_bytes bytes) GM_MUST_USE;
void gm_broker_text_fini(struct gm_broker_text *text);

#endif
