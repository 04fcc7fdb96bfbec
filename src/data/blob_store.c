#include "data/blob_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "data/blob_store_impl.h"

char *gm_blob_file_name(char out[GM_BLOB_NAME_CHARS], const struct gm_hash *root,
                        const char *suffix)
{
    char hex[GM_HASH_HEX_SIZE];
    (void)snprintf(out, GM_BLOB_NAME_CHARS, "%s%s", gm_hash_hex(hex, root), suffix);
    return out;
}

char *gm_blob_entry_file(char out[GM_BLOB_NAME_CHARS], const struct gm_blob_entry *entry)
{
    const struct gm_blob_pack *pack = entry->pack;
    return gm_blob_file_name(out, pack != NULL ? &pack->name : &entry->root,
                             pack != NULL ? ".pack" : "");
}

enum gm_status gm_blob_reserve_locked(struct gm_blob_store *store, uint64_t size_bytes,
                                      struct gm_error *err)
{
    uint64_t total;
    if (gm_u64_add(store->used_bytes, size_bytes, &total) &&
        (store->quota_bytes == 0 || total <= store->quota_bytes)) {
        store->used_bytes = total;
        return GM_OK;
    }
    char more[GM_TEXT_SIZE_CHARS], used[GM_TEXT_SIZE_CHARS], quota[GM_TEXT_SIZE_CHARS];
    return gm_error_set(err, GM_NO_SPACE, "%s: %s more do not fit: %s of the quota of %s are used",
                        store->folder, gm_text_from_size(more, size_bytes),
                        gm_text_from_size(used, store->used_bytes),
                        gm_text_from_size(quota, store->quota_bytes));
}

