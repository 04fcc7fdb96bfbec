#include "backend/exec_scan.h"

#include "kernels/num/bits.h"

enum { BLOCK = 1024 };

/* One bit per block, so that the inner loop has no branch and becomes vector code. */
static uint32_t any_bad(const float *x, uint64_t count)
{
    uint32_t bad = 0;
    for (uint64_t i = 0; i < count; i++)
        bad |= (gm_f32_bits(x[i]) & GM_F32_INF_BITS) == GM_F32_INF_BITS;
    return bad;
}

bool gm_exec_all_finite(const float *x, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += BLOCK) {
        if (any_bad(x + i, count - i < BLOCK ? count - i : BLOCK))
            return false;
    }
    return true;
}
