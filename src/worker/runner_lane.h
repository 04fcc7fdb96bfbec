/* A thread that does one thing after the other: a mailbox of one job, taken when the last is done.
 */
#ifndef GM_WORKER_RUNNER_LANE_H
#define GM_WORKER_RUNNER_LANE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/message.h"

enum gm_lane_job_kind { GM_LANE_ASK, GM_LANE_RUN, GM_LANE_UPLOAD };

struct gm_lane_job {
    enum gm_lane_job_kind kind;
    uint64_t number;
    uint32_t wait_ms;
    struct gm_buf bytes; /* ASK: an encoded message; RUN: an encoded task; the lane frees it */
    uint8_t lease[GM_ID_BYTES];
};

struct gm_lane {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool started;
    bool closing;
    bool waiting; /* `job` has not been taken yet */
    struct gm_lane_job job;
    void (*work)(void *ctx, struct gm_lane_job *job);
    void *ctx;
};

enum gm_status gm_lane_start(struct gm_lane *lane, void (*work)(void *ctx, struct gm_lane_job *job),
                             void *ctx) GM_MUST_USE;
/* Takes the job's bytes over. One that waits and was not begun is replaced: it is out of date. */
void gm_lane_give(struct gm_lane *lane, struct gm_lane_job job);
/* Waits for the job that runs. */
void gm_lane_stop(struct gm_lane *lane);

#endif