enum gm_status gm_blob_pread(int fd, const char *name, void *out, uint64_t size_bytes,
                             uint64_t offset_bytes, struct gm_error *err)
{
    uint8_t *at = out;
    while (size_bytes > 0) {
        ssize_t got = pread(fd, at, (size_t)size_bytes, (off_t)offset_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gm_error_errno(err, errno, name, "cannot read");
        if (got == 0)
            return gm_error_set(err, GM_IO, "%s: shorter than it should be", name);
        at += got;
        offset_bytes += (uint64_t)got;
        size_bytes -= (uint64_t)got;
    }
    return GM_OK;
}

enum gm_status gm_blob_pwrite(int fd, const char *name, const void *data, uint64_t size_bytes,
                              uint64_t offset_bytes, struct gm_error *err)
{
    const uint8_t *at = data;
    while (size_bytes > 0) {
        ssize_t put = pwrite(fd, at, (size_t)size_bytes, (off_t)offset_bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return gm_error_errno(err, errno, name, "cannot write");
        at += put;
        offset_bytes += (uint64_t)put;
        size_bytes -= (uint64_t)put;
    }
    return GM_OK;
}

/* ---- opening ---- */

void gm_blob_pieces_unlink(struct gm_blob_store *store, const struct gm_hash *root)
{
    char name[GM_BLOB_NAME_CHARS];
    (void)unlinkat(store->folder_fd, gm_blob_file_name(name, root, ".have"), 0);
    (void)unlinkat(store->folder_fd, gm_blob_file_name(name, root, ".part"), 0);
}

enum file_kind { FILE_WHOLE, FILE_PACK, FILE_PARTIAL };

/* "<hex>", "<hex>.pack" or "<hex>.part", a file: true. What writers left behind is removed here. */
static bool is_blob_file(struct gm_blob_store *store, const char *name, struct gm_hash *root,
                         enum file_kind *kind, uint64_t *size_bytes)
{
    char hex[GM_HASH_HEX_SIZE];
    (void)snprintf(hex, sizeof hex, "%.64s", name);
    if (strncmp(name, ".new-", 5) == 0)
        (void)unlinkat(store->folder_fd, name, 0);
    if (!gm_hash_from_hex(root, hex))
        return false;
    const char *suffix = name + 64;
    struct stat info;
    *kind = strcmp(suffix, ".part") == 0   ? FILE_PARTIAL
            : strcmp(suffix, ".pack") == 0 ? FILE_PACK
                                           : FILE_WHOLE;
    if (strcmp(suffix, ".have") == 0) { /* of no use without its bytes */
        char part[GM_BLOB_NAME_CHARS];
        gm_blob_file_name(part, root, ".part");
        if (fstatat(store->folder_fd, part, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            (void)unlinkat(store->folder_fd, name, 0);
        return false;
    }
    if ((*suffix != '\0' && *kind == FILE_WHOLE) ||
        fstatat(store->folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
        return false;
    *size_bytes = (uint64_t)info.st_size;
    return true;
}

static enum gm_status file_count(struct gm_blob_store *store, const char *name,
                                 struct gm_error *err)
{
    struct gm_hash root;
    enum file_kind kind;
    uint64_t size_bytes;
    if (!is_blob_file(store, name, &root, &kind, &size_bytes))
        return GM_OK;
    if (kind == FILE_PACK)
        return gm_blob_pack_count(store, &root, size_bytes, err);
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, &root);
    if (entry != NULL && kind == FILE_PARTIAL) { /* a crash came between its name and their end */
        gm_blob_pieces_unlink(store, &root);
        return GM_OK;
    }
    if (entry != NULL && entry->partial) {
        gm_blob_pieces_unlink(store, &root);
        store->used_bytes -= entry->size_bytes;
    } else if (entry != NULL) { /* it lies in a pack, too */
        gm_blob_pack_leave(store, entry);
    } else {
        entry = gm_blob_table_add(&store->table, &root);
    }
    if (entry == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", store->folder);
    entry->size_bytes = size_bytes;
    entry->partial = kind == FILE_PARTIAL;
    entry->synced = true; /* it survived */
    store->used_bytes += size_bytes;
    return GM_OK;
}

static enum gm_status folder_count(struct gm_blob_store *store, struct gm_error *err)
{
    int fd = dup(store->folder_fd);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        int error_number = errno;
        if (fd >= 0)
            (void)close(fd);
        return gm_error_errno(err, error_number, store->folder, "cannot list");
    }
    enum gm_status status = GM_OK;
    for (struct dirent *at = readdir(folder); at != NULL && status == GM_OK; at = readdir(folder))
        status = file_count(store, at->d_name, err);
    (void)closedir(folder);
    return status;
}

enum gm_status gm_blob_store_open(const char *folder, uint64_t quota_bytes,
                                  struct gm_blob_store **out, struct gm_error *err)
{
    *out = NULL;
    GM_TRY(gm_dir_make(folder, 0755, err));
    struct gm_blob_store *store = gm_mem_new(1, sizeof *store);
    if (store == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", folder);
    (void)pthread_mutex_init(&store->lock, NULL);
    store->quota_bytes = quota_bytes;
    store->folder = gm_mem_copy_text(folder);
    store->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum gm_status status = GM_OK;
    if (store->folder == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", folder);
    else if (store->folder_fd < 0)
        status = gm_error_errno(err, errno, folder, "cannot open");
    else
        status = folder_count(store, err);
    if (status != GM_OK) {
        gm_blob_store_close(store);
        return status;
    }
    *out = store;
    return GM_OK;
}

void gm_blob_store_close(struct gm_blob_store *store)
{
    if (store == NULL)
        return;
    if (store->folder_fd >= 0)
        (void)close(store->folder_fd);
    gm_blob_table_clear(&store->table);
    while (store->packs != NULL) {
        struct gm_blob_pack *pack = store->packs;
        store->packs = pack->next;
        gm_mem_free(pack);
    }
    (void)pthread_mutex_destroy(&store->lock);
    gm_mem_free(store->folder);
    gm_mem_free(store);
}

/* ---- reading ---- */

bool gm_blob_store_has(struct gm_blob_store *store, const struct gm_hash *root,
                       uint64_t *size_bytes)
{
    (void)pthread_mutex_lock(&store->lock);
    const struct gm_blob_entry *entry = gm_blob_table_find(&store->table, root);
    bool whole = entry != NULL && !entry->partial;
    if (whole && size_bytes != NULL)
        *size_bytes = entry->size_bytes;
    (void)pthread_mutex_unlock(&store->lock);
    return whole;
}

/* Where a whole blob lies: the name of its file, and its place in it. */
static bool blob_place(struct gm_blob_store *store, const struct gm_hash *root,
                       char file[GM_BLOB_NAME_CHARS], uint64_t *offset_bytes, uint64_t *size_bytes)
{
    (void)pthread_mutex_lock(&store->lock);
    const struct gm_blob_entry *entry = gm_blob_table_find(&store->table, root);
    bool whole = entry != NULL && !entry->partial;
    if (whole) {
        gm_blob_entry_file(file, entry);
        *offset_bytes = entry->offset_bytes;
        *size_bytes = entry->size_bytes;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return whole;
}

enum gm_status gm_blob_store_read(struct gm_blob_store *store, const struct gm_hash *root,
                                  uint64_t offset_bytes, void *out, uint64_t size_bytes,
                                  struct gm_error *err)
{
    char name[GM_BLOB_NAME_CHARS];
    char file[GM_BLOB_NAME_CHARS];
    gm_blob_file_name(name, root, "");
    uint64_t start_bytes;
    uint64_t blob_bytes;
    if (!blob_place(store, root, file, &start_bytes, &blob_bytes))
        return gm_error_set(err, GM_NOT_FOUND, "blob %s is not in %s", name, store->folder);
    if (offset_bytes > blob_bytes || size_bytes > blob_bytes - offset_bytes)
        return gm_error_set(err, GM_INVALID,
                            "blob %s: %" PRIu64 " bytes at %" PRIu64 " asked for, it has %" PRIu64,
                            name, size_bytes, offset_bytes, blob_bytes);
    int fd = openat(store->folder_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return gm_error_errno(err, errno, file, "cannot open");
    enum gm_status status =
        gm_blob_pread(fd, file, out, size_bytes, start_bytes + offset_bytes, err);
    (void)close(fd);
    return status;
}

enum gm_status gm_blob_store_reader(void *store, const struct gm_hash *root, uint64_t offset_bytes,
                                    void *out, uint64_t size_bytes, struct gm_error *err)
{
    return gm_blob_store_read(store, root, offset_bytes, out, size_bytes, err);
}

/* ---- keeping ---- */

/* The lock is held. Frees the entry. */
static void entry_remove(struct gm_blob_store *store, struct gm_blob_entry *entry)
{
    struct gm_hash root = entry->root;
    char name[GM_BLOB_NAME_CHARS];
    if (entry->pack != NULL) {
        gm_blob_pack_leave(store, entry);
    } else {
        store->used_bytes -= entry->size_bytes;
        if (entry->partial)
            gm_blob_pieces_unlink(store, &root);
        else
            (void)unlinkat(store->folder_fd, gm_blob_file_name(name, &root, ""), 0);
    }
    gm_blob_table_remove(&store->table, &root);
}

bool gm_blob_store_hold(struct gm_blob_store *store, const struct gm_hash *root)
{
    (void)pthread_mutex_lock(&store->lock);
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, root);
    if (entry != NULL)
        entry->holds++;
    (void)pthread_mutex_unlock(&store->lock);
    return entry != NULL;
}

void gm_blob_store_release(struct gm_blob_store *store, const struct gm_hash *root)
{
    (void)pthread_mutex_lock(&store->lock);
    struct gm_blob_entry *entry = gm_blob_table_find(&store->table, root);
    assert(entry != NULL && entry->holds > 0);
    entry->holds--;
    if (entry->holds == 0 && !entry->open)
        entry_remove(store, entry);
    (void)pthread_mutex_unlock(&store->lock);
}

void gm_blob_store_sweep(struct gm_blob_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < GM_BLOB_BUCKETS; i++) {
        struct gm_blob_entry *next;
        for (struct gm_blob_entry *entry = store->table.buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            if (entry->holds == 0 && !entry->open)
                entry_remove(store, entry);
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
}

uint64_t gm_blob_store_used_bytes(struct gm_blob_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    uint64_t used_bytes = store->used_bytes;
    (void)pthread_mutex_unlock(&store->lock);
    return used_bytes;
}

uint64_t gm_blob_store_quota_bytes(const struct gm_blob_store *store)
{
    return store->quota_bytes;
}
