#include <string.h>

#include "base/mem.h"
#include "broker/codec.h"
#include "broker/list.h"
#include "broker/table.h"

struct gm_broker_job *gm_broker_job_find(const struct gm_broker *broker,
                                         const struct gm_broker_id *id)
{
    for (size_t i = 0; i < broker->job_count; i++) {
        if (gm_broker_id_equal(&broker->jobs[i]->id, id))
            return broker->jobs[i];
    }
    return NULL;
}

static int compare_job(const void *key, const void *element)
{
    const uint64_t *number = key;
    const struct gm_broker_job *job = element;
    return *number < job->number ? -1 : *number > job->number;
}

enum gm_status gm_broker_job_add(struct gm_broker *broker, uint64_t number,
                                 struct gm_broker_job **out)
{
    int found;
    size_t at =
        gm_list_find((void *const *)broker->jobs, broker->job_count, &number, compare_job, &found);
    if (found)
        return GM_EXISTS;
    struct gm_broker_job *job = gm_mem_new(1, sizeof *job);
    if (job == NULL)
        return GM_NO_MEMORY;
    job->number = number;
    job->dirty = true;
    *out = job;
    return gm_list_insert((void ***)&broker->jobs, &broker->job_count, &broker->job_capacity, at,
                          job);
}

static void task_free(struct gm_broker_task *task)
{
    gm_mem_free(task->roots);
    gm_mem_free(task);
}

void gm_broker_job_free(struct gm_broker_job *job)
{
    for (size_t i = 0; i < job->task_count; i++)
        task_free(job->tasks[i]);
    for (size_t i = 0; i < job->kept_count; i++) {
        gm_mem_free(job->kept[i]->roots);
        gm_mem_free(job->kept[i]);
    }
    for (size_t i = 0; i < job->trusted_count; i++)
        gm_mem_free(job->trusted[i]);
    gm_mem_free(job->tasks);
    gm_mem_free(job->kept);
    gm_mem_free(job->trusted);
    if (job->loaded) {
        gm_recipe_programs_fini(&job->programs);
        gm_recipe_fini(&job->recipe);
    }
    gm_mem_free(job);
}

enum gm_status gm_broker_job_remove(struct gm_broker *broker, struct gm_broker_job *job)
{
    while (job->task_count > 0)
        GM_TRY(gm_broker_task_remove(broker, job, job->tasks[job->task_count - 1]));
    while (job->kept_count > 0)
        GM_TRY(gm_broker_kept_remove(broker, job, job->kept_count - 1));
    while (job->trusted_count > 0)
        GM_TRY(gm_broker_trusted_remove(broker, job, job->trusted_count - 1));
    GM_TRY(gm_broker_out_drop(broker->out, gm_broker_job_key(&job->id)));
    int found;
    size_t at = gm_list_find((void *const *)broker->jobs, broker->job_count, &job->number,
                             compare_job, &found);
    gm_list_remove((void **)broker->jobs, &broker->job_count, at);
    gm_broker_job_free(job);
    broker->out->sweep = true;
    return GM_OK;
}

/* ---- tasks ---- */

