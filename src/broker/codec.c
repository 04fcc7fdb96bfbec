#include "broker/codec.h"

#include <assert.h>
#include <string.h>

#include "trust/cbor.h"

int gm_entry_key_compare(const struct gm_entry_key *a, const struct gm_entry_key *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    size_t shorter = a->size_bytes < b->size_bytes ? a->size_bytes : b->size_bytes;
    int order = memcmp(a->bytes, b->bytes, shorter);
    if (order != 0 || a->size_bytes == b->size_bytes)
        return order;
    return a->size_bytes < b->size_bytes ? -1 : 1;
}

/* ---- keys: numbers are big-endian, so that the store's order is theirs ---- */

static void key_add(struct gm_entry_key *key, const void *bytes, size_t size_bytes)
{
    assert(size_bytes <= GM_ENTRY_KEY_MAX - key->size_bytes);
    memcpy(key->bytes + key->size_bytes, bytes, size_bytes);
    key->size_bytes += (uint32_t)size_bytes;
}

static void key_add_u32(struct gm_entry_key *key, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    key_add(key, bytes, sizeof bytes);
}

struct gm_entry_key gm_broker_job_key(const struct gm_broker_id *id)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_JOB};
    key_add(&key, id->bytes, GM_ID_BYTES);
    return key;
}

struct gm_entry_key gm_broker_kept_key(const struct gm_broker_id *job, uint32_t step)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_STATE};
    key_add(&key, job->bytes, GM_ID_BYTES);
    key_add_u32(&key, step);
    return key;
}

struct gm_entry_key gm_broker_task_key(const struct gm_broker_id *job, struct gm_task_id task)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_TASK};
    key_add(&key, job->bytes, GM_ID_BYTES);
    key_add_u32(&key, task.step);
    key_add_u32(&key, (uint32_t)task.kind);
    key_add_u32(&key, task.level);
    key_add_u32(&key, task.index);
    return key;
}

struct gm_entry_key gm_broker_trusted_key(const struct gm_broker_id *job,
                                          const struct gm_key_public *trusted)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_TRUSTED};
    key_add(&key, job->bytes, GM_ID_BYTES);
    key_add(&key, trusted->bytes, GM_KEY_SIZE);
    return key;
}

struct gm_entry_key gm_broker_lease_key(const struct gm_broker_id *id)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_LEASE};
    key_add(&key, id->bytes, GM_ID_BYTES);
    return key;
}

struct gm_entry_key gm_broker_worker_key(const struct gm_key_public *worker)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_KEY};
    key_add(&key, worker->bytes, GM_KEY_SIZE);
    return key;
}

struct gm_entry_key gm_broker_staged_key(const struct gm_broker_staged *staged)
{
    struct gm_entry_key key = {.kind = GM_ENTRY_STAGE};
    key_add(&key, staged->key.bytes, GM_KEY_SIZE);
    key_add(&key, staged->root.bytes, GM_HASH_SIZE);
    return key;
}

/* ---- values ---- */

static void put_u64(struct gm_buf *out, uint64_t key, uint64_t value)
{
    gm_cbor_put_u64(out, key);
    gm_cbor_put_u64(out, value);
}

static void put_bytes(struct gm_buf *out, uint64_t key, const void *data, size_t size_bytes)
{
    gm_cbor_put_u64(out, key);
    gm_cbor_put_bytes(out, data, size_bytes);
}

/* Texts hold what peers said, so they are stored as bytes: they need not be UTF-8. */
static void put_text(struct gm_buf *out, uint64_t key, const char *text)
{
    put_bytes(out, key, text, strlen(text));
}

static void put_roots(struct gm_buf *out, uint64_t key, const struct gm_hash *roots, size_t count)
{
    put_bytes(out, key, roots, count * sizeof *roots);
}

