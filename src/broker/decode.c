#include <string.h>

#include "base/mem.h"
#include "broker/codec.h"
#include "broker/job.h"
#include "broker/table.h"
#include "trust/cbor.h"

/* Fields of the value's map, in order. */
static enum gm_status u64_read(struct gm_cbor_reader *r, int64_t key, const char *field,
                               uint64_t max, uint64_t *out)
{
    GM_TRY(gm_cbor_map_key(r, key, field));
    return gm_cbor_read_u64_max(r, field, max, out);
}

static enum gm_status u32_read(struct gm_cbor_reader *r, int64_t key, const char *field,
                               uint32_t *out)
{
    uint64_t value;
    GM_TRY(u64_read(r, key, field, UINT32_MAX, &value));
    *out = (uint32_t)value;
    return GM_OK;
}

static enum gm_status exact_read(struct gm_cbor_reader *r, int64_t key, const char *field,
                                 void *out, size_t size_bytes)
{
    GM_TRY(gm_cbor_map_key(r, key, field));
    return gm_cbor_read_exact(r, field, out, size_bytes);
}

static enum gm_status text_read(struct gm_cbor_reader *r, int64_t key, const char *field,
                                char out[static GM_WIRE_TEXT_MAX])
{
    struct gm_bytes bytes;
    GM_TRY(gm_cbor_map_key(r, key, field));
    GM_TRY(gm_cbor_read_bytes(r, field, &bytes));
    if (bytes.size_bytes >= GM_WIRE_TEXT_MAX)
        return gm_error_set(r->err, GM_INVALID, "%s: %zu bytes, at most %d", field,
                            bytes.size_bytes, GM_WIRE_TEXT_MAX - 1);
    if (bytes.size_bytes != 0)
        memcpy(out, bytes.data, bytes.size_bytes);
    out[bytes.size_bytes] = '\0';
    return GM_OK;
}

static enum gm_status blob_read(struct gm_cbor_reader *r, int64_t key, const char *field,
                                struct gm_broker_text *out)
{
    struct gm_bytes bytes;
    GM_TRY(gm_cbor_map_key(r, key, field));
    GM_TRY(gm_cbor_read_bytes(r, field, &bytes));
    return gm_broker_text_set(out, bytes);
}

/* A list of roots on the heap. */
static enum gm_status roots_read(struct gm_cbor_reader *r, int64_t key, const char *field,
                                 struct gm_hash **out, uint32_t *count)
{
    struct gm_bytes bytes;
    GM_TRY(gm_cbor_map_key(r, key, field));
    GM_TRY(gm_cbor_read_bytes(r, field, &bytes));
    if (bytes.size_bytes % sizeof **out != 0)
        return gm_error_set(r->err, GM_INVALID, "%s: %zu bytes, no list of 32", field,
                            bytes.size_bytes);
    *count = (uint32_t)(bytes.size_bytes / sizeof **out);
    *out = gm_mem_new(*count, sizeof **out);
    if (*out == NULL)
        return GM_NO_MEMORY;
    if (bytes.size_bytes != 0)
        memcpy(*out, bytes.data, bytes.size_bytes);
    return GM_OK;
}

static enum gm_status key_size_check(const struct gm_entry_key *key, size_t size_bytes,
                                     struct gm_error *err)
{
    if (key->size_bytes != size_bytes)
        return gm_error_set(err, GM_INVALID, "entry of kind %d: key of %u bytes, not %zu",
                            (int)key->kind, (unsigned)key->size_bytes, size_bytes);
    return GM_OK;
}

