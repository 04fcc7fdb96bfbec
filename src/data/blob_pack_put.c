/* Putting many small blobs at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/blob_store_impl.h"
#include "trust/blake3.h"

/* A call's blobs: which of them are new, and what stands at the beginning of their file. */
struct packing {
    struct gm_blob_store *store;
    const struct gm_bytes *blobs;
    const struct gm_hash *names;
    size_t count;
    bool *fresh;
    size_t fresh_count;
    size_t held_count; /* names[0 .. held_count) are held for the caller */
    struct gm_buf list;
    struct gm_hash name;
    char *temporary;
    int fd;
    uint64_t size_bytes; /* reserved */
};

static void fresh_find(struct packing *packing)
{
    struct gm_blob_store *store = packing->store;
    (void)pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < packing->count; i++) {
        const struct gm_blob_entry *entry = gm_blob_table_find(&store->table, &packing->names[i]);
        packing->fresh[i] = entry == NULL || entry->partial;
        packing->fresh_count += packing->fresh[i];
    }
    (void)pthread_mutex_unlock(&store->lock);
}

static enum gm_status list_make(struct packing *packing, struct gm_error *err)
{
    struct gm_buf *list = &packing->list;
    size_t size = GM_BLOB_PACK_HEAD_BYTES + packing->fresh_count * GM_BLOB_PACK_ITEM_BYTES;
    gm_buf_init(list, size);
    uint8_t *at = gm_buf_extend(list, size);
    if (at == NULL)
        return gm_error_set(err, list->status, "%s: not enough memory", packing->store->folder);
    gm_store_u32(at, GM_BLOB_PACK_MAGIC);
    gm_store_u32(at + 4, (uint32_t)packing->fresh_count);
    at += GM_BLOB_PACK_HEAD_BYTES;
    packing->size_bytes = size;
    for (size_t i = 0; i < packing->count; i++) {
        if (!packing->fresh[i])
            continue;
        memcpy(at, packing->names[i].bytes, GM_HASH_SIZE);
        gm_store_u64(at + GM_HASH_SIZE, packing->blobs[i].size_bytes);
        at += GM_BLOB_PACK_ITEM_BYTES;
        packing->size_bytes += packing->blobs[i].size_bytes;
    }
    packing->name = gm_blake3(list->data, list->size_bytes);
    return GM_OK;
}

static enum gm_status file_fill(struct packing *packing, struct gm_error *err)
{
    const char *folder = packing->store->folder;
    uint64_t at = packing->list.size_bytes;
    GM_TRY(gm_blob_pwrite(packing->fd, folder, packing->list.data, at, 0, err));
    for (size_t i = 0; i < packing->count; i++) {
        const struct gm_bytes *blob = &packing->blobs[i];
        if (!packing->fresh[i])
            continue;
        GM_TRY(gm_blob_pwrite(packing->fd, folder, blob->data, blob->size_bytes, at, err));
        at += blob->size_bytes;
    }
    return GM_OK;
}

