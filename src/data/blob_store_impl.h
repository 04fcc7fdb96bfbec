/* Inside the blob store: its state, shared by the files that read, put and receive. */
#ifndef GM_DATA_BLOB_STORE_IMPL_H
#define GM_DATA_BLOB_STORE_IMPL_H

#include <pthread.h>

#include "data/blob_store.h"
#include "data/blob_table.h"

struct gm_blob_store {
    char *folder;
    int folder_fd;
    uint64_t quota_bytes;
    pthread_mutex_t lock; /* over what follows */
    uint64_t used_bytes;
    struct gm_blob_table table;
};

/* Names in the folder: "<hex>", "<hex>.part" (a partial's bytes), "<hex>.have" (its pieces), and
   ".new-XXXXXX" while a writer is at work. */
enum { GM_BLOB_NAME_CHARS = GM_HASH_HEX_SIZE + 8 };
char *gm_blob_file_name(char out[GM_BLOB_NAME_CHARS], const struct gm_hash *root,
                        const char *suffix);

/* Takes `size_bytes` of the quota, or refuses with GM_NO_SPACE. The lock is held by the caller. */
enum gm_status gm_blob_reserve_locked(struct gm_blob_store *store, uint64_t size_bytes,
                                      struct gm_error *err) GM_MUST_USE;

/* All bytes at that place, or an error that names the file. */
enum gm_status gm_blob_pread(int fd, const char *name, void *out, uint64_t size_bytes,
                             uint64_t offset_bytes, struct gm_error *err) GM_MUST_USE;
enum gm_status gm_blob_pwrite(int fd, const char *name, const void *data, uint64_t size_bytes,
                              uint64_t offset_bytes, struct gm_error *err) GM_MUST_USE;

#endif
