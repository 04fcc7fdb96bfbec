#include "trust/blob_tree.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "kernels/num/blake3.h"
#include "trust/blake3.h"

enum { CHUNKS_PER_PIECE = GM_BLOB_PIECE_BYTES / 1024 };

uint64_t gm_blob_piece_count(uint64_t size_bytes)
{
    return size_bytes / GM_BLOB_PIECE_BYTES + (size_bytes % GM_BLOB_PIECE_BYTES != 0);
}

size_t gm_blob_piece_bytes(uint64_t size_bytes, uint64_t index)
{
    assert(index < gm_blob_piece_count(size_bytes));
    uint64_t left = size_bytes - index * GM_BLOB_PIECE_BYTES;
    return left < GM_BLOB_PIECE_BYTES ? (size_t)left : GM_BLOB_PIECE_BYTES;
}

struct gm_hash gm_blob_piece_value(uint64_t index, struct gm_bytes piece)
{
    struct gm_blake3_tree tree;
    uint64_t counter = index * CHUNKS_PER_PIECE;
    size_t chunks = piece.size_bytes / GM_BLAKE3_CHUNK_BYTES;
    size_t tail_bytes = piece.size_bytes % GM_BLAKE3_CHUNK_BYTES;
    assert(piece.size_bytes > 0 && piece.size_bytes <= GM_BLOB_PIECE_BYTES);
    gm_blake3_tree_init(&tree, NULL, 0);
    gm_blake3_tree_bytes(&tree, piece.data, chunks, counter);
    if (tail_bytes > 0)
        gm_blake3_tree_last(&tree, piece.data + chunks * GM_BLAKE3_CHUNK_BYTES, tail_bytes,
                            counter + chunks);
    return gm_blake3_tree_inner(&tree);
}

struct gm_hash gm_blob_root(const struct gm_hash *values, uint64_t count)
{
    struct gm_blake3_tree tree;
    assert(count >= 2);
    gm_blake3_tree_init(&tree, NULL, 0);
    while (count > 0) {
        size_t n;
        uint8_t *leaves = gm_blake3_tree_room(&tree, &n);
        n = count < n ? (size_t)count : n;
        memcpy(leaves, values, n * sizeof *values);
        tree.leaf_count += n;
        values += n;
        count -= n;
    }
    return gm_blake3_tree_root(&tree);
}

enum gm_status gm_blob_list_check(const struct gm_hash *name, uint64_t size_bytes,
                                  const struct gm_hash *values, uint64_t count,
                                  struct gm_error *err)
{
    char hex[GM_HASH_HEX_SIZE];
    uint64_t pieces = gm_blob_piece_count(size_bytes);
    uint64_t wanted = pieces > 1 ? pieces : 0;
    if (count != wanted)
        return gm_error_set(err, GM_INVALID,
                            "blob %.12s of %" PRIu64 " bytes: expected %" PRIu64
                            " piece values, found %" PRIu64,
                            gm_hash_hex(hex, name), size_bytes, wanted, count);
    if (count == 0)
        return GM_OK;
    struct gm_hash root = gm_blob_root(values, count);
    if (!gm_hash_equal(&root, name))
        return gm_error_set(err, GM_UNTRUSTED, "blob %.12s: its list of pieces is not its own",
                            gm_hash_hex(hex, name));
    return GM_OK;
}

enum gm_status gm_blob_piece_check(const struct gm_hash *name, uint64_t size_bytes,
                                   const struct gm_hash *values, uint64_t index,
                                   struct gm_bytes piece, struct gm_error *err)
{
    char hex[GM_HASH_HEX_SIZE];
    uint64_t pieces = gm_blob_piece_count(size_bytes);
    if (index >= pieces)
        return gm_error_set(err, GM_INVALID,
                            "blob %.12s: piece %" PRIu64 " of a blob with %" PRIu64,
                            gm_hash_hex(hex, name), index, pieces);
    if (piece.size_bytes != gm_blob_piece_bytes(size_bytes, index))
        return gm_error_set(err, GM_INVALID,
                            "blob %.12s: piece %" PRIu64 " has %zu bytes, expected %zu",
                            gm_hash_hex(hex, name), index, piece.size_bytes,
                            gm_blob_piece_bytes(size_bytes, index));
    const struct gm_hash *wanted = pieces == 1 ? name : &values[index];
    struct gm_hash found =
        pieces == 1 ? gm_blake3(piece.data, piece.size_bytes) : gm_blob_piece_value(index, piece);
    if (!gm_hash_equal(&found, wanted))
        return gm_error_set(err, GM_UNTRUSTED, "blob %.12s: piece %" PRIu64 " holds wrong bytes",
                            gm_hash_hex(hex, name), index);
    return GM_OK;
}
