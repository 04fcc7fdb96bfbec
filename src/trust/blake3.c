#include "trust/blake3.h"

#include <string.h>

#include "base/bytes.h"
#include "kernels/num/blake3.h"
#include "trust/blake3_lanes.h"

static void init_mode(struct gm_blake3 *hasher, const uint32_t *key, uint32_t flags)
{
    gm_blake3_tree_init(&hasher->tree, key, flags);
    hasher->chunk_bytes = 0;
    hasher->chunk_count = 0;
}

static void init_with_key(struct gm_blake3 *hasher, const uint8_t key[32], uint32_t flags)
{
    uint32_t words[8];
    for (int w = 0; w < 8; w++)
        words[w] = gm_load_u32(key + 4 * w);
    init_mode(hasher, words, flags);
}

void gm_blake3_init(struct gm_blake3 *hasher)
{
    init_mode(hasher, NULL, 0);
}

void gm_blake3_init_keyed(struct gm_blake3 *hasher, const uint8_t key[static 32])
{
    init_with_key(hasher, key, GM_BLAKE3_KEYED_HASH);
}

void gm_blake3_init_derive(struct gm_blake3 *hasher, const char *context)
{
    init_mode(hasher, NULL, GM_BLAKE3_DERIVE_KEY_CONTEXT);
    gm_blake3_update(hasher, context, strlen(context));
    struct gm_hash key = gm_blake3_final(hasher);
    init_with_key(hasher, key.bytes, GM_BLAKE3_DERIVE_KEY_MATERIAL);
}

void gm_blake3_set_level(struct gm_blake3 *hasher, enum gm_cpu_level level)
{
    hasher->tree.lanes = gm_blake3_lanes(level);
}

void gm_blake3_update(struct gm_blake3 *hasher, const void *data, size_t size_bytes)
{
    const uint8_t *at = data;
    while (size_bytes > 0) {
        if (hasher->chunk_bytes == GM_BLAKE3_CHUNK_BYTES) { /* more follows: it is no root */
            gm_blake3_tree_bytes(&hasher->tree, hasher->chunk, 1, hasher->chunk_count++);
            hasher->chunk_bytes = 0;
        }
        if (hasher->chunk_bytes == 0 && size_bytes > GM_BLAKE3_CHUNK_BYTES) {
            size_t chunks = (size_bytes - 1) / GM_BLAKE3_CHUNK_BYTES;
            gm_blake3_tree_bytes(&hasher->tree, at, chunks, hasher->chunk_count);
            hasher->chunk_count += chunks;
            at += chunks * GM_BLAKE3_CHUNK_BYTES;
            size_bytes -= chunks * GM_BLAKE3_CHUNK_BYTES;
        }
        size_t room = GM_BLAKE3_CHUNK_BYTES - hasher->chunk_bytes;
        size_t n = size_bytes < room ? size_bytes : room;
        memcpy(hasher->chunk + hasher->chunk_bytes, at, n);
        hasher->chunk_bytes += n;
        at += n;
        size_bytes -= n;
    }
}

struct gm_hash gm_blake3_final(struct gm_blake3 *hasher)
{
    if (hasher->chunk_count > 0) {
        gm_blake3_tree_last(&hasher->tree, hasher->chunk, hasher->chunk_bytes, hasher->chunk_count);
        return gm_blake3_tree_root(&hasher->tree);
    }
    struct gm_hash hash; /* one chunk, which is empty only when the input is */
    gm_blake3_chunk(hash.bytes, hasher->tree.key, hasher->chunk, hasher->chunk_bytes, 0,
                    hasher->tree.flags, GM_BLAKE3_ROOT);
    return hash;
}

struct gm_hash gm_blake3(const void *data, size_t size_bytes)
{
    struct gm_blake3 hasher;
    gm_blake3_init(&hasher);
    gm_blake3_update(&hasher, data, size_bytes);
    return gm_blake3_final(&hasher);
}

struct gm_hash gm_blake3_derive(const char *context, const void *data, size_t size_bytes)
{
    struct gm_blake3 hasher;
    gm_blake3_init_derive(&hasher, context);
    gm_blake3_update(&hasher, data, size_bytes);
    return gm_blake3_final(&hasher);
}
