/* A folder of blobs: whole ones, each a file named by its BLAKE3 in hex or one of several in a
   file, and ones whose pieces are still arriving.

   Every blob counts its holds. Releasing the last one removes the file. After gm_blob_store_open
   nothing is held: the owner holds what its records name, then sweeps the rest away. What fails
   halfway leaves no file under a blob's name.

   Threads: any, except for open and close; a writer or partial belongs to one thread at a time.
   Blocking: on the disk. */
#ifndef GM_DATA_BLOB_STORE_H
#define GM_DATA_BLOB_STORE_H

#include "base/bytes.h"
#include "trust/blob_tree.h"

struct gm_blob_store;

/* Makes the folder if need be, removes what an interrupted writer left, and counts what is there.
   `quota_bytes` 0: no quota. Files that are no blobs are left alone. */
enum gm_status gm_blob_store_open(const char *folder, uint64_t quota_bytes,
                                  struct gm_blob_store **out, struct gm_error *err) GM_MUST_USE;
void gm_blob_store_close(struct gm_blob_store *store); /* NULL is allowed */

/* Whole blobs only. */
bool gm_blob_store_has(struct gm_blob_store *store, const struct gm_hash *root,
                       uint64_t *size_bytes); /* size_bytes may be NULL */
/* Bytes [offset, offset + size) of a whole blob; GM_NOT_FOUND, or GM_INVALID when the range is not
   in it. */
enum gm_status gm_blob_store_read(struct gm_blob_store *store, const struct gm_hash *root,
                                  uint64_t offset_bytes, void *out, uint64_t size_bytes,
                                  struct gm_error *err) GM_MUST_USE;
/* The same with the store as `void *`: what struct gm_slice_reader and others take. */
enum gm_status gm_blob_store_reader(void *store, const struct gm_hash *root, uint64_t offset_bytes,
                                    void *out, uint64_t size_bytes,
                                    struct gm_error *err) GM_MUST_USE;

/* Whole or partial; false: there is no such blob. */
bool gm_blob_store_hold(struct gm_blob_store *store, const struct gm_hash *root);
/* Removes the blob with its last hold. The name must be held. */
void gm_blob_store_release(struct gm_blob_store *store, const struct gm_hash *root);
/* Removes everything that is not held and not being written. */
void gm_blob_store_sweep(struct gm_blob_store *store);

/* Bytes in use: whole blobs, partial ones at full size, files of several blobs as long as one of
   them is there, and what writers have written so far. */
uint64_t gm_blob_store_used_bytes(struct gm_blob_store *store);
uint64_t gm_blob_store_quota_bytes(const struct gm_blob_store *store); /* 0: none */

/* Makes all blobs that were put so far survive a power cut. One call before a record that names
   them is cheaper than a sync per blob, of which a step has hundreds. */
enum gm_status gm_blob_store_sync(struct gm_blob_store *store, struct gm_error *err) GM_MUST_USE;

/* ---- putting a blob whose bytes are here ---- */
struct gm_blob_writer;
enum gm_status gm_blob_writer_new(struct gm_blob_store *store, struct gm_blob_writer **out,
                                  struct gm_error *err) GM_MUST_USE;
/* The next bytes. GM_NO_SPACE names the quota, or the disk. */
enum gm_status gm_blob_writer_write(struct gm_blob_writer *writer, const void *data,
                                    uint64_t size_bytes, struct gm_error *err) GM_MUST_USE;
/* Gives the blob its name, held once more for the caller. Frees the writer in every case. */
enum gm_status gm_blob_writer_commit(struct gm_blob_writer *writer, struct gm_hash *root,
                                     struct gm_error *err) GM_MUST_USE;
void gm_blob_writer_discard(struct gm_blob_writer *writer); /* NULL is allowed */
/* All at once. */
enum gm_status gm_blob_store_put(struct gm_blob_store *store, struct gm_bytes bytes,
                                 struct gm_hash *root, struct gm_error *err) GM_MUST_USE;
/* Several small blobs, names[i] that of blobs[i], each held once more for the caller; all or none.
   They share a file: making, syncing and removing a file costs more than writing a small one, and a
   step of training leaves hundreds. Room is free again when the last of them is released. */
enum gm_status gm_blob_store_put_many(struct gm_blob_store *store, const struct gm_bytes *blobs,
                                      const struct gm_hash *names, size_t count,
                                      struct gm_error *err) GM_MUST_USE;

/* ---- receiving a blob in pieces (trust/blob_tree.h), in any order, across restarts ---- */
struct gm_blob_partial;
/* Starts, or goes on with, the blob of that name and size. `values` is the sender's list of piece
   chaining values (`count`; 0 for a blob of one piece), checked here. Pieces that are there already
   are checked again, so that a torn write is fetched anew. The blob's name is held once more for
   the caller. GM_EXISTS: the whole blob is here (nothing is held); GM_BUSY: another partial of it
   is open. */
enum gm_status gm_blob_partial_open(struct gm_blob_store *store, const struct gm_hash *root,
                                    uint64_t size_bytes, const struct gm_hash *values,
                                    uint64_t count, struct gm_blob_partial **out,
                                    struct gm_error *err) GM_MUST_USE;
/* The first missing piece at or after `from`, or UINT64_MAX. */
uint64_t gm_blob_partial_missing(const struct gm_blob_partial *partial, uint64_t from);
/* Checks and keeps one piece. GM_UNTRUSTED: wrong bytes, nothing changed. */
enum gm_status gm_blob_partial_put(struct gm_blob_partial *partial, uint64_t index,
                                   struct gm_bytes piece, struct gm_error *err) GM_MUST_USE;
/* When no piece is missing the blob is whole from now on; otherwise its pieces stay for another
   partial, as long as the name is held. Frees the partial, whatever it returns. */
enum gm_status gm_blob_partial_close(struct gm_blob_partial *partial,
                                     struct gm_error *err) GM_MUST_USE;

#endif
