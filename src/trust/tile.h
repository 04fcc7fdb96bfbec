/* How a tensor's bytes lie in its blob. Fixed: other people's names depend on it.

   A tensor of 4-byte elements with two dimensions or more and a last dimension of 16 or more is a
   matrix (rows = product of the leading dimensions, columns = last dimension) cut into 16x16 tiles,
   tiles in row-major order, edge tiles padded with zeros; every other tensor is its row-major
   bytes, padded with zeros to whole chunks. A tile is 1 KiB, one BLAKE3 chunk, so that a tile can
   be opened against the tensor's name. An empty tensor has an empty blob. Little-endian elements.
 */
#ifndef GM_TRUST_TILE_H
#define GM_TRUST_TILE_H

#include "base/bytes.h"

enum { GM_TILE_RANK_MAX = 8, GM_TILE_BYTES = 1024, GM_TILE_SIDE = 16, GM_TILE_ROW_BYTES = 64 };

struct gm_tile_layout {
    uint64_t data_bytes; /* of the tensor in memory, row-major */
    uint64_t blob_bytes; /* tile_count * 1024 */
    uint64_t tile_count;
    bool tiled;              /* 16x16 tiles; the four below are 0 without */
    uint64_t rows, columns;  /* of the matrix, in elements */
    uint64_t tile_columns;   /* tiles in a row of tiles */
    uint64_t row_size_bytes; /* columns * 4 */
};

/* Elements of 1, 2, 4 or 8 bytes, rank up to 8. GM_INVALID for others, GM_LIMIT when a size does
   not fit 62 bits. Rank 0 is one element. */
enum gm_status gm_tile_layout_init(struct gm_tile_layout *layout, uint32_t element_bytes,
                                   uint32_t rank, const uint64_t *dims,
                                   struct gm_error *err) GM_MUST_USE;

/* Writes blob bytes [at, at + size_bytes) of the row-major tensor; the range lies in the blob. */
void gm_tile_pack(const struct gm_tile_layout *layout, const void *tensor, uint64_t at, void *out,
                  size_t size_bytes);
/* Puts blob bytes [at, at + size_bytes) into the row-major tensor; any cut, any order. GM_INVALID
   when padding is not zero (another tensor's blob, or a blob with two names), or when the range
   does not lie in the blob. */
enum gm_status gm_tile_unpack(const struct gm_tile_layout *layout, void *tensor, uint64_t at,
                              const void *blob, size_t size_bytes,
                              struct gm_error *err) GM_MUST_USE;

#endif
