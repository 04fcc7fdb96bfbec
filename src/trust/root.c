#include "trust/root.h"

#include <assert.h>

#include "trust/blake3.h"
#include "trust/blake3_lanes.h"
#include "trust/blob_tree.h"

enum { TILES_PER_PIECE = GM_BLOB_PIECE_BYTES / GM_TILE_BYTES };

/* A tile as the hasher reads it: 16 rows of 64 bytes, each `stride` after the one before. */
struct tile_view {
    const uint8_t *start;
    size_t stride;
};

/* In the tensor's memory when the tile is whole, else packed with its padding into `scratch`. */
static struct tile_view tile_view(const struct gm_tile_layout *layout, const uint8_t *tensor,
                                  uint64_t tile, uint8_t scratch[GM_TILE_BYTES])
{
    if (layout->tiled) {
        uint64_t row = tile / layout->tile_columns * GM_TILE_SIDE;
        uint64_t column = tile % layout->tile_columns * GM_TILE_SIDE;
        if (row + GM_TILE_SIDE <= layout->rows && column + GM_TILE_SIDE <= layout->columns)
            return (struct tile_view){tensor + row * layout->row_size_bytes + column * 4,
                                      (size_t)layout->row_size_bytes};
    } else if ((tile + 1) * GM_TILE_BYTES <= layout->data_bytes) {
        return (struct tile_view){tensor + tile * GM_TILE_BYTES, GM_TILE_ROW_BYTES};
    }
    gm_tile_pack(layout, tensor, tile * GM_TILE_BYTES, scratch, GM_TILE_BYTES);
    return (struct tile_view){scratch, GM_TILE_ROW_BYTES};
}

static void hash_tiles(struct gm_blake3_tree *tree, const struct gm_tile_layout *layout,
                       const void *tensor, uint64_t first, uint64_t count)
{
    uint8_t scratch[GM_BLAKE3_LANES_MAX][GM_TILE_BYTES];
    const uint8_t *inputs[GM_BLAKE3_LANES_MAX];
    size_t strides[GM_BLAKE3_LANES_MAX];
    const size_t step_bytes = layout->tiled ? GM_TILE_ROW_BYTES : GM_TILE_BYTES;
    while (count > 0) {
        size_t n = count < GM_BLAKE3_LANES_MAX ? (size_t)count : GM_BLAKE3_LANES_MAX;
        for (size_t i = 0; i < n; i++) {
            struct tile_view view = tile_view(layout, tensor, first + i, scratch[i]);
            inputs[i] = view.start;
            strides[i] = view.stride;
        }
        gm_blake3_tree_chunks(tree, inputs, strides, n, step_bytes, first);
        first += n;
        count -= n;
    }
}

struct gm_hash gm_tensor_root(const struct gm_tile_layout *layout, const void *tensor)
{
    struct gm_blake3_tree tree;
    if (layout->tile_count <= 1) {
        uint8_t blob[GM_TILE_BYTES];
        gm_tile_pack(layout, tensor, 0, blob, (size_t)layout->blob_bytes);
        return gm_blake3(blob, (size_t)layout->blob_bytes);
    }
    gm_blake3_tree_init(&tree, NULL, 0);
    hash_tiles(&tree, layout, tensor, 0, layout->tile_count);
    return gm_blake3_tree_root(&tree);
}

struct gm_hash gm_tensor_piece_value(const struct gm_tile_layout *layout, const void *tensor,
                                     uint64_t index)
{
    struct gm_blake3_tree tree;
    assert(layout->blob_bytes > GM_BLOB_PIECE_BYTES);
    uint64_t tiles = gm_blob_piece_bytes(layout->blob_bytes, index) / GM_TILE_BYTES;
    gm_blake3_tree_init(&tree, NULL, 0);
    hash_tiles(&tree, layout, tensor, index * TILES_PER_PIECE, tiles);
    return gm_blake3_tree_inner(&tree);
}
