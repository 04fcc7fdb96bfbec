#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/blob_store_impl.h"
#include "trust/blake3.h"

struct gm_blob_writer {
    struct gm_blob_store *store;
    struct gm_blake3 hasher;
    uint64_t size_bytes;
    int fd;
    char *path; /* of the temporary file */
};

enum gm_status gm_blob_writer_new(struct gm_blob_store *store, struct gm_blob_writer **out,
                                  struct gm_error *err)
{
    *out = NULL;
    struct gm_blob_writer *writer = gm_mem_new(1, sizeof *writer);
    char *path = gm_path_join(store->folder, ".new-XXXXXX");
    if (writer == NULL || path == NULL) {
        gm_mem_free(writer);
        gm_mem_free(path);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    }
    writer->store = store;
    writer->path = path;
    gm_blake3_init(&writer->hasher);
    writer->fd = mkstemp(path);
    if (writer->fd < 0) {
        int error_number = errno;
        gm_mem_free(path);
        gm_mem_free(writer);
        return gm_error_errno(err, error_number, store->folder, "cannot create a file in it");
    }
    *out = writer;
    return GM_OK;
}

enum gm_status gm_blob_writer_write(struct gm_blob_writer *writer, const void *data,
                                    uint64_t size_bytes, struct gm_error *err)
{
    struct gm_blob_store *store = writer->store;
    (void)pthread_mutex_lock(&store->lock);
    enum gm_status status = gm_blob_reserve_locked(store, size_bytes, err);
    (void)pthread_mutex_unlock(&store->lock);
    if (status != GM_OK)
        return status;
    uint64_t offset_bytes = writer->size_bytes;
    writer->size_bytes += size_bytes; /* reserved from now on, written or not */
    GM_TRY(gm_blob_pwrite(writer->fd, store->folder, data, size_bytes, offset_bytes, err));
    gm_blake3_update(&writer->hasher, data, (size_t)size_bytes);
    return GM_OK;
}

/* Renames the file to its name, or drops it when that blob is here already. The lock is held. */
static enum gm_status blob_name_locked(struct gm_blob_writer *writer, const struct gm_hash *root,
                                       struct gm_error *err)
{
    struct gm_blob_store *store = writer->store;
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, root);
    if (entry != NULL && !entry->partial) {
        entry->holds++;
        return GM_OK;
    }
    char name[GM_BLOB_NAME_CHARS];
    const char *temporary = strrchr(writer->path, '/') + 1;
    if (entry != NULL && entry->open)
        return gm_error_set(err, GM_BUSY, "blob %s is being received",
                            gm_blob_file_name(name, root, ""));
    struct gm_blob_entry *added = entry == NULL ? gm_blob_table_add(&store->table, root) : entry;
    if (added == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    if (renameat(store->folder_fd, temporary, store->folder_fd,
                 gm_blob_file_name(name, root, "")) != 0) {
        int error_number = errno;
        if (entry == NULL)
            gm_blob_table_remove(&store->table, root);
        return gm_error_errno(err, error_number, name, "cannot rename into place");
    }
    writer->path[0] = '\0'; /* it has its name: nothing to remove */
    if (entry != NULL) {    /* its pieces are not needed any more */
        gm_blob_pieces_unlink(store, root);
        store->used_bytes -= entry->size_bytes;
    }
    added->size_bytes = writer->size_bytes;
    added->partial = false;
    added->synced = false;
    added->serial = ++store->serial;
    added->holds++;
    writer->size_bytes = 0; /* the entry accounts for it */
    return GM_OK;
}

enum gm_status gm_blob_writer_commit(struct gm_blob_writer *writer, struct gm_hash *root,
                                     struct gm_error *err)
{
    *root = gm_blake3_final(&writer->hasher);
    (void)pthread_mutex_lock(&writer->store->lock);
    enum gm_status status = blob_name_locked(writer, root, err);
    (void)pthread_mutex_unlock(&writer->store->lock);
    gm_blob_writer_discard(writer);
    return status;
}

void gm_blob_writer_discard(struct gm_blob_writer *writer)
{
    if (writer == NULL)
        return;
    (void)close(writer->fd);
    if (writer->path[0] != '\0')
        (void)unlink(writer->path);
    (void)pthread_mutex_lock(&writer->store->lock);
    writer->store->used_bytes -= writer->size_bytes;
    (void)pthread_mutex_unlock(&writer->store->lock);
    gm_mem_free(writer->path);
    gm_mem_free(writer);
}

enum gm_status gm_blob_store_put(struct gm_blob_store *store, struct gm_bytes bytes,
                                 struct gm_hash *root, struct gm_error *err)
{
    struct gm_blob_writer *writer;
    GM_TRY(gm_blob_writer_new(store, &writer, err));
    enum gm_status status = gm_blob_writer_write(writer, bytes.data, bytes.size_bytes, err);
    if (status != GM_OK) {
        gm_blob_writer_discard(writer);
        return status;
    }
    return gm_blob_writer_commit(writer, root, err);
}
