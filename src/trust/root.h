/* Tensor roots: a tensor's name is the BLAKE3 of its blob (trust/tile.h), so that `b3sum` of the
   blob's file shows it. Hashed straight from row-major memory: tiles are read where they lie and no
   blob is made. Any thread. */
#ifndef GM_TRUST_ROOT_H
#define GM_TRUST_ROOT_H

#include "trust/hash.h"
#include "trust/tile.h"

/* `tensor` has layout->data_bytes bytes and may be NULL when that is 0. */
struct gm_hash gm_tensor_root(const struct gm_tile_layout *layout, const void *tensor);

/* The same in parts, so that threads can share a large tensor: the chaining value of piece `index`
   of the blob (trust/blob_tree.h; only for blobs of two pieces or more). gm_blob_root of all the
   values is the tensor's root. */
struct gm_hash gm_tensor_piece_value(const struct gm_tile_layout *layout, const void *tensor,
                                     uint64_t index);

#endif
