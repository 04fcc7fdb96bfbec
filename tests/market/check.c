/* What must hold after every step of the broker, whatever happened. */
#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include "broker/job.h"
#include "broker/lease.h"
#include "broker/table.h"
#include "sim_state.h"

#define CHECK(sim, holds, what)                                                                    \
    cr_assert(holds, "seed %llu, event %llu: %s", (unsigned long long)(sim)->options.seed,         \
              (unsigned long long)(sim)->event_count, what)

/* ---- what is stored is what is held ---- */

static int compare_entries(const void *a, const void *b)
{
    return gm_entry_key_compare(&((const struct gm_entry *)a)->key,
                                &((const struct gm_entry *)b)->key);
}

struct walk {
    const struct gm_broker_out *out;
    size_t at;
    bool equal;
};

static enum gm_status walk_visit(void *ctx, const struct gm_entry *entry, struct gm_error *err)
{
    struct walk *walk = ctx;
    (void)err;
    walk->equal = walk->equal && walk->at < walk->out->entry_count &&
                  gm_entry_key_compare(&entry->key, &walk->out->entries[walk->at].key) == 0 &&
                  gm_bytes_equal(entry->value, walk->out->entries[walk->at].value);
    walk->at++;
    return GM_OK;
}

static void stored_check(struct gm_sim *sim, const struct gm_broker *broker, const char *what)
{
    struct gm_broker_out out;
    gm_broker_out_init(&out);
    cr_assert_eq(gm_broker_snapshot(broker, &out), GM_OK);
    if (out.entry_count > 0)
        qsort(out.entries, out.entry_count, sizeof *out.entries, compare_entries);
    struct walk walk = {&out, 0, true};
    cr_assert_eq(gm_store_scan(sim->store, walk_visit, &walk, NULL), GM_OK);
    CHECK(sim, walk.equal && walk.at == out.entry_count, what);
    gm_broker_out_fini(&out);
}

/* A broker made of what is stored holds the same, and the same tasks are ready in it. */
static void rebuilt_check(struct gm_sim *sim)
{
    struct gm_broker *broker = sim->broker;
    gm_sim_broker_start(sim);
    struct gm_broker *rebuilt = sim->broker;
    sim->broker = broker;
    stored_check(sim, rebuilt, "a rebuilt broker holds something else");
    CHECK(sim, rebuilt->job_count == broker->job_count, "a rebuilt broker has other jobs");
    for (size_t i = 0; i < broker->job_count; i++) {
        const struct gm_broker_job *a = broker->jobs[i];
        const struct gm_broker_job *b = rebuilt->jobs[i];
        bool equal = a->task_count == b->task_count;
        for (size_t j = 0; equal && j < a->task_count; j++)
            equal = gm_task_id_equal(a->tasks[j]->id, b->tasks[j]->id) &&
                    a->tasks[j]->state == b->tasks[j]->state;
        CHECK(sim, equal, "a rebuilt broker has other tasks");
    }
    gm_broker_free(rebuilt);
}

/* ---- leases and tasks ---- */

static const struct gm_broker_job *job_of(const struct gm_sim *sim,
                                          const struct gm_broker_lease *lease)
{
    return gm_broker_job_find(sim->broker, &lease->job);
}

/* Every open lease is the one lease of its task. */
static void leases_check(struct gm_sim *sim)
{
    for (size_t i = 0; i < sim->broker->lease_count; i++) {
        const struct gm_broker_lease *lease = sim->broker->leases[i];
        if (!gm_broker_lease_open(lease))
            continue;
        const struct gm_broker_job *job = job_of(sim, lease);
        CHECK(sim, job != NULL && job->state == GM_JOB_RUNNING, "a lease of a job that is over");
        const struct gm_broker_task *task = gm_broker_task_find(job, lease->task);
        CHECK(sim, task != NULL, "an open lease without its task");
        if (lease->replay)
            CHECK(sim, task->replaying && gm_broker_id_equal(&task->replay_lease, &lease->id),
                  "a replay that its task does not know");
        else
            CHECK(sim,
                  gm_broker_id_equal(&task->lease, &lease->id) &&
                      task->state == (lease->state == GM_BROKER_LEASE_LIVE ? GM_BROKER_LEASED
                                                                           : GM_BROKER_COMMITTED),
                  "a lease that its task does not know");
    }
}

