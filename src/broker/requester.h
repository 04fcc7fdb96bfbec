/* What requesters ask for: jobs in, what became of them out. Internal to this folder. */
#ifndef GM_BROKER_REQUESTER_H
#define GM_BROKER_REQUESTER_H

#include "broker/state.h"

/* The blobs of a submission arrive before it: within the key's quota they are kept for a while. */
enum gm_status gm_broker_stage(struct gm_broker *broker) GM_MUST_USE;
enum gm_status gm_broker_stages_tick(struct gm_broker *broker) GM_MUST_USE;

enum gm_status gm_broker_submit(struct gm_broker *broker,
                                const struct gm_msg_submit *submit) GM_MUST_USE;
enum gm_status gm_broker_job_ask(struct gm_broker *broker,
                                 const struct gm_msg_job_ask *ask) GM_MUST_USE;
enum gm_status gm_broker_job_list(struct gm_broker *broker) GM_MUST_USE;
enum gm_status gm_broker_cancel(struct gm_broker *broker,
                                const struct gm_msg_cancel *cancel) GM_MUST_USE;
enum gm_status gm_broker_state_ask(struct gm_broker *broker,
                                   const struct gm_msg_state_ask *ask) GM_MUST_USE;
enum gm_status gm_broker_info_ask(struct gm_broker *broker) GM_MUST_USE;
/* Removes jobs that ended long ago. */
enum gm_status gm_broker_jobs_tick(struct gm_broker *broker) GM_MUST_USE;

/* Workers heard within three heartbeats, and those who wait for a task. */
uint64_t gm_broker_workers_heard(const struct gm_broker *broker, uint64_t mono_ms);
/* A job of this key; everybody's, for a house key. */
bool gm_broker_job_visible(const struct gm_broker *broker, const struct gm_broker_job *job,
                           const struct gm_key_public *key);
/* What the job does or waits for, as a sentence. */
void gm_broker_job_text(const struct gm_broker *broker, const struct gm_broker_job *job,
                        uint64_t mono_ms, char out[static GM_WIRE_TEXT_MAX]);

#endif