void gm_broker_job_encode(const struct gm_broker_job *job, struct gm_buf *out)
{
    gm_cbor_put_map(out, 13);
    put_u64(out, 0, job->number);
    put_bytes(out, 1, job->owner.bytes, GM_KEY_SIZE);
    put_bytes(out, 2, job->recipe_root.bytes, GM_HASH_SIZE);
    put_u64(out, 3, job->state);
    put_u64(out, 4, job->step);
    put_u64(out, 5, job->loss_first);
    put_u64(out, 6, job->loss_last);
    put_u64(out, 7, job->loss_validation);
    put_u64(out, 8, job->reissued);
    put_u64(out, 9, job->rejected);
    put_u64(out, 10, job->rewinds);
    put_u64(out, 11, job->work);
    put_text(out, 12, job->text);
}

void gm_broker_kept_encode(const struct gm_broker_kept *kept, struct gm_buf *out)
{
    gm_cbor_put_map(out, 1);
    put_roots(out, 0, kept->roots, kept->root_count);
}

void gm_broker_task_encode(const struct gm_broker_task *task, struct gm_buf *out)
{
    bool result = task->state >= GM_BROKER_COMMITTED;
    gm_cbor_put_map(
        out, (size_t)(3 + (task->state != GM_BROKER_READY) + task->replaying + (result ? 2 : 0)));
    put_u64(out, 0, task->state);
    put_u64(out, 1, task->replay);
    put_u64(out, 2, task->diverged);
    if (task->state != GM_BROKER_READY)
        put_bytes(out, 3, task->lease.bytes, GM_ID_BYTES);
    if (task->replaying)
        put_bytes(out, 4, task->replay_lease.bytes, GM_ID_BYTES);
    if (result) {
        put_bytes(out, 5, task->key.bytes, GM_KEY_SIZE);
        put_roots(out, 6, task->roots, task->root_count);
    }
}

void gm_broker_trusted_encode(const struct gm_broker_trusted *trusted, struct gm_buf *out)
{
    gm_cbor_put_map(out, 1);
    put_u64(out, 0, trusted->step);
}

void gm_broker_lease_encode(const struct gm_broker_lease *lease, struct gm_buf *out)
{
    gm_cbor_put_map(out, 18);
    put_bytes(out, 0, lease->job.bytes, GM_ID_BYTES);
    put_bytes(out, 1, lease->key.bytes, GM_KEY_SIZE);
    put_u64(out, 2, (uint64_t)lease->task.kind);
    put_u64(out, 3, lease->task.step);
    put_u64(out, 4, lease->task.level);
    put_u64(out, 5, lease->task.index);
    put_u64(out, 6, lease->state);
    put_u64(out, 7, lease->verdict);
    put_u64(out, 8, lease->replay);
    put_bytes(out, 9, lease->nonce, sizeof lease->nonce);
    put_bytes(out, 10, lease->task_name.bytes, GM_HASH_SIZE);
    put_bytes(out, 11, lease->inputs_root.bytes, GM_HASH_SIZE);
    put_u64(out, 12, lease->granted_unix_ms);
    put_u64(out, 13, lease->length_ms);
    put_bytes(out, 14, lease->token.data, lease->token.size_bytes);
    put_bytes(out, 15, lease->attestation.data, lease->attestation.size_bytes);
    put_bytes(out, 16, lease->receipt.data, lease->receipt.size_bytes);
    put_bytes(out, 17, lease->verdict_token.data, lease->verdict_token.size_bytes);
}

void gm_broker_worker_encode(const struct gm_broker_worker *worker, struct gm_buf *out)
{
    gm_cbor_put_map(out, 5);
    put_u64(out, 0, worker->confirmed);
    put_u64(out, 1, worker->flops_per_s);
    put_u64(out, 2, worker->banned);
    put_u64(out, 3, worker->banned_unix_ms);
    put_text(out, 4, worker->why);
}

void gm_broker_staged_encode(const struct gm_broker_staged *staged, struct gm_buf *out)
{
    gm_cbor_put_map(out, 1);
    put_u64(out, 0, staged->size_bytes);
}
