/* The text of one instruction level: the including file sets GM_LANES (4, 8 or 16) and the name
   GM_LANES_HASH. Vector types are those of gcc and clang, so that no level needs intrinsics of its
   own; loops are written plainly and unrolled by the compiler (-O3). */
#include <string.h>

#include "trust/blake3_lanes.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie");

typedef uint32_t lanes __attribute__((vector_size(4 * GM_LANES)));
typedef uint8_t lane_bytes __attribute__((vector_size(4 * GM_LANES)));

#define LIST_4(f, d, k)  f((k), d), f((k) + 1, d), f((k) + 2, d), f((k) + 3, d)
#define LIST_8(f, d, k)  LIST_4(f, d, k), LIST_4(f, d, (k) + 4)
#define LIST_16(f, d, k) LIST_8(f, d, k), LIST_8(f, d, (k) + 8)
#define LIST_32(f, d, k) LIST_16(f, d, k), LIST_16(f, d, (k) + 16)

#if GM_LANES == 8
/* AVX2 has no rotation, but moves whole bytes in one instruction. */
#define MOVED(k, d) ((k) / 4 * 4 + ((k) + (d)) % 4)
#define ROTATE_BYTES(x, d)                                                                         \
    ((lanes)__builtin_shufflevector((lane_bytes)(x), (lane_bytes)(x), LIST_32(MOVED, d, 0)))
#define GM_BLAKE3_ROTATE(x, bits)                                                                  \
    ((bits) == 16  ? ROTATE_BYTES(x, 2)                                                            \
     : (bits) == 8 ? ROTATE_BYTES(x, 1)                                                            \
                   : (((x) >> (bits)) | ((x) << (32 - (bits)))))
#endif
#include "kernels/num/blake3.h"

/* Lane k of the two halves of a butterfly between rows that lie d apart: bit d of the row number
   changes places with bit d of the lane number. */
#define LOW(k, d)    ((k) & (d) ? GM_LANES + (k) - (d) : (k))
#define HIGH(k, d)   ((k) & (d) ? GM_LANES + (k) : (k) + (d))
#define PASTE(a, b)  a##b
#define LIST_NAME(n) PASTE(LIST_, n)

#define BUTTERFLY(rows, d)                                                                         \
    for (int i = 0; i < GM_LANES; i++) {                                                           \
        if ((i & (d)) == 0) {                                                                      \
            lanes low = (rows)[i], high = (rows)[i + (d)];                                         \
            (rows)[i] = __builtin_shufflevector(low, high, LIST_NAME(GM_LANES)(LOW, d, 0));        \
            (rows)[i + (d)] = __builtin_shufflevector(low, high, LIST_NAME(GM_LANES)(HIGH, d, 0)); \
        }                                                                                          \
    }

/* (lane, word) -> (word, lane) */
static inline void transpose(lanes rows[GM_LANES])
{
    BUTTERFLY(rows, 1)
    BUTTERFLY(rows, 2)
#if GM_LANES > 4
    BUTTERFLY(rows, 4)
#endif
#if GM_LANES > 8
    BUTTERFLY(rows, 8)
#endif
}

/* words[w] = word w of the block of every lane. */
static inline void load_block(lanes words[16], const uint8_t *const at[GM_LANES])
{
    for (int first = 0; first < 16; first += GM_LANES) {
        for (int i = 0; i < GM_LANES; i++)
            memcpy(&words[first + i], at[i] + 4 * first, sizeof(lanes));
        transpose(words + first);
    }
}

static inline void store_hashes(uint8_t *out, const lanes cv[8], size_t count)
{
    uint32_t words[8][GM_LANES];
    memcpy(words, cv, sizeof words);
    for (size_t i = 0; i < count; i++) {
        uint32_t row[8];
        for (int w = 0; w < 8; w++)
            row[w] = words[w][i];
        memcpy(out + 32 * i, row, sizeof row);
    }
}

void GM_LANES_HASH(const struct gm_blake3_batch *batch, uint8_t *out)
{
    const uint8_t *at[GM_LANES];
    size_t strides[GM_LANES];
    uint32_t counter_words[2][GM_LANES];
    for (size_t i = 0; i < GM_LANES; i++) {
        size_t from = i < batch->count ? i : batch->count - 1; /* idle lanes repeat the last */
        uint64_t counter = batch->counter + from * batch->counter_step;
        at[i] = batch->inputs[from];
        strides[i] = batch->strides[from];
        counter_words[0][i] = (uint32_t)counter;
        counter_words[1][i] = (uint32_t)(counter >> 32);
    }
    lanes counter[2], cv[8];
    const lanes zero = {0};
    memcpy(counter, counter_words, sizeof counter);
    for (int w = 0; w < 8; w++)
        cv[w] = zero + batch->key[w];
    for (size_t block = 0; block < batch->block_count; block++) {
        uint32_t flags = batch->flags;
        flags |= block == 0 ? batch->flags_first : 0;
        flags |= block + 1 == batch->block_count ? batch->flags_last : 0;
        lanes words[16], v[16];
        load_block(words, at);
        for (int i = 0; i < GM_LANES; i++)
            __builtin_prefetch((const void *)((uintptr_t)at[i] + batch->ahead_bytes));
        GM_BLAKE3_COMPRESS(cv, words, v, zero, counter[0], counter[1], GM_BLAKE3_BLOCK_BYTES,
                           flags);
        if (block + 1 < batch->block_count) {
            for (int i = 0; i < GM_LANES; i++)
                at[i] += strides[i];
        }
    }
    store_hashes(out, cv, batch->count);
}
