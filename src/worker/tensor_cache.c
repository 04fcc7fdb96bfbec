#include "worker/tensor_cache.h"

#include <assert.h>

#include "base/mem.h"

void gm_tensor_cache_init(struct gm_tensor_cache *cache, struct gm_device *device)
{
    *cache = (struct gm_tensor_cache){.device = device};
}

void gm_tensor_cache_fini(struct gm_tensor_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        cache->device->ops->buffer_free(cache->entries[i].buffer);
    gm_mem_free(cache->entries);
    *cache = (struct gm_tensor_cache){0};
}

struct gm_cached_tensor *gm_tensor_cache_find_root(struct gm_tensor_cache *cache,
                                                   const struct gm_hash *root)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct gm_cached_tensor *entry = &cache->entries[i];
        if (gm_hash_equal(&entry->root, root)) {
            entry->used = ++cache->clock;
            return entry;
        }
    }
    return NULL;
}

/* Tensors of different shapes may share a root: a root names the bytes of the tiles. */
struct gm_cached_tensor *gm_tensor_cache_find(struct gm_tensor_cache *cache,
                                              const struct gm_hash *root,
                                              const struct gm_tensor_desc *desc)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct gm_cached_tensor *entry = &cache->entries[i];
        if (gm_hash_equal(&entry->root, root) && gm_tensor_desc_equal(&entry->desc, desc)) {
            entry->used = ++cache->clock;
            return entry;
        }
    }
    return NULL;
}

bool gm_tensor_cache_drop_one(struct gm_tensor_cache *cache)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < cache->count; i++) {
        const struct gm_cached_tensor *entry = &cache->entries[i];
        if (entry->holds == 0 && (oldest == SIZE_MAX || entry->used < cache->entries[oldest].used))
            oldest = i;
    }
    if (oldest == SIZE_MAX)
        return false;
    gm_tensor_cache_buffer_free(cache, cache->entries[oldest].buffer);
    cache->entries[oldest] = cache->entries[--cache->count];
    return true;
}

static bool over_bound(const struct gm_tensor_cache *cache, uint64_t size_bytes)
{
    return cache->bytes_max != 0 && cache->bytes > 0 &&
           (size_bytes > cache->bytes_max || cache->bytes > cache->bytes_max - size_bytes);
}

/* The buffer of the oldest entry of exactly this size that nobody holds; NULL: there is none. Fresh
   memory must be cleared by the system first, which for the weights of a large model takes longer
   than the update that fills them. */
static struct gm_buffer *buffer_reuse(struct gm_tensor_cache *cache, uint64_t size_bytes)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < cache->count; i++) {
        const struct gm_cached_tensor *entry = &cache->entries[i];
        if (entry->holds == 0 && entry->buffer->size_bytes == size_bytes &&
            (oldest == SIZE_MAX || entry->used < cache->entries[oldest].used))
            oldest = i;
    }
    if (oldest == SIZE_MAX)
        return NULL;
    struct gm_buffer *buffer = cache->entries[oldest].buffer;
    cache->entries[oldest] = cache->entries[--cache->count];
    return buffer;
}

enum gm_status gm_tensor_cache_buffer(struct gm_tensor_cache *cache, uint64_t size_bytes,
                                      struct gm_buffer **out, struct gm_error *err)
{
    if (over_bound(cache, size_bytes) && (*out = buffer_reuse(cache, size_bytes)) != NULL)
        return GM_OK;
    while (over_bound(cache, size_bytes) && gm_tensor_cache_drop_one(cache))
        continue;
    for (;;) {
        enum gm_status status = cache->device->ops->buffer_new(cache->device, size_bytes, out, err);
        if (status == GM_OK)
            cache->bytes += size_bytes;
        if (status != GM_LIMIT && status != GM_NO_MEMORY)
            return status;
        if (!gm_tensor_cache_drop_one(cache))
            return status;
    }
}

void gm_tensor_cache_buffer_free(struct gm_tensor_cache *cache, struct gm_buffer *buffer)
{
    if (buffer == NULL)
        return;
    cache->bytes -= buffer->size_bytes;
    cache->device->ops->buffer_free(buffer);
}

enum gm_status gm_tensor_cache_add(struct gm_tensor_cache *cache, const struct gm_hash *root,
                                   const struct gm_tensor_desc *desc, struct gm_buffer *buffer)
{
    struct gm_cached_tensor *kept = gm_tensor_cache_find(cache, root, desc);
    if (kept != NULL) {
        kept->holds++;
        gm_tensor_cache_buffer_free(cache, buffer);
        return GM_OK;
    }
    if (cache->count == cache->capacity) {
        size_t capacity = cache->capacity == 0 ? 64 : 2 * cache->capacity;
        struct gm_cached_tensor *entries = gm_mem_resize(cache->entries, capacity, sizeof *entries);
        if (entries == NULL) {
            gm_tensor_cache_buffer_free(cache, buffer);
            return GM_NO_MEMORY;
        }
        cache->entries = entries;
        cache->capacity = capacity;
    }
    cache->entries[cache->count++] = (struct gm_cached_tensor){
        .root = *root, .desc = *desc, .buffer = buffer, .holds = 1, .used = ++cache->clock};
    return GM_OK;
}

void gm_tensor_cache_release(struct gm_tensor_cache *cache, const struct gm_hash *root,
                             const struct gm_tensor_desc *desc)
{
    struct gm_cached_tensor *entry = gm_tensor_cache_find(cache, root, desc);
    assert(entry != NULL && entry->holds > 0);
    entry->holds--;
}
