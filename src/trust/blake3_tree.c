#include "trust/blake3_tree.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "kernels/num/blake3.h"
#include "trust/blake3_lanes.h"

void gm_blake3_tree_init(struct gm_blake3_tree *tree, const uint32_t *key, uint32_t flags)
{
    static const uint32_t initial[8] = {GM_BLAKE3_IV0, GM_BLAKE3_IV1, GM_BLAKE3_IV2, GM_BLAKE3_IV3,
                                        GM_BLAKE3_IV4, GM_BLAKE3_IV5, GM_BLAKE3_IV6, GM_BLAKE3_IV7};
    memcpy(tree->key, key != NULL ? key : initial, sizeof tree->key);
    tree->flags = flags;
    tree->lanes = gm_blake3_lanes(gm_cpu_level_best());
    tree->group_count = 0;
    tree->leaf_count = 0;
    tree->stack_count = 0;
}

static void parent(const struct gm_blake3_tree *tree, uint8_t out[GM_HASH_SIZE],
                   const uint8_t *left, const uint8_t *right, uint32_t flags)
{
    uint8_t block[2 * GM_HASH_SIZE];
    uint32_t cv[8];
    memcpy(block, left, GM_HASH_SIZE);
    memcpy(block + GM_HASH_SIZE, right, GM_HASH_SIZE);
    memcpy(cv, tree->key, sizeof cv);
    gm_blake3_block(cv, block, sizeof block, 0, tree->flags | GM_BLAKE3_PARENT | flags);
    for (int w = 0; w < 8; w++)
        gm_store_u32(out + 4 * w, cv[w]);
}

/* Pairs neighbours among the leaves until `target` (1 or 2) are left. In place: a batch reads all
   its pairs before it writes, and writes only where it or an earlier batch has read. */
static void reduce(struct gm_blake3_tree *tree, size_t target)
{
    const uint8_t *inputs[GM_BLAKE3_LANES_MAX];
    const size_t strides[GM_BLAKE3_LANES_MAX] = {0};
    size_t count = tree->leaf_count;
    while (count > target) {
        size_t pairs = count / 2;
        for (size_t first = 0; first < pairs; first += tree->lanes->width) {
            size_t n = pairs - first < tree->lanes->width ? pairs - first : tree->lanes->width;
            for (size_t i = 0; i < n; i++)
                inputs[i] = tree->leaves + (first + i) * 2 * GM_HASH_SIZE;
            struct gm_blake3_batch batch = {.inputs = inputs,
                                            .strides = strides,
                                            .count = n,
                                            .block_count = 1,
                                            .key = tree->key,
                                            .flags = tree->flags | GM_BLAKE3_PARENT};
            tree->lanes->hash(&batch, tree->leaves + first * GM_HASH_SIZE);
        }
        if (count % 2 == 1)
            memcpy(tree->leaves + pairs * GM_HASH_SIZE, tree->leaves + (count - 1) * GM_HASH_SIZE,
                   GM_HASH_SIZE);
        count = (count + 1) / 2;
    }
    tree->leaf_count = count;
}

/* More leaves follow, so what is complete now can be no root: it is folded at once. */
static void close_group(struct gm_blake3_tree *tree)
{
    reduce(tree, 1);
    tree->group_count++;
    for (uint64_t even = tree->group_count; even % 2 == 0; even /= 2) {
        tree->stack_count--;
        parent(tree, tree->leaves, tree->stack[tree->stack_count], tree->leaves, 0);
    }
    assert(tree->stack_count < GM_BLAKE3_STACK);
    memcpy(tree->stack[tree->stack_count++], tree->leaves, GM_HASH_SIZE);
    tree->leaf_count = 0;
}

uint8_t *gm_blake3_tree_room(struct gm_blake3_tree *tree, size_t *count_max)
{
    if (tree->leaf_count == GM_BLAKE3_GROUP)
        close_group(tree);
    *count_max = GM_BLAKE3_GROUP - tree->leaf_count;
    return tree->leaves + tree->leaf_count * GM_HASH_SIZE;
}

void gm_blake3_tree_chunks(struct gm_blake3_tree *tree, const uint8_t *const *inputs,
                           const size_t *strides, size_t count, size_t step_bytes, uint64_t counter)
{
    while (count > 0) {
        size_t n;
        uint8_t *out = gm_blake3_tree_room(tree, &n);
        n = n < tree->lanes->width ? n : tree->lanes->width;
        n = n < count ? n : count;
        struct gm_blake3_batch batch = {.inputs = inputs,
                                        .strides = strides,
                                        .count = n,
                                        .ahead_bytes = tree->lanes->width * step_bytes,
                                        .block_count =
                                            GM_BLAKE3_CHUNK_BYTES / GM_BLAKE3_BLOCK_BYTES,
                                        .key = tree->key,
                                        .counter = counter,
                                        .counter_step = 1,
                                        .flags = tree->flags,
                                        .flags_first = GM_BLAKE3_CHUNK_START,
                                        .flags_last = GM_BLAKE3_CHUNK_END};
        tree->lanes->hash(&batch, out);
        tree->leaf_count += n;
        inputs += n;
        strides += n;
        counter += n;
        count -= n;
    }
}

void gm_blake3_tree_bytes(struct gm_blake3_tree *tree, const uint8_t *data, size_t chunk_count,
                          uint64_t counter)
{
    const uint8_t *inputs[GM_BLAKE3_LANES_MAX];
    size_t strides[GM_BLAKE3_LANES_MAX];
    for (size_t first = 0; first < chunk_count;) {
        size_t left = chunk_count - first;
        size_t n = left < tree->lanes->width ? left : tree->lanes->width;
        for (size_t i = 0; i < n; i++) {
            inputs[i] = data + (first + i) * GM_BLAKE3_CHUNK_BYTES;
            strides[i] = GM_BLAKE3_BLOCK_BYTES;
        }
        gm_blake3_tree_chunks(tree, inputs, strides, n, GM_BLAKE3_CHUNK_BYTES, counter + first);
        first += n;
    }
}

void gm_blake3_tree_last(struct gm_blake3_tree *tree, const uint8_t *data, size_t size_bytes,
                         uint64_t counter)
{
    size_t count_max;
    uint8_t *leaf = gm_blake3_tree_room(tree, &count_max);
    gm_blake3_chunk(leaf, tree->key, data, size_bytes, counter, tree->flags, 0);
    tree->leaf_count++;
}

static struct gm_hash fold(struct gm_blake3_tree *tree, uint32_t flags)
{
    struct gm_hash hash;
    assert(tree->leaf_count > 0);
    if (tree->stack_count == 0 && tree->leaf_count > 1) {
        reduce(tree, 2);
        parent(tree, hash.bytes, tree->leaves, tree->leaves + GM_HASH_SIZE, flags);
        return hash;
    }
    reduce(tree, 1);
    memcpy(hash.bytes, tree->leaves, GM_HASH_SIZE);
    while (tree->stack_count > 0) {
        tree->stack_count--;
        parent(tree, hash.bytes, tree->stack[tree->stack_count], hash.bytes,
               tree->stack_count == 0 ? flags : 0);
    }
    return hash;
}

struct gm_hash gm_blake3_tree_inner(struct gm_blake3_tree *tree)
{
    return fold(tree, 0);
}

struct gm_hash gm_blake3_tree_root(struct gm_blake3_tree *tree)
{
    assert(tree->stack_count > 0 || tree->leaf_count > 1);
    return fold(tree, GM_BLAKE3_ROOT);
}
