#define GM_LANES      8
#define GM_LANES_HASH gm_blake3_hash_avx2
#include "trust/blake3_lanes_text.h"
