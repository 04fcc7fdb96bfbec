/* A job's tasks: which there are, what they consume, and how a job moves from step to step, back,
   and to its end. Internal to this folder. */
#ifndef GM_BROKER_JOB_H
#define GM_BROKER_JOB_H

#include "broker/state.h"

/* Reads recipe and programs and checks that all blobs that they name are there. The error says
   which is not. */
enum gm_status gm_broker_job_open(const struct gm_broker *broker, struct gm_broker_job *job,
                                  struct gm_error *err) GM_MUST_USE;

/* Adds every task of the running step that can be done now. */
enum gm_status gm_broker_job_fill(struct gm_broker_job *job) GM_MUST_USE;
/* Adds what can be done because `task`, a gradient or a reduction, was accepted. */
enum gm_status gm_broker_job_follow(struct gm_broker_job *job,
                                    const struct gm_broker_task *task) GM_MUST_USE;
/* The initial state is whole: keeps it and begins step 0. `made` are INIT's outputs. */
enum gm_status gm_broker_job_begin(struct gm_broker *broker, struct gm_broker_job *job,
                                   const struct gm_hash *made) GM_MUST_USE;
/* UPDATE was accepted: its outputs become the state of the next step. */
enum gm_status gm_broker_job_advance(struct gm_broker *broker, struct gm_broker_job *job,
                                     const struct gm_broker_task *update) GM_MUST_USE;
/* Makes a task of the running step ready again, and takes away what was built on its result. */
enum gm_status gm_broker_job_reset(struct gm_broker *broker, struct gm_broker_job *job,
                                   struct gm_broker_task *task) GM_MUST_USE;
/* Back to the newest kept state at or before `step`. */
enum gm_status gm_broker_job_rewind(struct gm_broker *broker, struct gm_broker_job *job,
                                    uint32_t step) GM_MUST_USE;
/* Ends the job: no task is left, only the running step's state is kept. */
enum gm_status gm_broker_job_end(struct gm_broker *broker, struct gm_broker_job *job,
                                 enum gm_job_state state, const char *text) GM_MUST_USE;
/* Ends it when it is done or has diverged, and drops the states that nothing needs. */
enum gm_status gm_broker_job_settle(struct gm_broker *broker,
                                    struct gm_broker_job *job) GM_MUST_USE;

/* The accepted result that shows that the running step diverges, or NULL. */
const struct gm_broker_task *gm_broker_job_diverged(const struct gm_broker_job *job);
/* The result still waits for a replay. */
bool gm_broker_task_unconfirmed(const struct gm_broker_task *task);

/* Every tensor that a task consumes, in the order of gm_graph_task. */
typedef void (*gm_broker_visit)(void *ctx, const struct gm_hash *root);
void gm_broker_task_tensors(const struct gm_broker_job *job, struct gm_task_id id,
                            gm_broker_visit visit, void *ctx);
/* The program and data sets that it needs besides. */
void gm_broker_task_files(const struct gm_broker_job *job, struct gm_task_id id,
                          gm_broker_visit visit, void *ctx);
/* The task itself; gm_task_fini. */
enum gm_status gm_broker_task_build(const struct gm_broker_job *job, struct gm_task_id id,
                                    struct gm_task *out) GM_MUST_USE;

#endif
