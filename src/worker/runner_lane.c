#include "worker/runner_lane.h"

#include <string.h>

static void *lane_main(void *arg)
{
    struct gm_lane *lane = arg;
    (void)pthread_mutex_lock(&lane->lock);
    while (!lane->closing) {
        if (!lane->waiting) {
            (void)pthread_cond_wait(&lane->wake, &lane->lock);
            continue;
        }
        struct gm_lane_job job = lane->job;
        lane->waiting = false;
        (void)pthread_mutex_unlock(&lane->lock);
        lane->work(lane->ctx, &job);
        gm_buf_fini(&job.bytes);
        (void)pthread_mutex_lock(&lane->lock);
    }
    (void)pthread_mutex_unlock(&lane->lock);
    return NULL;
}

enum gm_status gm_lane_start(struct gm_lane *lane, void (*work)(void *ctx, struct gm_lane_job *job),
                             void *ctx)
{
    *lane = (struct gm_lane){.work = work, .ctx = ctx};
    if (pthread_mutex_init(&lane->lock, NULL) != 0)
        return GM_NO_MEMORY;
    if (pthread_cond_init(&lane->wake, NULL) != 0) {
        (void)pthread_mutex_destroy(&lane->lock);
        return GM_NO_MEMORY;
    }
    lane->started = pthread_create(&lane->thread, NULL, lane_main, lane) == 0;
    if (!lane->started) {
        (void)pthread_cond_destroy(&lane->wake);
        (void)pthread_mutex_destroy(&lane->lock);
    }
    return lane->started ? GM_OK : GM_NO_MEMORY;
}

void gm_lane_give(struct gm_lane *lane, struct gm_lane_job job)
{
    (void)pthread_mutex_lock(&lane->lock);
    if (lane->waiting)
        gm_buf_fini(&lane->job.bytes);
    lane->job = job;
    lane->waiting = true;
    (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
}

void gm_lane_stop(struct gm_lane *lane)
{
    if (!lane->started)
        return;
    (void)pthread_mutex_lock(&lane->lock);
    lane->closing = true;
    (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
    (void)pthread_join(lane->thread, NULL);
    if (lane->waiting)
        gm_buf_fini(&lane->job.bytes);
    (void)pthread_cond_destroy(&lane->wake);
    (void)pthread_mutex_destroy(&lane->lock);
    lane->started = false;
}
