/* Making blobs survive a power cut. The lock is not held while the disk is at work: who only asks
   whether a blob is there must not wait for it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "data/blob_store_impl.h"

enum { FILES_AT_ONCE = 64 };

/* Files that are not known to be on the disk. */
struct unsynced {
    size_t count;
    uint64_t serials[FILES_AT_ONCE];
    char names[FILES_AT_ONCE][GM_BLOB_NAME_CHARS];
};

static bool listed(const struct unsynced *list, const struct gm_blob_entry *entry)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->serials[i] == entry->serial)
            return true;
    }
    return false;
}

static void unsynced_find(struct gm_blob_store *store, struct unsynced *list)
{
    list->count = 0;
    (void)pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < GM_BLOB_BUCKETS; i++) {
        const struct gm_blob_entry *entry = store->table.buckets[i];
        for (; entry != NULL && list->count < FILES_AT_ONCE; entry = entry->next) {
            if (entry->synced || entry->partial || listed(list, entry))
                continue;
            gm_blob_entry_file(list->names[list->count], entry);
            list->serials[list->count++] = entry->serial;
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
}

/* One that was removed meanwhile needs no disk. */
static enum gm_status file_sync(struct gm_blob_store *store, const char *name, struct gm_error *err)
{
    int fd = openat(store->folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? GM_OK : gm_error_errno(err, errno, name, "cannot open");
    int rc = fsync(fd);
    int error_number = errno;
    (void)close(fd);
    return rc == 0 ? GM_OK : gm_error_errno(err, error_number, name, "cannot sync");
}

static enum gm_status files_sync(struct gm_blob_store *store, const struct unsynced *list,
                                 struct gm_error *err)
{
    for (size_t i = 0; i < list->count; i++)
        GM_TRY(file_sync(store, list->names[i], err));
    if (list->count > 0 && fsync(store->folder_fd) != 0)
        return gm_error_errno(err, errno, store->folder, "cannot sync");
    return GM_OK;
}

static void synced_mark(struct gm_blob_store *store, const struct unsynced *list)
{
    (void)pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < GM_BLOB_BUCKETS; i++) {
        struct gm_blob_entry *entry = store->table.buckets[i];
        for (; entry != NULL; entry = entry->next)
            entry->synced = entry->synced || (!entry->partial && listed(list, entry));
    }
    (void)pthread_mutex_unlock(&store->lock);
}

enum gm_status gm_blob_store_sync(struct gm_blob_store *store, struct gm_error *err)
{
    struct unsynced list;
    do {
        unsynced_find(store, &list);
        GM_TRY(files_sync(store, &list, err));
        synced_mark(store, &list);
    } while (list.count == FILES_AT_ONCE);
    return GM_OK;
}
