/* Files of many blobs: what lies in them, until when, and how they are found again. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/blob_store_impl.h"
#include "trust/blake3.h"

/* ---- the list of packs: the lock is held ---- */

struct gm_blob_pack *gm_blob_pack_find(const struct gm_blob_store *store,
                                       const struct gm_hash *name)
{
    struct gm_blob_pack *pack = store->packs;
    while (pack != NULL && !gm_hash_equal(&pack->name, name))
        pack = pack->next;
    return pack;
}

struct gm_blob_pack *gm_blob_pack_add(struct gm_blob_store *store, const struct gm_hash *name,
                                      uint64_t size_bytes)
{
    struct gm_blob_pack *pack = gm_mem_new(1, sizeof *pack);
    if (pack == NULL)
        return NULL;
    *pack = (struct gm_blob_pack){.name = *name, .size_bytes = size_bytes, .next = store->packs};
    store->packs = pack;
    return pack;
}

void gm_blob_pack_settle(struct gm_blob_store *store, struct gm_blob_pack *pack)
{
    if (pack->live > 0)
        return;
    char name[GM_BLOB_NAME_CHARS];
    struct gm_blob_pack **at = &store->packs;
    while (*at != pack)
        at = &(*at)->next;
    *at = pack->next;
    (void)unlinkat(store->folder_fd, gm_blob_file_name(name, &pack->name, ".pack"), 0);
    store->used_bytes -= pack->size_bytes;
    gm_mem_free(pack);
}

void gm_blob_pack_leave(struct gm_blob_store *store, struct gm_blob_entry *entry)
{
    struct gm_blob_pack *pack = entry->pack;
    entry->pack = NULL;
    entry->offset_bytes = 0;
    pack->live--;
    gm_blob_pack_settle(store, pack);
}

enum gm_status gm_blob_pack_take(struct gm_blob_store *store, struct gm_blob_pack *pack,
                                 const struct gm_hash *root, uint64_t offset_bytes,
                                 uint64_t size_bytes, struct gm_blob_entry **out)
{
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, root);
    *out = entry;
    if (entry != NULL && !entry->partial)
        return GM_OK;
    if (entry != NULL && entry->open)
        return GM_BUSY;
    if (entry != NULL) {
        gm_blob_pieces_unlink(store, root);
        store->used_bytes -= entry->size_bytes;
    } else {
        entry = gm_blob_table_add(&store->table, root);
    }
    if (entry == NULL)
        return GM_NO_MEMORY;
    entry->size_bytes = size_bytes;
    entry->partial = false;
    entry->synced = false;
    entry->serial = store->serial;
    entry->pack = pack;
    entry->offset_bytes = offset_bytes;
    pack->live++;
    *out = entry;
    return GM_OK;
}

/* ---- opening ---- */

/* Reads what stands before the bytes. GM_INVALID: the file is too short for it. */
static enum gm_status list_read(int fd, const char *file, uint64_t size_bytes, struct gm_buf *list,
                                struct gm_error *err)
{
    uint8_t head[GM_BLOB_PACK_HEAD_BYTES];
    if (size_bytes < sizeof head)
        return gm_error_set(err, GM_INVALID, "%s: torn", file);
    GM_TRY(gm_blob_pread(fd, file, head, sizeof head, 0, err));
    uint32_t count = gm_load_u32(head + 4);
    uint64_t list_bytes = sizeof head + (uint64_t)count * GM_BLOB_PACK_ITEM_BYTES;
    if (gm_load_u32(head) != GM_BLOB_PACK_MAGIC || count > GM_BLOB_PACK_COUNT_MAX ||
        list_bytes > size_bytes)
        return gm_error_set(err, GM_INVALID, "%s: no list of blobs", file);
    uint8_t *room = gm_buf_extend(list, list_bytes);
    if (room == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", file);
    return gm_blob_pread(fd, file, room, list_bytes, 0, err);
}

/* Whether the list has the name that the file has, and says the size that the file is. */
static bool list_sound(struct gm_bytes list, const struct gm_hash *name, uint64_t size_bytes)
{
    uint64_t sum = list.size_bytes;
    for (size_t at = GM_BLOB_PACK_HEAD_BYTES; at < list.size_bytes; at += GM_BLOB_PACK_ITEM_BYTES) {
        if (!gm_u64_add(sum, gm_load_u64(list.data + at + GM_HASH_SIZE), &sum))
            return false;
    }
    struct gm_hash found = gm_blake3(list.data, list.size_bytes);
    return sum == size_bytes && gm_hash_equal(&found, name);
}

static enum gm_status list_count(struct gm_blob_store *store, const struct gm_hash *name,
                                 uint64_t size_bytes, struct gm_bytes list, struct gm_error *err)
{
    struct gm_blob_pack *pack = gm_blob_pack_add(store, name, size_bytes);
    if (pack == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    store->used_bytes += size_bytes;
    enum gm_status status = GM_OK;
    uint64_t offset_bytes = list.size_bytes;
    for (size_t at = GM_BLOB_PACK_HEAD_BYTES; at < list.size_bytes && status == GM_OK;
         at += GM_BLOB_PACK_ITEM_BYTES) {
        struct gm_hash root;
        struct gm_blob_entry *entry;
        memcpy(root.bytes, list.data + at, GM_HASH_SIZE);
        uint64_t bytes = gm_load_u64(list.data + at + GM_HASH_SIZE);
        status = gm_blob_pack_take(store, pack, &root, offset_bytes, bytes, &entry);
        if (status == GM_OK && entry->pack == pack)
            entry->synced = true; /* it survived */
        offset_bytes += bytes;
    }
    gm_blob_pack_settle(store, pack);
    return status == GM_OK ? GM_OK
                           : gm_error_set(err, status, "%s: not enough memory", store->folder);
}

enum gm_status gm_blob_pack_count(struct gm_blob_store *store, const struct gm_hash *name,
                                  uint64_t size_bytes, struct gm_error *err)
{
    char file[GM_BLOB_NAME_CHARS];
    struct gm_buf list;
    int fd = openat(store->folder_fd, gm_blob_file_name(file, name, ".pack"),
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return gm_error_errno(err, errno, file, "cannot open");
    gm_buf_init(&list, SIZE_MAX);
    enum gm_status status = list_read(fd, file, size_bytes, &list, err);
    (void)close(fd);
    bool torn = status == GM_INVALID ||
                (status == GM_OK && !list_sound(gm_buf_view(&list), name, size_bytes));
    if (torn) { /* by a power cut: no record speaks of it */
        (void)unlinkat(store->folder_fd, file, 0);
        status = GM_OK;
    } else if (status == GM_OK) {
        status = list_count(store, name, size_bytes, gm_buf_view(&list), err);
    }
    gm_buf_fini(&list);
    return status;
}
