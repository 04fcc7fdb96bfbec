/* 128-bit vectors: SSE2 and NEON are part of their architectures; elsewhere the compiler lowers. */
#define GM_LANES      4
#define GM_LANES_HASH gm_blake3_hash_portable
#include "trust/blake3_lanes_text.h"
