/* BLAKE3 with 32-byte output: in one call, in parts, and in its keyed and derive-key modes. Many
   chunks are hashed at once, one per vector lane, at the best instruction level of the processor.
   Every level gives the same bits. Pure: no locks, any thread, no allocation. */
#ifndef GM_TRUST_BLAKE3_H
#define GM_TRUST_BLAKE3_H

#include <stddef.h>

#include "base/cpu.h"
#include "trust/blake3_tree.h"
#include "trust/hash.h"

/* About 11 KiB: may live on a stack, need not be freed. */
struct gm_blake3 {
    struct gm_blake3_tree tree;
    uint8_t chunk[1024]; /* the newest chunk, kept until more follows: it may be the root */
    size_t chunk_bytes;
    uint64_t chunk_count; /* chunks handed to the tree */
};

void gm_blake3_init(struct gm_blake3 *hasher);
void gm_blake3_init_keyed(struct gm_blake3 *hasher, const uint8_t key[static 32]);
/* `context` is a fixed text of the program, never data (BLAKE3 section 2.3). */
void gm_blake3_init_derive(struct gm_blake3 *hasher, const char *context);
/* Forces an instruction level, which must be available; for tests and benchmarks, after init. */
void gm_blake3_set_level(struct gm_blake3 *hasher, enum gm_cpu_level level);

void gm_blake3_update(struct gm_blake3 *hasher, const void *data, size_t size_bytes);
/* The hash of what was given so far; destroys the hasher's state. */
struct gm_hash gm_blake3_final(struct gm_blake3 *hasher);

struct gm_hash gm_blake3(const void *data, size_t size_bytes);
struct gm_hash gm_blake3_derive(const char *context, const void *data, size_t size_bytes);

#endif
