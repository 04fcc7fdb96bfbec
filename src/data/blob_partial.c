/* A blob that arrives in pieces. "<hex>.part" has the blob's full size from the start; "<hex>.have"
   has one byte per piece, 1 when it was written. Neither is synced on the way: whoever opens them
   again checks every piece that claims to be there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/blob_store_impl.h"
#include "trust/blake3.h"

struct gm_blob_partial {
    struct gm_blob_store *store;
    struct gm_hash root;
    uint64_t size_bytes;
    uint64_t piece_count;
    struct gm_hash *values; /* NULL for one piece or none */
    uint8_t *have;          /* piece_count, 0 or 1 */
    int part_fd;
    int have_fd;
};

static void partial_free(struct gm_blob_partial *partial)
{
    if (partial->part_fd >= 0)
        (void)close(partial->part_fd);
    if (partial->have_fd >= 0)
        (void)close(partial->have_fd);
    gm_mem_free(partial->values);
    gm_mem_free(partial->have);
    gm_mem_free(partial);
}

/* Takes room for a new entry; one that is there may have been started with another size, by a
   sender whose claims did not hold. The lock is held. */
static enum gm_status size_reserve(struct gm_blob_store *store, struct gm_blob_entry *entry,
                                   uint64_t size_bytes, struct gm_error *err)
{
    uint64_t old_bytes = entry == NULL ? 0 : entry->size_bytes;
    store->used_bytes -= old_bytes;
    enum gm_status status = gm_blob_reserve_locked(store, size_bytes, err);
    if (status != GM_OK)
        store->used_bytes += old_bytes;
    else if (entry != NULL)
        entry->size_bytes = size_bytes;
    return status;
}

/* Finds or makes the entry, marks it open and holds it. */
static enum gm_status entry_claim(struct gm_blob_partial *partial, bool *resumed,
                                  struct gm_error *err)
{
    struct gm_blob_store *store = partial->store;
    char name[GM_BLOB_NAME_CHARS];
    gm_blob_file_name(name, &partial->root, "");
    enum gm_status status = GM_OK;
    (void)pthread_mutex_lock(&store->lock);
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, &partial->root);
    *resumed = entry != NULL;
    if (entry != NULL && !entry->partial)
        status = gm_error_set(err, GM_EXISTS, "blob %s is here already", name);
    else if (entry != NULL && entry->open)
        status = gm_error_set(err, GM_BUSY, "blob %s is being received", name);
    else
        status = size_reserve(store, entry, partial->size_bytes, err);
    if (status == GM_OK && entry == NULL) {
        entry = gm_blob_table_add(&store->table, &partial->root);
        if (entry == NULL) {
            store->used_bytes -= partial->size_bytes;
            status = gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
        } else {
            entry->size_bytes = partial->size_bytes;
            entry->partial = true;
        }
    }
    if (status == GM_OK) {
        entry->open = true;
        entry->holds++;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return status;
}

/* Undoes entry_claim; an entry that nobody holds goes with its files. */
static void entry_unclaim(struct gm_blob_partial *partial)
{
    struct gm_blob_store *store = partial->store;
    (void)pthread_mutex_lock(&store->lock);
    gm_blob_table_find(&store->table, &partial->root)->open = false;
    (void)pthread_mutex_unlock(&store->lock);
    gm_blob_store_release(store, &partial->root);
}

