/* Inside BLAKE3: many equal-sized inputs hashed to chaining values at once, one per vector lane.
   One text (blake3_lanes_text.h) is compiled once for each instruction level. */
#ifndef GM_TRUST_BLAKE3_LANES_H
#define GM_TRUST_BLAKE3_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

enum { GM_BLAKE3_LANES_MAX = 16 };

/* `count` inputs of `block_count` blocks of 64 bytes. Block b of input i lies at
   inputs[i] + b * strides[i], so that a 16x16 tile inside a matrix is hashed where it lies. */
struct gm_blake3_batch {
    const uint8_t *const *inputs; /* (count) */
    const size_t *strides;        /* (count) bytes */
    size_t count;                 /* 1 up to the width of the lanes */
    size_t block_count;
    size_t ahead_bytes;    /* from a block to the one that its lane reads in the next batch */
    const uint32_t *key;   /* (8) */
    uint64_t counter;      /* of input 0 */
    uint32_t counter_step; /* 1 for chunks, 0 for parents */
    uint32_t flags;        /* of every block */
    uint32_t flags_first;  /* of the first block, too */
    uint32_t flags_last;   /* of the last block, too */
};

/* Writes count * 32 bytes; `out` may overlap the inputs when block_count is 1. */
struct gm_blake3_lanes {
    size_t width;
    void (*hash)(const struct gm_blake3_batch *batch, uint8_t *out);
};

/* The level must be available. */
const struct gm_blake3_lanes *gm_blake3_lanes(enum gm_cpu_level level);

/* One block of up to 64 bytes, on one lane: `cv` takes it in. */
void gm_blake3_block(uint32_t cv[static 8], const uint8_t *data, size_t size_bytes,
                     uint64_t counter, uint32_t flags);
/* One chunk of up to 1024 bytes, on one lane. */
void gm_blake3_chunk(uint8_t out[static 32], const uint32_t key[static 8], const uint8_t *data,
                     size_t size_bytes, uint64_t counter, uint32_t flags, uint32_t flags_last);

void gm_blake3_hash_portable(const struct gm_blake3_batch *batch, uint8_t *out);
void gm_blake3_hash_avx2(const struct gm_blake3_batch *batch, uint8_t *out);
void gm_blake3_hash_avx512(const struct gm_blake3_batch *batch, uint8_t *out);

#endif
