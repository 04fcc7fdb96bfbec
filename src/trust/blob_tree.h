/* Blobs in pieces of 1 MiB, each checked on arrival. A piece is a subtree of the blob's BLAKE3
   tree, so a list of 32-byte chaining values, one per piece, proves the blob's name and is proved
   by it: no second hash, no trust in the sender. A blob of one piece or none has no list: its name
   checks it. Any thread. */
#ifndef GM_TRUST_BLOB_TREE_H
#define GM_TRUST_BLOB_TREE_H

#include "base/bytes.h"
#include "trust/hash.h"

enum { GM_BLOB_PIECE_BYTES = 1 << 20 };

/* Pieces of a blob, the last one shorter; 0 for an empty blob. */
uint64_t gm_blob_piece_count(uint64_t size_bytes);
/* Bytes of piece `index`, which must be below the count. */
size_t gm_blob_piece_bytes(uint64_t size_bytes, uint64_t index);

/* The chaining value of one piece of a blob that has two pieces or more. */
struct gm_hash gm_blob_piece_value(uint64_t index, struct gm_bytes piece);
/* The name of a blob of two pieces or more from the chaining values of its pieces. */
struct gm_hash gm_blob_root(const struct gm_hash *values, uint64_t count);

/* Takes an untrusted list for a blob of this name and size: GM_UNTRUSTED when the list does not
   give the name, GM_INVALID when its length does not fit the size (0 values for up to one piece).
 */
enum gm_status gm_blob_list_check(const struct gm_hash *name, uint64_t size_bytes,
                                  const struct gm_hash *values, uint64_t count,
                                  struct gm_error *err) GM_MUST_USE;
/* Checks a piece against a list that was checked before (NULL for a blob of one piece): GM_INVALID
   for a wrong index or length, GM_UNTRUSTED for wrong bytes. */
enum gm_status gm_blob_piece_check(const struct gm_hash *name, uint64_t size_bytes,
                                   const struct gm_hash *values, uint64_t index,
                                   struct gm_bytes piece, struct gm_error *err) GM_MUST_USE;

#endif