static enum gm_status file_open(struct gm_blob_partial *partial, const char *suffix,
                                uint64_t size_bytes, int *fd, struct gm_error *err)
{
    char name[GM_BLOB_NAME_CHARS];
    *fd = openat(partial->store->folder_fd, gm_blob_file_name(name, &partial->root, suffix),
                 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (*fd < 0)
        return gm_error_errno(err, errno, name, "cannot open");
    if (ftruncate(*fd, (off_t)size_bytes) != 0)
        return gm_error_errno(err, errno, name, "cannot set the size of");
    return GM_OK;
}

/* Believes no piece that does not check out. */
static enum gm_status pieces_check(struct gm_blob_partial *partial, struct gm_error *err)
{
    uint8_t *piece = gm_mem_new(1, GM_BLOB_PIECE_BYTES);
    if (piece == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", partial->store->folder);
    char name[GM_BLOB_NAME_CHARS];
    gm_blob_file_name(name, &partial->root, ".part");
    enum gm_status status =
        gm_blob_pread(partial->have_fd, name, partial->have, partial->piece_count, 0, err);
    for (uint64_t i = 0; i < partial->piece_count && status == GM_OK; i++) {
        struct gm_bytes bytes = {piece, gm_blob_piece_bytes(partial->size_bytes, i)};
        if (partial->have[i] != 0)
            status = gm_blob_pread(partial->part_fd, name, piece, bytes.size_bytes,
                                   i * GM_BLOB_PIECE_BYTES, err);
        if (status == GM_OK && partial->have[i] != 0)
            partial->have[i] = gm_blob_piece_check(&partial->root, partial->size_bytes,
                                                   partial->values, i, bytes, NULL) == GM_OK;
    }
    gm_mem_free(piece);
    return status;
}

static enum gm_status partial_begin(struct gm_blob_partial *partial, const struct gm_hash *values,
                                    uint64_t count, struct gm_error *err)
{
    partial->have = gm_mem_new(partial->piece_count, 1);
    if (count > 0)
        partial->values = gm_mem_new(count, sizeof *values);
    if (partial->have == NULL || (count > 0 && partial->values == NULL))
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", partial->store->folder);
    if (count > 0)
        memcpy(partial->values, values, count * sizeof *values);
    bool resumed;
    GM_TRY(entry_claim(partial, &resumed, err));
    enum gm_status status =
        file_open(partial, ".part", partial->size_bytes, &partial->part_fd, err);
    if (status == GM_OK)
        status = file_open(partial, ".have", partial->piece_count, &partial->have_fd, err);
    if (status == GM_OK && resumed)
        status = pieces_check(partial, err);
    if (status != GM_OK)
        entry_unclaim(partial);
    return status;
}

enum gm_status gm_blob_partial_open(struct gm_blob_store *store, const struct gm_hash *root,
                                    uint64_t size_bytes, const struct gm_hash *values,
                                    uint64_t count, struct gm_blob_partial **out,
                                    struct gm_error *err)
{
    *out = NULL;
    GM_TRY(gm_blob_list_check(root, size_bytes, values, count, err));
    /* A blob without pieces is checked by none. */
    struct gm_hash nothing = gm_blake3(NULL, 0);
    if (size_bytes == 0 && !gm_hash_equal(root, &nothing))
        return gm_error_set(err, GM_UNTRUSTED, "an empty blob does not have this name");
    struct gm_blob_partial *partial = gm_mem_new(1, sizeof *partial);
    if (partial == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    *partial = (struct gm_blob_partial){.store = store,
                                        .root = *root,
                                        .size_bytes = size_bytes,
                                        .piece_count = gm_blob_piece_count(size_bytes),
                                        .part_fd = -1,
                                        .have_fd = -1};
    enum gm_status status = partial_begin(partial, values, count, err);
    if (status != GM_OK) {
        partial_free(partial);
        return status;
    }
    *out = partial;
    return GM_OK;
}

uint64_t gm_blob_partial_missing(const struct gm_blob_partial *partial, uint64_t from)
{
    for (uint64_t i = from; i < partial->piece_count; i++) {
        if (partial->have[i] == 0)
            return i;
    }
    return UINT64_MAX;
}

enum gm_status gm_blob_partial_put(struct gm_blob_partial *partial, uint64_t index,
                                   struct gm_bytes piece, struct gm_error *err)
{
    GM_TRY(gm_blob_piece_check(&partial->root, partial->size_bytes, partial->values, index, piece,
                               err));
    const uint8_t yes = 1;
    const char *folder = partial->store->folder;
    GM_TRY(gm_blob_pwrite(partial->part_fd, folder, piece.data, piece.size_bytes,
                          index * GM_BLOB_PIECE_BYTES, err));
    GM_TRY(gm_blob_pwrite(partial->have_fd, folder, &yes, 1, index, err));
    partial->have[index] = 1;
    return GM_OK;
}

/* Gives the whole blob its name. The lock is held. */
static enum gm_status blob_name_locked(struct gm_blob_partial *partial, struct gm_blob_entry *entry,
                                       struct gm_error *err)
{
    char part[GM_BLOB_NAME_CHARS], whole[GM_BLOB_NAME_CHARS], have[GM_BLOB_NAME_CHARS];
    int fd = partial->store->folder_fd;
    if (renameat(fd, gm_blob_file_name(part, &partial->root, ".part"), fd,
                 gm_blob_file_name(whole, &partial->root, "")) != 0)
        return gm_error_errno(err, errno, whole, "cannot rename into place");
    (void)unlinkat(fd, gm_blob_file_name(have, &partial->root, ".have"), 0);
    entry->partial = false;
    entry->synced = false;
    entry->serial = ++partial->store->serial;
    return GM_OK;
}

enum gm_status gm_blob_partial_close(struct gm_blob_partial *partial, struct gm_error *err)
{
    struct gm_blob_store *store = partial->store;
    enum gm_status status = GM_OK;
    (void)pthread_mutex_lock(&store->lock);
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, &partial->root);
    entry->open = false;
    if (gm_blob_partial_missing(partial, 0) == UINT64_MAX)
        status = blob_name_locked(partial, entry, err);
    bool held = entry->holds > 0;
    (void)pthread_mutex_unlock(&store->lock);
    if (!held) { /* let go of while it was open: hold it once, to release it in the usual way */
        (void)gm_blob_store_hold(store, &partial->root);
        gm_blob_store_release(store, &partial->root);
    }
    partial_free(partial);
    return status;
}
