#include "trust/blake3_lanes.h"

#include <string.h>

#include "base/bytes.h"
#include "kernels/num/blake3.h"

void gm_blake3_block(uint32_t cv[static 8], const uint8_t *data, size_t size_bytes,
                     uint64_t counter, uint32_t flags)
{
    uint8_t block[GM_BLAKE3_BLOCK_BYTES] = {0};
    uint32_t words[16], v[16];
    if (size_bytes > 0)
        memcpy(block, data, size_bytes);
    for (int w = 0; w < 16; w++)
        words[w] = gm_load_u32(block + 4 * w);
    GM_BLAKE3_COMPRESS(cv, words, v, 0u, (uint32_t)counter, (uint32_t)(counter >> 32),
                       (uint32_t)size_bytes, flags);
}

void gm_blake3_chunk(uint8_t out[static 32], const uint32_t key[static 8], const uint8_t *data,
                     size_t size_bytes, uint64_t counter, uint32_t flags, uint32_t flags_last)
{
    uint32_t cv[8];
    uint32_t flags_first = GM_BLAKE3_CHUNK_START;
    memcpy(cv, key, sizeof cv);
    while (size_bytes > GM_BLAKE3_BLOCK_BYTES) {
        gm_blake3_block(cv, data, GM_BLAKE3_BLOCK_BYTES, counter, flags | flags_first);
        data += GM_BLAKE3_BLOCK_BYTES;
        size_bytes -= GM_BLAKE3_BLOCK_BYTES;
        flags_first = 0;
    }
    gm_blake3_block(cv, data, size_bytes, counter,
                    flags | flags_first | GM_BLAKE3_CHUNK_END | flags_last);
    for (int w = 0; w < 8; w++)
        gm_store_u32(out + 4 * w, cv[w]);
}

const struct gm_blake3_lanes *gm_blake3_lanes(enum gm_cpu_level level)
{
    static const struct gm_blake3_lanes portable = {4, gm_blake3_hash_portable};
#if defined(__x86_64__)
    static const struct gm_blake3_lanes avx2 = {8, gm_blake3_hash_avx2};
    static const struct gm_blake3_lanes avx512 = {16, gm_blake3_hash_avx512};
    if (level == GM_CPU_AVX512)
        return &avx512;
    if (level == GM_CPU_AVX2)
        return &avx2;
#endif
    (void)level;
    return &portable;
}