static uint32_t key_u32(const struct gm_entry_key *key, size_t at)
{
    const uint8_t *p = key->bytes + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The job that an entry belongs to; entries of jobs come first. */
static enum gm_status owner_find(struct gm_broker *broker, const struct gm_entry_key *key,
                                 struct gm_broker_job **out, struct gm_error *err)
{
    struct gm_broker_id id = gm_broker_id_of(key->bytes);
    *out = gm_broker_job_find(broker, &id);
    if (*out == NULL)
        return gm_error_set(err, GM_INVALID, "entry of kind %d: its job is not stored",
                            (int)key->kind);
    return GM_OK;
}

static enum gm_status job_load(struct gm_broker *broker, const struct gm_entry_key *key,
                               struct gm_cbor_reader *r)
{
    GM_TRY(key_size_check(key, GM_ID_BYTES, r->err));
    struct gm_broker_job *job;
    uint64_t number;
    uint64_t state;
    GM_TRY(u64_read(r, 0, "number", UINT64_MAX, &number));
    enum gm_status status = gm_broker_job_add(broker, number, &job);
    if (status == GM_EXISTS)
        return gm_error_set(r->err, GM_INVALID, "two jobs have one number");
    GM_TRY(status);
    job->id = gm_broker_id_of(key->bytes);
    GM_TRY(exact_read(r, 1, "owner", job->owner.bytes, GM_KEY_SIZE));
    GM_TRY(exact_read(r, 2, "recipe", job->recipe_root.bytes, GM_HASH_SIZE));
    GM_TRY(u64_read(r, 3, "state", GM_JOB_FAILED, &state));
    job->state = (enum gm_job_state)state;
    GM_TRY(u32_read(r, 4, "step", &job->step));
    GM_TRY(u32_read(r, 5, "loss_first", &job->loss_first));
    GM_TRY(u32_read(r, 6, "loss_last", &job->loss_last));
    GM_TRY(u32_read(r, 7, "loss_validation", &job->loss_validation));
    GM_TRY(u64_read(r, 8, "reissued", UINT64_MAX, &job->reissued));
    GM_TRY(u64_read(r, 9, "rejected", UINT64_MAX, &job->rejected));
    GM_TRY(u64_read(r, 10, "rewinds", UINT64_MAX, &job->rewinds));
    GM_TRY(u64_read(r, 11, "work", UINT64_MAX, &job->work));
    GM_TRY(text_read(r, 12, "text", job->text));
    job->dirty = false;
    return GM_OK;
}

static enum gm_status kept_load(struct gm_broker *broker, const struct gm_entry_key *key,
                                struct gm_cbor_reader *r)
{
    struct gm_broker_job *job;
    struct gm_hash *roots = NULL;
    uint32_t count = 0;
    GM_TRY(key_size_check(key, GM_ID_BYTES + 4, r->err));
    GM_TRY(owner_find(broker, key, &job, r->err));
    enum gm_status status = roots_read(r, 0, "roots", &roots, &count);
    uint32_t step = key_u32(key, GM_ID_BYTES);
    if (status == GM_OK)
        status = gm_broker_kept_add(job, step, roots, count);
    gm_mem_free(roots);
    GM_TRY(status);
    gm_broker_kept_find(job, step)->dirty = false;
    return GM_OK;
}

static enum gm_status task_load(struct gm_broker *broker, const struct gm_entry_key *key,
                                struct gm_cbor_reader *r)
{
    struct gm_broker_job *job;
    struct gm_broker_task *task;
    uint64_t value;
    GM_TRY(key_size_check(key, GM_ID_BYTES + 16, r->err));
    GM_TRY(owner_find(broker, key, &job, r->err));
    struct gm_task_id id = {(enum gm_task_kind)key_u32(key, GM_ID_BYTES + 4),
                            key_u32(key, GM_ID_BYTES), key_u32(key, GM_ID_BYTES + 8),
                            key_u32(key, GM_ID_BYTES + 12)};
    GM_TRY(gm_broker_task_add(job, id, &task));
    GM_TRY(u64_read(r, 0, "state", GM_BROKER_ACCEPTED, &value));
    task->state = (enum gm_broker_task_state)value;
    GM_TRY(u64_read(r, 1, "replay", GM_BROKER_CONFIRMED, &value));
    task->replay = (enum gm_broker_replay)value;
    GM_TRY(u64_read(r, 2, "diverged", 1, &value));
    task->diverged = value != 0;
    if (task->state != GM_BROKER_READY)
        GM_TRY(exact_read(r, 3, "lease", task->lease.bytes, GM_ID_BYTES));
    task->replaying = gm_cbor_map_try_key(r, 4);
    if (task->replaying)
        GM_TRY(gm_cbor_read_exact(r, "replay lease", task->replay_lease.bytes, GM_ID_BYTES));
    if (task->state >= GM_BROKER_COMMITTED) {
        GM_TRY(exact_read(r, 5, "key", task->key.bytes, GM_KEY_SIZE));
        GM_TRY(roots_read(r, 6, "roots", &task->roots, &task->root_count));
    }
    task->dirty = false;
    return GM_OK;
}

static enum gm_status trusted_load(struct gm_broker *broker, const struct gm_entry_key *key,
                                   struct gm_cbor_reader *r)
{
    struct gm_broker_job *job;
    struct gm_broker_trusted *trusted;
    uint32_t step;
    struct gm_key_public worker;
    GM_TRY(key_size_check(key, GM_ID_BYTES + GM_KEY_SIZE, r->err));
    GM_TRY(owner_find(broker, key, &job, r->err));
    GM_TRY(u32_read(r, 0, "step", &step));
    memcpy(worker.bytes, key->bytes + GM_ID_BYTES, GM_KEY_SIZE);
    GM_TRY(gm_broker_trusted_add(job, &worker, step, &trusted));
    trusted->dirty = false;
    return GM_OK;
}

static enum gm_status lease_fields_read(struct gm_broker_lease *lease, struct gm_cbor_reader *r)
{
    uint64_t value;
    GM_TRY(exact_read(r, 0, "job", lease->job.bytes, GM_ID_BYTES));
    GM_TRY(exact_read(r, 1, "key", lease->key.bytes, GM_KEY_SIZE));
    GM_TRY(u64_read(r, 2, "kind", GM_TASK_EVALUATE, &value));
    lease->task.kind = (enum gm_task_kind)value;
    GM_TRY(u32_read(r, 3, "step", &lease->task.step));
    GM_TRY(u32_read(r, 4, "level", &lease->task.level));
    GM_TRY(u32_read(r, 5, "index", &lease->task.index));
    GM_TRY(u64_read(r, 6, "state", GM_BROKER_LEASE_OVER, &value));
    lease->state = (enum gm_broker_lease_state)value;
    GM_TRY(u64_read(r, 7, "verdict", GM_VERDICT_VOID, &lease->verdict));
    GM_TRY(u64_read(r, 8, "replay", 1, &value));
    lease->replay = value != 0;
    GM_TRY(exact_read(r, 9, "nonce", lease->nonce, sizeof lease->nonce));
    GM_TRY(exact_read(r, 10, "task", lease->task_name.bytes, GM_HASH_SIZE));
    GM_TRY(exact_read(r, 11, "inputs", lease->inputs_root.bytes, GM_HASH_SIZE));
    GM_TRY(u64_read(r, 12, "granted", UINT64_MAX, &lease->granted_unix_ms));
    GM_TRY(u64_read(r, 13, "length", INT64_MAX, &lease->length_ms));
    GM_TRY(blob_read(r, 14, "token", &lease->token));
    GM_TRY(blob_read(r, 15, "attestation", &lease->attestation));
    GM_TRY(blob_read(r, 16, "receipt", &lease->receipt));
    return blob_read(r, 17, "verdict token", &lease->verdict_token);
}

static enum gm_status lease_load(struct gm_broker *broker, const struct gm_entry_key *key,
                                 struct gm_cbor_reader *r)
{
    struct gm_broker_lease *lease;
    GM_TRY(key_size_check(key, GM_ID_BYTES, r->err));
    struct gm_broker_id id = gm_broker_id_of(key->bytes);
    GM_TRY(gm_broker_lease_add(broker, &id, &lease));
    GM_TRY(lease_fields_read(lease, r));
    lease->dirty = false;
    return GM_OK;
}

static enum gm_status worker_load(struct gm_broker *broker, const struct gm_entry_key *key,
                                  struct gm_cbor_reader *r)
{
    struct gm_broker_worker *worker;
    struct gm_key_public public_key;
    uint64_t banned;
    GM_TRY(key_size_check(key, GM_KEY_SIZE, r->err));
    memcpy(public_key.bytes, key->bytes, GM_KEY_SIZE);
    GM_TRY(gm_broker_worker_get(broker, &public_key, &worker));
    GM_TRY(u64_read(r, 0, "confirmed", UINT64_MAX, &worker->confirmed));
    GM_TRY(u64_read(r, 1, "rate", UINT64_MAX, &worker->flops_per_s));
    GM_TRY(u64_read(r, 2, "banned", 1, &banned));
    worker->banned = banned != 0;
    GM_TRY(u64_read(r, 3, "banned since", UINT64_MAX, &worker->banned_unix_ms));
    GM_TRY(text_read(r, 4, "why", worker->why));
    worker->dirty = false;
    return GM_OK;
}

static enum gm_status staged_load(struct gm_broker *broker, const struct gm_entry_key *key,
                                  struct gm_cbor_reader *r)
{
    struct gm_broker_staged *staged;
    struct gm_key_public public_key;
    struct gm_hash root;
    GM_TRY(key_size_check(key, GM_KEY_SIZE + GM_HASH_SIZE, r->err));
    memcpy(public_key.bytes, key->bytes, GM_KEY_SIZE);
    memcpy(root.bytes, key->bytes + GM_KEY_SIZE, GM_HASH_SIZE);
    GM_TRY(gm_broker_staged_add(broker, &public_key, &root, &staged));
    GM_TRY(u64_read(r, 0, "size", UINT64_MAX, &staged->size_bytes));
    staged->dirty = false;
    return GM_OK;
}

enum gm_status gm_broker_load(struct gm_broker *broker, const struct gm_entry *entry,
                              struct gm_error *err)
{
    static enum gm_status (*const loads[])(struct gm_broker *, const struct gm_entry_key *,
                                           struct gm_cbor_reader *) = {
        [GM_ENTRY_JOB] = job_load,      [GM_ENTRY_STATE] = kept_load,
        [GM_ENTRY_TASK] = task_load,    [GM_ENTRY_TRUSTED] = trusted_load,
        [GM_ENTRY_LEASE] = lease_load,  [GM_ENTRY_KEY] = worker_load,
        [GM_ENTRY_STAGE] = staged_load,
    };
    size_t kind = (size_t)entry->key.kind;
    if (kind == 0 || kind >= sizeof loads / sizeof *loads)
        return gm_error_set(err, GM_INVALID, "entry of unknown kind %zu", kind);
    struct gm_cbor_reader r;
    gm_cbor_reader_init(&r, entry->value, err);
    GM_TRY(gm_cbor_map_begin(&r, "entry", NULL));
    GM_TRY(loads[kind](broker, &entry->key, &r));
    GM_TRY(gm_cbor_end(&r));
    return gm_cbor_read_done(&r);
}