static enum gm_status file_make(struct packing *packing, struct gm_error *err)
{
    struct gm_blob_store *store = packing->store;
    packing->temporary = gm_path_join(store->folder, ".new-XXXXXX");
    if (packing->temporary == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    packing->fd = mkstemp(packing->temporary);
    if (packing->fd < 0)
        return gm_error_errno(err, errno, store->folder, "cannot create a file in it");
    enum gm_status status = file_fill(packing, err);
    (void)close(packing->fd);
    if (status != GM_OK)
        (void)unlink(packing->temporary);
    return status;
}

/* The file gets its name and the pack its place. A pack of this name holds these bytes already. The
   lock is held. */
static enum gm_status file_name(struct packing *packing, struct gm_blob_pack **out,
                                struct gm_error *err)
{
    struct gm_blob_store *store = packing->store;
    char name[GM_BLOB_NAME_CHARS];
    *out = gm_blob_pack_find(store, &packing->name);
    if (*out != NULL) {
        (void)unlink(packing->temporary);
        store->used_bytes -= packing->size_bytes;
        return GM_OK;
    }
    *out = gm_blob_pack_add(store, &packing->name, packing->size_bytes);
    enum gm_status status = GM_OK;
    if (*out == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    else if (renameat(store->folder_fd, strrchr(packing->temporary, '/') + 1, store->folder_fd,
                      gm_blob_file_name(name, &packing->name, ".pack")) != 0)
        status = gm_error_errno(err, errno, name, "cannot rename into place");
    if (status == GM_OK)
        return GM_OK;
    (void)unlink(packing->temporary);
    if (*out != NULL)
        gm_blob_pack_settle(store, *out);
    else
        store->used_bytes -= packing->size_bytes;
    return status;
}

/* Enters the blobs and holds every one. The lock is held. */
static enum gm_status blobs_take(struct packing *packing, struct gm_blob_pack *pack,
                                 struct gm_error *err)
{
    struct gm_blob_store *store = packing->store;
    uint64_t at = packing->list.size_bytes;
    enum gm_status status = GM_OK;
    store->serial++;
    for (size_t i = 0; i < packing->count && status == GM_OK; i++) {
        uint64_t size_bytes = packing->blobs[i].size_bytes;
        struct gm_blob_entry *entry = gm_blob_table_find(&store->table, &packing->names[i]);
        if (packing->fresh[i]) {
            status = gm_blob_pack_take(store, pack, &packing->names[i], at, size_bytes, &entry);
            at += size_bytes;
        } else if (entry == NULL || entry->partial) {
            status = GM_BUSY; /* it was here, and went meanwhile: the caller tries again */
        }
        if (status == GM_OK) {
            entry->holds++;
            packing->held_count = i + 1;
        }
    }
    if (pack != NULL)
        gm_blob_pack_settle(store, pack);
    return status == GM_OK
               ? GM_OK
               : gm_error_set(err, status, "%s: %s", store->folder, gm_status_sentence(status));
}

static void holds_undo(struct packing *packing)
{
    for (size_t i = 0; i < packing->held_count; i++)
        gm_blob_store_release(packing->store, &packing->names[i]);
}

/* All of it is here already. */
static enum gm_status known_hold(struct packing *packing, struct gm_error *err)
{
    (void)pthread_mutex_lock(&packing->store->lock);
    enum gm_status status = blobs_take(packing, NULL, err);
    (void)pthread_mutex_unlock(&packing->store->lock);
    if (status != GM_OK)
        holds_undo(packing);
    return status;
}

static enum gm_status packing_do(struct packing *packing, struct gm_error *err)
{
    struct gm_blob_store *store = packing->store;
    struct gm_blob_pack *pack;
    GM_TRY(list_make(packing, err));
    (void)pthread_mutex_lock(&store->lock);
    enum gm_status status = gm_blob_reserve_locked(store, packing->size_bytes, err);
    (void)pthread_mutex_unlock(&store->lock);
    if (status != GM_OK)
        return status;
    status = file_make(packing, err);
    (void)pthread_mutex_lock(&store->lock);
    if (status != GM_OK)
        store->used_bytes -= packing->size_bytes;
    else
        status = file_name(packing, &pack, err);
    if (status == GM_OK)
        status = blobs_take(packing, pack, err);
    (void)pthread_mutex_unlock(&store->lock);
    if (status != GM_OK)
        holds_undo(packing);
    return status;
}

enum gm_status gm_blob_store_put_many(struct gm_blob_store *store, const struct gm_bytes *blobs,
                                      const struct gm_hash *names, size_t count,
                                      struct gm_error *err)
{
    if (count > GM_BLOB_PACK_COUNT_MAX)
        return gm_error_set(err, GM_LIMIT, "%zu blobs at once, at most %d", count,
                            GM_BLOB_PACK_COUNT_MAX);
    struct packing packing = {
        .store = store, .blobs = blobs, .names = names, .count = count, .fd = -1};
    packing.fresh = gm_mem_new(count, sizeof *packing.fresh);
    if (packing.fresh == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    fresh_find(&packing);
    enum gm_status status =
        packing.fresh_count > 0 ? packing_do(&packing, err) : known_hold(&packing, err);
    gm_buf_fini(&packing.list);
    gm_mem_free(packing.temporary);
    gm_mem_free(packing.fresh);
    return status;
}
