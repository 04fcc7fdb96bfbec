#include "worker/program_cache.h"

#include "base/mem.h"
#include "trust/blake3.h"

void gm_program_cache_init(struct gm_program_cache *cache, struct gm_device *device)
{
    *cache = (struct gm_program_cache){.device = device};
}

static void entry_drop(struct gm_program_cache *cache, size_t index)
{
    gm_exec_free(cache->entries[index]->exec);
    gm_program_free(cache->entries[index]->program);
    gm_mem_free(cache->entries[index]);
    cache->entries[index] = cache->entries[--cache->count];
}

void gm_program_cache_fini(struct gm_program_cache *cache)
{
    while (cache->count > 0)
        entry_drop(cache, 0);
}

static void oldest_drop(struct gm_program_cache *cache)
{
    size_t oldest = 0;
    for (size_t i = 1; i < cache->count; i++) {
        if (cache->entries[i]->used < cache->entries[oldest]->used)
            oldest = i;
    }
    entry_drop(cache, oldest);
}

bool gm_program_cache_drop_one(struct gm_program_cache *cache)
{
    if (cache->count < 2)
        return false;
    oldest_drop(cache);
    return true;
}

static enum gm_status program_fetch(const struct gm_task_source *source, const struct gm_hash *name,
                                    struct gm_program **out, struct gm_error *err)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_PROGRAM_ENCODED_MAX);
    enum gm_status status = source->program(source->ctx, name, &bytes, err);
    if (status == GM_OK) {
        struct gm_hash found = gm_blake3(bytes.data, bytes.size_bytes);
        if (!gm_hash_equal(&found, name))
            status = gm_error_set(err, GM_UNTRUSTED, "the program's bytes do not have its name");
        else
            status = gm_program_decode(gm_buf_view(&bytes), out, err);
    }
    gm_buf_fini(&bytes);
    return status;
}

/* Arenas are large: when one does not fit, those of other programs give way first, as making one
   anew costs less than fetching a tensor. */
static enum gm_status exec_make(struct gm_program_cache *cache, const struct gm_program *program,
                                struct gm_exec **out, struct gm_error *err)
{
    for (;;) {
        enum gm_status status = gm_exec_new(cache->device, program, out, err);
        if (status != GM_LIMIT && status != GM_NO_MEMORY)
            return status;
        if (cache->count > 0)
            oldest_drop(cache);
        else if (cache->make_room == NULL || !cache->make_room(cache->make_room_ctx))
            return status;
    }
}

enum gm_status gm_program_cache_get(struct gm_program_cache *cache,
                                    const struct gm_task_source *source, const struct gm_hash *name,
                                    struct gm_cached_program **out, struct gm_error *err)
{
    for (size_t i = 0; i < cache->count; i++) {
        if (gm_hash_equal(&cache->entries[i]->name, name)) {
            *out = cache->entries[i];
            (*out)->used = ++cache->clock;
            return GM_OK;
        }
    }
    struct gm_cached_program *entry = gm_mem_new(1, sizeof *entry);
    if (entry == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    entry->name = *name;
    enum gm_status status = program_fetch(source, name, &entry->program, err);
    if (status == GM_OK) {
        if (cache->count == GM_PROGRAM_CACHE_COUNT)
            (void)gm_program_cache_drop_one(cache);
        status = exec_make(cache, entry->program, &entry->exec, err);
    }
    if (status != GM_OK) {
        gm_program_free(entry->program);
        gm_mem_free(entry);
        return status;
    }
    entry->flops = gm_program_flops(entry->program);
    entry->used = ++cache->clock;
    cache->entries[cache->count++] = entry;
    *out = entry;
    return GM_OK;
}
