/* Inside BLAKE3: chaining values of equal subtrees (chunks, or larger pieces) come in from left to
   right, the root comes out. The tree's shape is "the left child is the largest power of two",
   which is the same as pairing neighbours level by level with an odd one moving up. */
#ifndef GM_TRUST_BLAKE3_TREE_H
#define GM_TRUST_BLAKE3_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "trust/hash.h"

struct gm_blake3_lanes;

enum { GM_BLAKE3_GROUP = 256, GM_BLAKE3_STACK = 48 };

struct gm_blake3_tree {
    uint32_t key[8];
    uint32_t flags;
    const struct gm_blake3_lanes *lanes;
    uint64_t group_count; /* full groups of leaves, folded into the stack */
    size_t leaf_count;    /* in the group that is open */
    size_t stack_count;
    uint8_t stack[GM_BLAKE3_STACK][GM_HASH_SIZE];
    uint8_t leaves[GM_BLAKE3_GROUP * GM_HASH_SIZE];
};

/* `key` NULL: the words that plain hashing starts from. */
void gm_blake3_tree_init(struct gm_blake3_tree *tree, const uint32_t *key, uint32_t flags);
/* Room for the next leaves: at least one, at most `*count_max`, which is set. The caller writes
   n <= *count_max values and adds n to leaf_count. Call it only when a leaf does follow. */
uint8_t *gm_blake3_tree_room(struct gm_blake3_tree *tree, size_t *count_max);
/* Chaining values of `count` chunks of 1 KiB from chunk number `counter` on; block b of chunk i at
   inputs[i] + b * strides[i]. Any count; appended as leaves. step_bytes is how far one chunk mostly
   lies behind the one before: what follows is asked for early, because sixteen streams at once are
   more than processors foresee (measured: 4.2 GB/s without, 6.8 with, on 64 MiB). */
void gm_blake3_tree_chunks(struct gm_blake3_tree *tree, const uint8_t *const *inputs,
                           const size_t *strides, size_t count, size_t step_bytes,
                           uint64_t counter);
/* The same for chunks that lie one after the other. */
void gm_blake3_tree_bytes(struct gm_blake3_tree *tree, const uint8_t *data, size_t chunk_count,
                          uint64_t counter);
/* One chunk of 1 to 1024 bytes, number `counter`, as a leaf: the last one may be short. */
void gm_blake3_tree_last(struct gm_blake3_tree *tree, const uint8_t *data, size_t size_bytes,
                         uint64_t counter);
/* The chaining value over all leaves (at least one), as an inner node or, with two leaves or more,
   as the root. Destroys the state. */
struct gm_hash gm_blake3_tree_inner(struct gm_blake3_tree *tree);
struct gm_hash gm_blake3_tree_root(struct gm_blake3_tree *tree);

#endif
