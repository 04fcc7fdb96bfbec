/* A worker at work: carries out what gm_worker_step decides, with a broker, a device, a folder and
   threads. Four of them: decisions, questions, heartbeats, and the work itself. */
#ifndef GM_WORKER_RUNNER_H
#define GM_WORKER_RUNNER_H

#include "base/log.h"
#include "worker/executor.h"
#include "worker/transfer.h"
#include "worker/worker.h"

struct gm_runner_config {
    const struct gm_key *key; /* none of these is owned */
    /* Of that key, to that broker; opened before the device, as a device may bind the thread that
       opens it, and threads made after that inherit the binding. Stopped with the runner. */
    struct gm_client *client;
    struct gm_key_public broker;
    struct gm_device *device;
    struct gm_blob_store *store; /* for data sets */
    const char *receipts;        /* folder for lease, receipt and verdict tokens; NULL: not kept */
    const struct gm_log *log;
    const char *version;
    uint64_t memory_bytes;
    uint64_t flops_per_s;
    bool lying;         /* a drill */
    uint64_t lie_after; /* this many tasks, which are honest */
};

struct gm_runner;

enum gm_status gm_runner_new(const struct gm_runner_config *config, struct gm_runner **out,
                             struct gm_error *err) GM_MUST_USE;
/* Blocks until the worker ends: drained (GM_OK), or refused, with the reason. */
enum gm_status gm_runner_run(struct gm_runner *runner, struct gm_error *err) GM_MUST_USE;
/* From any thread: finish the lease and end; calls count for nothing after the first. */
void gm_runner_drain(struct gm_runner *runner);
/* From any thread: give the machine back, or take it again. */
void gm_runner_suspend(struct gm_runner *runner, bool suspend);
void gm_runner_free(struct gm_runner *runner); /* after run; NULL is allowed */

#endif
