#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/runner_state.h"

uint64_t gm_broker_now_ms(void)
{
    return gm_clock_monotonic_ns() / 1000000;
}

struct gm_broker_time gm_broker_time_now(void)
{
    return (struct gm_broker_time){gm_broker_now_ms(), gm_clock_unix_s() * 1000};
}

void gm_broker_queue_init(struct gm_broker_queue *queue)
{
    pthread_condattr_t attributes;
    memset(queue, 0, sizeof *queue);
    queue->last = &queue->first;
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&queue->filled, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

void gm_broker_queue_fini(struct gm_broker_queue *queue)
{
    (void)pthread_cond_destroy(&queue->filled);
    (void)pthread_mutex_destroy(&queue->lock);
}

bool gm_broker_queue_put(struct gm_broker_queue *queue, struct gm_broker_call *call)
{
    (void)pthread_mutex_lock(&queue->lock);
    bool open = !queue->closed;
    if (open) {
        call->next = NULL;
        *queue->last = call;
        queue->last = &call->next;
        (void)pthread_cond_signal(&queue->filled);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return open;
}

struct gm_broker_call *gm_broker_queue_take(struct gm_broker_queue *queue, size_t max,
                                            uint64_t wait_ms)
{
    struct timespec until;
    gm_clock_deadline(&until, wait_ms);
    (void)pthread_mutex_lock(&queue->lock);
    int waited = 0;
    while (queue->first == NULL && !queue->closed && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&queue->filled, &queue->lock, &until);
    struct gm_broker_call *taken = queue->first;
    struct gm_broker_call **end = &queue->first;
    for (size_t i = 0; i < max && *end != NULL; i++)
        end = &(*end)->next;
    struct gm_broker_call *rest = *end;
    *end = NULL;
    if (end != &queue->first)
        queue->first = rest;
    if (queue->first == NULL)
        queue->last = &queue->first;
    (void)pthread_mutex_unlock(&queue->lock);
    return taken;
}

void gm_broker_queue_close(struct gm_broker_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    (void)pthread_cond_broadcast(&queue->filled);
    (void)pthread_mutex_unlock(&queue->lock);
}