static int compare_task(const void *key, const void *element)
{
    const struct gm_task_id *a = key;
    const struct gm_task_id *b = &((const struct gm_broker_task *)element)->id;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

struct gm_broker_task *gm_broker_task_find(const struct gm_broker_job *job, struct gm_task_id id)
{
    int found;
    size_t at = gm_list_find((void *const *)job->tasks, job->task_count, &id, compare_task, &found);
    return found ? job->tasks[at] : NULL;
}

enum gm_status gm_broker_task_add(struct gm_broker_job *job, struct gm_task_id id,
                                  struct gm_broker_task **out)
{
    int found;
    size_t at = gm_list_find((void *const *)job->tasks, job->task_count, &id, compare_task, &found);
    if (found)
        return GM_EXISTS;
    struct gm_broker_task *task = gm_mem_new(1, sizeof *task);
    if (task == NULL)
        return GM_NO_MEMORY;
    task->id = id;
    task->state = GM_BROKER_READY;
    task->dirty = gm_broker_task_stored(task);
    *out = task;
    return gm_list_insert((void ***)&job->tasks, &job->task_count, &job->task_capacity, at, task);
}

bool gm_broker_task_stored(const struct gm_broker_task *task)
{
    return task->state != GM_BROKER_READY || task->id.kind == GM_TASK_EVALUATE;
}

enum gm_status gm_broker_task_remove(struct gm_broker *broker, struct gm_broker_job *job,
                                     struct gm_broker_task *task)
{
    int found;
    GM_TRY(gm_broker_out_drop(broker->out, gm_broker_task_key(&job->id, task->id)));
    size_t at =
        gm_list_find((void *const *)job->tasks, job->task_count, &task->id, compare_task, &found);
    gm_list_remove((void **)job->tasks, &job->task_count, at);
    task_free(task);
    broker->out->sweep = true;
    return GM_OK;
}

/* ---- states that are kept ---- */

static int compare_kept(const void *key, const void *element)
{
    const uint32_t *step = key;
    const struct gm_broker_kept *kept = element;
    return *step < kept->step ? -1 : *step > kept->step;
}

struct gm_broker_kept *gm_broker_kept_find(const struct gm_broker_job *job, uint32_t step)
{
    int found;
    size_t at =
        gm_list_find((void *const *)job->kept, job->kept_count, &step, compare_kept, &found);
    return found ? job->kept[at] : NULL;
}

enum gm_status gm_broker_kept_add(struct gm_broker_job *job, uint32_t step,
                                  const struct gm_hash *roots, size_t root_count)
{
    int found;
    size_t at =
        gm_list_find((void *const *)job->kept, job->kept_count, &step, compare_kept, &found);
    if (found)
        return GM_EXISTS;
    struct gm_broker_kept *kept = gm_mem_new(1, sizeof *kept);
    if (kept == NULL)
        return GM_NO_MEMORY;
    kept->roots = gm_mem_new(root_count, sizeof *kept->roots);
    if (kept->roots == NULL) {
        gm_mem_free(kept);
        return GM_NO_MEMORY;
    }
    if (root_count != 0)
        memcpy(kept->roots, roots, root_count * sizeof *roots);
    kept->root_count = (uint32_t)root_count;
    kept->step = step;
    kept->dirty = true;
    return gm_list_insert((void ***)&job->kept, &job->kept_count, &job->kept_capacity, at, kept);
}

enum gm_status gm_broker_kept_remove(struct gm_broker *broker, struct gm_broker_job *job, size_t at)
{
    struct gm_broker_kept *kept = job->kept[at];
    GM_TRY(gm_broker_out_drop(broker->out, gm_broker_kept_key(&job->id, kept->step)));
    gm_list_remove((void **)job->kept, &job->kept_count, at);
    gm_mem_free(kept->roots);
    gm_mem_free(kept);
    broker->out->sweep = true;
    return GM_OK;
}

/* ---- whose unseen results are in the weights ---- */

static int compare_trusted(const void *key, const void *element)
{
    return memcmp(key, element, GM_KEY_SIZE);
}

struct gm_broker_trusted *gm_broker_trusted_find(const struct gm_broker_job *job,
                                                 const struct gm_key_public *key)
{
    int found;
    size_t at = gm_list_find((void *const *)job->trusted, job->trusted_count, key->bytes,
                             compare_trusted, &found);
    return found ? job->trusted[at] : NULL;
}

enum gm_status gm_broker_trusted_add(struct gm_broker_job *job, const struct gm_key_public *key,
                                     uint32_t step, struct gm_broker_trusted **out)
{
    int found;
    size_t at = gm_list_find((void *const *)job->trusted, job->trusted_count, key->bytes,
                             compare_trusted, &found);
    if (found)
        return GM_EXISTS;
    struct gm_broker_trusted *trusted = gm_mem_new(1, sizeof *trusted);
    if (trusted == NULL)
        return GM_NO_MEMORY;
    trusted->key = *key;
    trusted->step = step;
    trusted->dirty = true;
    *out = trusted;
    return gm_list_insert((void ***)&job->trusted, &job->trusted_count, &job->trusted_capacity, at,
                          trusted);
}

enum gm_status gm_broker_trusted_remove(struct gm_broker *broker, struct gm_broker_job *job,
                                        size_t at)
{
    struct gm_broker_trusted *trusted = job->trusted[at];
    GM_TRY(gm_broker_out_drop(broker->out, gm_broker_trusted_key(&job->id, &trusted->key)));
    gm_list_remove((void **)job->trusted, &job->trusted_count, at);
    gm_mem_free(trusted);
    return GM_OK;
}
