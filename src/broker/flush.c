#include "broker/codec.h"
#include "broker/table.h"

/* One object's entry: encode, copy into the output. `encode` has appended to an empty buffer. */
static enum gm_status put(struct gm_broker_out *out, struct gm_entry_key key, struct gm_buf *value)
{
    GM_TRY(value->status);
    GM_TRY(gm_broker_out_put(out, key, gm_buf_view(value)));
    value->size_bytes = 0;
    return GM_OK;
}

static enum gm_status job_put(struct gm_broker_job *job, bool all, struct gm_buf *value,
                              struct gm_broker_out *out)
{
    if (all || job->dirty) {
        gm_broker_job_encode(job, value);
        GM_TRY(put(out, gm_broker_job_key(&job->id), value));
    }
    for (size_t i = 0; i < job->kept_count; i++) {
        if (!all && !job->kept[i]->dirty)
            continue;
        gm_broker_kept_encode(job->kept[i], value);
        GM_TRY(put(out, gm_broker_kept_key(&job->id, job->kept[i]->step), value));
    }
    for (size_t i = 0; i < job->task_count; i++) {
        struct gm_broker_task *task = job->tasks[i];
        if ((!all && !task->dirty) || !gm_broker_task_stored(task))
            continue;
        gm_broker_task_encode(task, value);
        GM_TRY(put(out, gm_broker_task_key(&job->id, task->id), value));
    }
    for (size_t i = 0; i < job->trusted_count; i++) {
        if (!all && !job->trusted[i]->dirty)
            continue;
        gm_broker_trusted_encode(job->trusted[i], value);
        GM_TRY(put(out, gm_broker_trusted_key(&job->id, &job->trusted[i]->key), value));
    }
    return GM_OK;
}

static enum gm_status all_put(const struct gm_broker *broker, bool all, struct gm_buf *value,
                              struct gm_broker_out *out)
{
    for (size_t i = 0; i < broker->job_count; i++)
        GM_TRY(job_put(broker->jobs[i], all, value, out));
    for (size_t i = 0; i < broker->lease_count; i++) {
        if (!all && !broker->leases[i]->dirty)
            continue;
        gm_broker_lease_encode(broker->leases[i], value);
        GM_TRY(put(out, gm_broker_lease_key(&broker->leases[i]->id), value));
    }
    for (size_t i = 0; i < broker->worker_count; i++) {
        if (!all && !broker->workers[i]->dirty)
            continue;
        gm_broker_worker_encode(broker->workers[i], value);
        GM_TRY(put(out, gm_broker_worker_key(&broker->workers[i]->key), value));
    }
    for (size_t i = 0; i < broker->staged_count; i++) {
        if (!all && !broker->staged[i]->dirty)
            continue;
        gm_broker_staged_encode(broker->staged[i], value);
        GM_TRY(put(out, gm_broker_staged_key(broker->staged[i]), value));
    }
    return GM_OK;
}

static void all_clean(struct gm_broker *broker)
{
    for (size_t i = 0; i < broker->job_count; i++) {
        struct gm_broker_job *job = broker->jobs[i];
        job->dirty = false;
        for (size_t j = 0; j < job->kept_count; j++)
            job->kept[j]->dirty = false;
        for (size_t j = 0; j < job->task_count; j++)
            job->tasks[j]->dirty = false;
        for (size_t j = 0; j < job->trusted_count; j++)
            job->trusted[j]->dirty = false;
    }
    for (size_t i = 0; i < broker->lease_count; i++)
        broker->leases[i]->dirty = false;
    for (size_t i = 0; i < broker->worker_count; i++)
        broker->workers[i]->dirty = false;
    for (size_t i = 0; i < broker->staged_count; i++)
        broker->staged[i]->dirty = false;
}

enum gm_status gm_broker_flush(struct gm_broker *broker)
{
    struct gm_buf value;
    gm_buf_init(&value, GM_ENTRY_VALUE_MAX);
    enum gm_status status = all_put(broker, false, &value, broker->out);
    gm_buf_fini(&value);
    if (status == GM_OK)
        all_clean(broker);
    return status;
}

enum gm_status gm_broker_snapshot(const struct gm_broker *broker, struct gm_broker_out *out)
{
    struct gm_buf value;
    gm_buf_init(&value, GM_ENTRY_VALUE_MAX);
    enum gm_status status = all_put(broker, true, &value, out);
    gm_buf_fini(&value);
    return status;
}
