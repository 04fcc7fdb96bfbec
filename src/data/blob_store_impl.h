/* Inside the blob store: its state, shared by the files that read, put and receive. */
#ifndef GM_DATA_BLOB_STORE_IMPL_H
#define GM_DATA_BLOB_STORE_IMPL_H

#include <pthread.h>

#include "data/blob_store.h"
#include "data/blob_table.h"

/* A file of many blobs. It goes with the last of them; until then its whole size counts. */
struct gm_blob_pack {
    struct gm_hash name; /* BLAKE3 of its list */
    uint64_t size_bytes;
    size_t live; /* entries of the table that lie in it */
    struct gm_blob_pack *next;
};

struct gm_blob_store {
    char *folder;
    int folder_fd;
    uint64_t quota_bytes;
    pthread_mutex_t lock; /* over what follows */
    uint64_t used_bytes;
    uint64_t serial;
    struct gm_blob_table table;
    struct gm_blob_pack *packs;
};

/* Names in the folder: "<hex>", "<hex>.pack" (many blobs), "<hex>.part" (a partial's bytes),
   "<hex>.have" (its pieces), and ".new-XXXXXX" while a writer is at work. */
enum { GM_BLOB_NAME_CHARS = GM_HASH_HEX_SIZE + 8 };
char *gm_blob_file_name(char out[GM_BLOB_NAME_CHARS], const struct gm_hash *root,
                        const char *suffix);
/* The file in which a whole blob lies. */
char *gm_blob_entry_file(char out[GM_BLOB_NAME_CHARS], const struct gm_blob_entry *entry);

/* Takes `size_bytes` of the quota, or refuses with GM_NO_SPACE. The lock is held by the caller. */
enum gm_status gm_blob_reserve_locked(struct gm_blob_store *store, uint64_t size_bytes,
                                      struct gm_error *err) GM_MUST_USE;

/* All bytes at that place, or an error that names the file. */
enum gm_status gm_blob_pread(int fd, const char *name, void *out, uint64_t size_bytes,
                             uint64_t offset_bytes, struct gm_error *err) GM_MUST_USE;
enum gm_status gm_blob_pwrite(int fd, const char *name, const void *data, uint64_t size_bytes,
                              uint64_t offset_bytes, struct gm_error *err) GM_MUST_USE;

/* ---- files of many blobs: a magic word, their count, a list of names and sizes, then their bytes
   in that order. Their name is the BLAKE3 of what stands before the bytes ---- */
enum {
    GM_BLOB_PACK_MAGIC = 0x4b504d47, /* "GMPK" */
    GM_BLOB_PACK_HEAD_BYTES = 8,
    GM_BLOB_PACK_ITEM_BYTES = GM_HASH_SIZE + 8,
    GM_BLOB_PACK_COUNT_MAX = 1 << 16,
};

/* Takes up a pack that lies in the folder; one that is torn is removed. No other thread yet. */
enum gm_status gm_blob_pack_count(struct gm_blob_store *store, const struct gm_hash *name,
                                  uint64_t size_bytes, struct gm_error *err) GM_MUST_USE;
/* For all that follow the lock is held by the caller. */
struct gm_blob_pack *gm_blob_pack_find(const struct gm_blob_store *store,
                                       const struct gm_hash *name);
/* A pack in which nothing lies yet; NULL without memory. Its size is in used_bytes already. */
struct gm_blob_pack *gm_blob_pack_add(struct gm_blob_store *store, const struct gm_hash *name,
                                      uint64_t size_bytes);
/* The blob of that name lies in the pack from now on, unless it is here whole already. The entry
   that is there may be of pieces; they are not needed any more. GM_BUSY: they are arriving. */
enum gm_status gm_blob_pack_take(struct gm_blob_store *store, struct gm_blob_pack *pack,
                                 const struct gm_hash *root, uint64_t offset_bytes,
                                 uint64_t size_bytes, struct gm_blob_entry **out) GM_MUST_USE;
/* The entry no longer lies in its pack. */
void gm_blob_pack_leave(struct gm_blob_store *store, struct gm_blob_entry *entry);
/* A pack in which nothing lies goes with its file. */
void gm_blob_pack_settle(struct gm_blob_store *store, struct gm_blob_pack *pack);

/* Removes a partial's two files. */
void gm_blob_pieces_unlink(struct gm_blob_store *store, const struct gm_hash *root);

#endif
