#include "sim.h"

#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include "sim_state.h"

/* ---- chance and time ---- */

/* splitmix64: any seed gives a good stream. */
uint64_t gm_sim_random(struct gm_sim *sim)
{
    uint64_t z = sim->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool gm_sim_chance(struct gm_sim *sim, uint32_t ppm)
{
    return gm_sim_random(sim) % 1000000 < ppm;
}

void gm_sim_random_bytes(struct gm_sim *sim, uint8_t *out, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        out[i] = (uint8_t)gm_sim_random(sim);
}

struct gm_broker_time gm_sim_broker_time(const struct gm_sim *sim)
{
    uint64_t start = 1700000000000;
    return (struct gm_broker_time){
        .mono_ms = sim->now_ms + sim->mono_shift_ms,
        .unix_ms = (uint64_t)((int64_t)(start + sim->now_ms) + sim->unix_shift_ms),
    };
}

/* A heap by time, then by order of scheduling: equal seeds give equal runs. */
static bool before(const struct gm_sim_event *a, const struct gm_sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void gm_sim_schedule(struct gm_sim *sim, uint64_t after_ms, const struct gm_sim_event *event)
{
    if (sim->heap_count == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity * 2 + 64;
        sim->heap = realloc(sim->heap, sim->heap_capacity * sizeof *sim->heap);
    }
    size_t at = sim->heap_count++;
    struct gm_sim_event added = *event;
    added.at_ms = sim->now_ms + after_ms;
    added.order = sim->order++;
    while (at > 0 && before(&added, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = added;
}

bool gm_sim_next(struct gm_sim *sim, struct gm_sim_event *out)
{
    if (sim->heap_count == 0)
        return false;
    *out = sim->heap[0];
    struct gm_sim_event last = sim->heap[--sim->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < sim->heap_count && before(&sim->heap[child + 1], &sim->heap[child]))
            child++;
        if (child >= sim->heap_count || !before(&sim->heap[child], &last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    if (sim->heap_count > 0)
        sim->heap[at] = last;
    sim->now_ms = out->at_ms;
    return true;
}

/* ---- life ---- */

static void key_make(struct gm_sim *sim, struct gm_key *key)
{
    uint8_t seed[GM_KEY_SIZE];
    gm_sim_random_bytes(sim, seed, sizeof seed);
    gm_key_from_seed(key, seed);
}

struct gm_sim *gm_sim_new(const struct gm_sim_options *options)
{
    struct gm_sim *sim = calloc(1, sizeof *sim);
    sim->options = *options;
    sim->random = options->seed;
    sim->now_ms = 1;
    gm_broker_config_init(&sim->config);
    sim->config.leases_kept = 64;
    gm_broker_out_init(&sim->out);
    cr_assert_eq(gm_store_mem_open(&sim->store), GM_OK);
    key_make(sim, &sim->key);
    key_make(sim, &sim->requester);
    sim->agent_count = options->house_count + options->worker_count;
    cr_assert(sim->agent_count <= GM_SIM_AGENTS_MAX);
    for (size_t i = 0; i < sim->agent_count; i++) {
        struct gm_sim_agent *agent = &sim->agents[i];
        key_make(sim, &agent->key);
        agent->house = i < options->house_count;
        agent->liar = i >= sim->agent_count - options->liar_count;
        if (agent->house)
            sim->house[i] = agent->key.public_key;
    }
    sim->waiter_count = sim->waiter_capacity = 1;
    sim->waiters = calloc(1, sizeof *sim->waiters);
    gm_sim_broker_start(sim);
    for (size_t i = 0; i < options->lab_count; i++)
        gm_sim_submit(sim, i);
    for (size_t i = 0; i < sim->agent_count; i++)
        gm_sim_agent_start(sim, i);
    struct gm_sim_event second = {.kind = GM_SIM_SECOND};
    gm_sim_schedule(sim, 1000, &second);
    return sim;
}

void gm_sim_free(struct gm_sim *sim)
{
    struct gm_sim_event event;
    while (gm_sim_next(sim, &event))
        free(event.bytes);
    for (size_t i = 0; i < sim->agent_count; i++) {
        gm_worker_free(sim->agents[i].worker);
        free(sim->agents[i].roots);
    }
    gm_broker_free(sim->broker);
    gm_broker_out_fini(&sim->out);
    gm_store_close(sim->store);
    gm_blob_set_fini(&sim->blobs);
    free(sim->heap);
    free(sim->waiters);
    free(sim);
}

/* ---- events ---- */

static void broker_receive(struct gm_sim *sim, const struct gm_sim_event *event)
{
    struct gm_message message;
    struct gm_error err;
    if (sim->waiter_count == sim->waiter_capacity) {
        sim->waiter_capacity *= 2;
        sim->waiters = realloc(sim->waiters, sim->waiter_capacity * sizeof *sim->waiters);
    }
    sim->waiters[sim->waiter_count++] =
        (struct gm_sim_waiter){event->agent, event->incarnation, event->number, event->beat};
    cr_assert_eq(
        gm_message_decode((struct gm_bytes){event->bytes, event->size_bytes}, &message, &err),
        GM_OK, "%s", err.text);
    struct gm_broker_event request = {.kind = GM_BROKER_REQUEST,
                                      .handle = sim->waiter_count,
                                      .peer = sim->agents[event->agent].key.public_key,
                                      .message = &message};
    gm_sim_broker_event(sim, &request);
}

/* Once a second the broker looks at its clock, and fate at everybody. */
static void second_pass(struct gm_sim *sim, const struct gm_sim_event *event)
{
    struct gm_broker_event tick = {.kind = GM_BROKER_TICK};
    gm_sim_schedule(sim, 1000, event);
    if (gm_sim_chance(sim, sim->options.clock_ppm))
        sim->unix_shift_ms = (int64_t)(gm_sim_random(sim) % 20000000) - 10000000;
    gm_sim_broker_event(sim, &tick);
    for (size_t i = 0; i < sim->agent_count; i++) {
        struct gm_sim_agent *agent = &sim->agents[i];
        bool banned = agent->liar && agent->worker == NULL && gm_sim_banned(sim, i);
        if (agent->worker != NULL && gm_sim_chance(sim, sim->options.kill_ppm))
            gm_sim_agent_kill(sim, i);
        else if (agent->worker == NULL && !banned && gm_sim_chance(sim, 200000))
            gm_sim_agent_start(sim, i);
    }
}

static bool all_ended(const struct gm_sim *sim)
{
    for (size_t i = 0; i < sim->options.lab_count; i++) {
        if (gm_sim_job(sim, i)->state == GM_JOB_RUNNING)
            return false;
    }
    return true;
}

bool gm_sim_run(struct gm_sim *sim, uint64_t limit_ms)
{
    struct gm_sim_event event;
    while (!all_ended(sim)) {
        if (sim->now_ms > limit_ms || !gm_sim_next(sim, &event))
            return false;
        switch (event.kind) {
        case GM_SIM_TO_BROKER:
            broker_receive(sim, &event);
            break;
        case GM_SIM_SECOND:
            second_pass(sim, &event);
            break;
        default:
            gm_sim_agent_event(sim, &event);
            break;
        }
        free(event.bytes);
    }
    return true;
}

const struct gm_broker_job *gm_sim_job(const struct gm_sim *sim, size_t lab)
{
    for (size_t i = 0; i < sim->broker->job_count; i++) {
        const struct gm_broker_job *job = sim->broker->jobs[i];
        if (memcmp(job->id.bytes, sim->jobs[lab].bytes, GM_ID_BYTES) == 0)
            return job;
    }
    cr_assert(false, "a job is gone");
    return NULL;
}

bool gm_sim_banned(const struct gm_sim *sim, size_t worker)
{
    for (size_t i = 0; i < sim->broker->worker_count; i++) {
        const struct gm_broker_worker *known = sim->broker->workers[i];
        if (gm_key_public_equal(&known->key, &sim->agents[worker].key.public_key))
            return known->banned;
    }
    return false;
}

uint64_t gm_sim_now_ms(const struct gm_sim *sim)
{
    return sim->now_ms;
}

uint64_t gm_sim_events(const struct gm_sim *sim)
{
    return sim->event_count;
}

uint64_t gm_sim_crashes(const struct gm_sim *sim)
{
    return sim->crash_count;
}

uint64_t gm_sim_kills(const struct gm_sim *sim)
{
    return sim->kill_count;
}

size_t gm_sim_blob_count(const struct gm_sim *sim)
{
    return sim->blobs.count;
}