static bool lease_is_open(const struct gm_sim *sim, const struct gm_broker_id *id)
{
    const struct gm_broker_lease *lease = gm_broker_lease_find(sim->broker, id);
    return lease != NULL && gm_broker_lease_open(lease);
}

static void task_check(struct gm_sim *sim, const struct gm_broker_job *job,
                       const struct gm_broker_task *task)
{
    bool held = task->state == GM_BROKER_LEASED || task->state == GM_BROKER_COMMITTED;
    CHECK(sim, held == (task->state != GM_BROKER_READY && lease_is_open(sim, &task->lease)),
          "a task waits for a lease that is over");
    CHECK(sim, !task->replaying || lease_is_open(sim, &task->replay_lease),
          "a task waits for a replay that is over");
    CHECK(sim, task->id.step <= job->step, "a task of the future");
    for (uint32_t i = 0;
         task->state >= GM_BROKER_UPLOADED && task->id.step == job->step && i < task->root_count;
         i++)
        CHECK(sim, gm_blob_set_has(&sim->blobs, &task->roots[i]), "a result is not stored");
    if (task->state < GM_BROKER_COMMITTED)
        return;
    const struct gm_broker_worker *worker = gm_broker_worker_find(sim->broker, &task->key);
    CHECK(sim, worker != NULL, "a result of nobody");
    CHECK(sim, !worker->banned || task->replay == GM_BROKER_CONFIRMED,
          "an unseen result of a banned key");
    CHECK(sim,
          worker->confirmed >= sim->config.replay_first ||
              gm_broker_is_house(sim->broker, &task->key) || task->state != GM_BROKER_ACCEPTED ||
              task->replay == GM_BROKER_CONFIRMED,
          "a new key's result was taken unseen");
}

/* ---- states ---- */

static void job_check(struct gm_sim *sim, const struct gm_broker_job *job)
{
    for (size_t i = 0; i < job->task_count; i++)
        task_check(sim, job, job->tasks[i]);
    for (size_t i = 0; i < job->trusted_count; i++) {
        const struct gm_broker_worker *worker =
            gm_broker_worker_find(sim->broker, &job->trusted[i]->key);
        CHECK(sim, worker != NULL && !worker->banned, "a banned key is trusted");
        CHECK(sim, job->trusted[i]->step <= job->step, "trust in the future");
    }
    for (size_t i = 0; i < job->kept_count; i++) {
        CHECK(sim, job->kept[i]->step <= job->step, "a state of the future");
        for (uint32_t j = 0; j < job->kept[i]->root_count; j++)
            CHECK(sim, gm_blob_set_has(&sim->blobs, &job->kept[i]->roots[j]),
                  "a kept state is not stored");
    }
    if (job->state != GM_JOB_RUNNING)
        return;
    CHECK(sim, job->kept_count > 0 || job->step == 0, "no state to go back to");
    CHECK(sim,
          job->kept_count == 0 ||
              (job->kept[0]->step == 0 && gm_broker_kept_find(job, job->step) != NULL),
          "the initial or the running state is not kept");
    CHECK(sim, job->kept_count <= 2 + sim->config.keep_checkpoints + job->task_count,
          "more states are kept than are needed");
    CHECK(sim, job->task_count > 0, "nothing is left to do, but the job runs");
}

void gm_sim_check(struct gm_sim *sim)
{
    stored_check(sim, sim->broker, "what is stored is not what is held");
    leases_check(sim);
    for (size_t i = 0; i < sim->broker->job_count; i++)
        job_check(sim, sim->broker->jobs[i]);
    if (sim->options.rebuild_every != 0 && sim->event_count % sim->options.rebuild_every == 0)
        rebuilt_check(sim);
}
