#include "worker/source.h"

#include <string.h>

#include "base/mem.h"

void gm_market_source_init(struct gm_market_source *source, struct gm_transfer *transfer,
                           struct gm_blob_store *store, uint64_t memory_bytes_max)
{
    *source = (struct gm_market_source){
        .transfer = transfer, .store = store, .memory_bytes_max = memory_bytes_max};
}

static void part_release(struct gm_market_source *source)
{
    if (source->part_held)
        gm_blob_store_release(source->store, &source->part);
    source->part_held = false;
}

static void ahead_drop(struct gm_market_source *source)
{
    gm_mem_free(source->ahead);
    source->ahead = NULL;
    source->ahead_count = 0;
    gm_buf_fini(&source->small);
}

void gm_market_source_fini(struct gm_market_source *source)
{
    ahead_drop(source);
    gm_buf_fini(&source->large);
    for (size_t i = 0; i < source->data_set_count; i++)
        gm_blob_store_release(source->store, &source->data_sets[i]);
    part_release(source);
    *source = (struct gm_market_source){0};
}

static enum gm_status program_get(void *ctx, const struct gm_hash *name, struct gm_buf *out,
                                  struct gm_error *err)
{
    struct gm_market_source *source = ctx;
    return gm_transfer_get(source->transfer, name, out, err);
}

/* ---- tensors ---- */

/* Notes where the blobs that came are. The buffer no longer grows. */
static enum gm_status ahead_index(struct gm_market_source *source, const struct gm_hash *roots,
                                  size_t count, struct gm_error *err)
{
    source->ahead = gm_mem_new(count, sizeof *source->ahead);
    if (source->ahead == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "tensors: not enough memory");
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t size = gm_load_u32(source->small.data + at);
        source->ahead[i] = (struct gm_source_blob){roots[i], {source->small.data + at + 4, size}};
        at += 4 + (size_t)size;
    }
    source->ahead_count = count;
    return GM_OK;
}

/* Fetches small tensors in company, as long as the next one in the list is small. Large ones are
   fetched alone when they are read. */
static enum gm_status announce(void *ctx, const struct gm_hash *roots, size_t count,
                               struct gm_error *err)
{
    struct gm_market_source *source = ctx;
    ahead_drop(source);
    gm_buf_init(&source->small, source->memory_bytes_max);
    struct gm_hash *came = gm_mem_new(count, sizeof *came);
    if (came == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "tensors: not enough memory");
    enum gm_status status = GM_OK;
    size_t came_count = 0;
    for (size_t at = 0; at < count && status == GM_OK;) {
        size_t taken;
        status = gm_transfer_get_many(source->transfer, roots + at, count - at, &source->small,
                                      &taken, err);
        if (status != GM_OK)
            break;
        memcpy(came + came_count, roots + at, taken * sizeof *came);
        came_count += taken;
        at += taken == 0 ? 1 : taken; /* a large one: passed over */
    }
    if (status == GM_OK)
        status = ahead_index(source, came, came_count, err);
    gm_mem_free(came);
    return status;
}

static struct gm_bytes ahead_find(const struct gm_market_source *source, const struct gm_hash *root)
{
    for (size_t i = 0; i < source->ahead_count; i++) {
        if (gm_hash_equal(&source->ahead[i].root, root))
            return source->ahead[i].bytes;
    }
    return (struct gm_bytes){NULL, 0};
}

static enum gm_status large_get(struct gm_market_source *source, const struct gm_hash *root,
                                struct gm_error *err)
{
    if (source->large.size_bytes > 0 && gm_hash_equal(&source->large_root, root))
        return GM_OK;
    gm_buf_fini(&source->large);
    gm_buf_init(&source->large, source->memory_bytes_max);
    GM_TRY(gm_transfer_get(source->transfer, root, &source->large, err));
    source->large_root = *root;
    return GM_OK;
}

static enum gm_status tensor_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                  void *out, uint64_t size_bytes, struct gm_error *err)
{
    struct gm_market_source *source = ctx;
    struct gm_bytes bytes = ahead_find(source, root);
    if (bytes.data == NULL) {
        GM_TRY(large_get(source, root, err));
        bytes = gm_buf_view(&source->large);
    }
    if (offset_bytes > bytes.size_bytes || size_bytes > bytes.size_bytes - offset_bytes)
        return gm_error_set(err, GM_INVALID, "a tensor of %zu bytes: too short for its shape",
                            bytes.size_bytes);
    memcpy(out, bytes.data + offset_bytes, size_bytes);
    if (offset_bytes + size_bytes == source->large.size_bytes && bytes.data == source->large.data)
        gm_buf_fini(&source->large); /* read to its end */
    return GM_OK;
}

/* ---- data sets ---- */

/* Takes the entry out of the list, and keeps its hold. */
static void data_set_remove(struct gm_market_source *source, size_t at)
{
    source->data_set_count--;
    memmove(source->data_sets + at, source->data_sets + at + 1,
            (source->data_set_count - at) * sizeof *source->data_sets);
}

static void oldest_release(struct gm_market_source *source)
{
    gm_blob_store_release(source->store, &source->data_sets[0]);
    data_set_remove(source, 0);
}

/* On success the data set is held once, whatever was left of an earlier try. */
static enum gm_status data_set_fetch(struct gm_market_source *source, const struct gm_hash *root,
                                     struct gm_error *err)
{
    bool held = false;
    enum gm_status status =
        gm_transfer_get_stored(source->transfer, root, source->store, &held, err);
    if (!held)
        return status;
    part_release(source); /* after the new hold: what came stays */
    if (status != GM_OK) {
        source->part = *root;
        source->part_held = true;
    }
    return status;
}

/* Fetches the data set; those that were used longest ago give way when the quota asks for it. */
static enum gm_status data_set_get(struct gm_market_source *source, const struct gm_hash *root,
                                   struct gm_error *err)
{
    enum gm_status status = GM_NOT_FOUND;
    for (size_t i = 0; i < source->data_set_count && status != GM_OK; i++) {
        if (gm_hash_equal(&source->data_sets[i], root)) {
            data_set_remove(source, i);
            status = GM_OK;
        }
    }
    if (status != GM_OK && source->data_set_count == GM_SOURCE_DATA_SETS_MAX)
        oldest_release(source);
    while (status != GM_OK && (status = data_set_fetch(source, root, err)) == GM_NO_SPACE &&
           (source->data_set_count > 0 || source->part_held)) {
        if (source->data_set_count > 0)
            oldest_release(source);
        else
            part_release(source);
    }
    if (status == GM_OK)
        source->data_sets[source->data_set_count++] = *root;
    return status;
}

static enum gm_status data_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    struct gm_market_source *source = ctx;
    GM_TRY(data_set_get(source, root, err));
    return gm_blob_store_read(source->store, root, offset_bytes, out, size_bytes, err);
}

struct gm_task_source gm_market_source_view(struct gm_market_source *source)
{
    return (struct gm_task_source){.ctx = source,
                                   .program = program_get,
                                   .read = tensor_read,
                                   .data = data_read,
                                   .announce = announce};
}
