#define GM_LANES      16
#define GM_LANES_HASH gm_blake3_hash_avx512
#include "trust/blake3_lanes_text.h"
