/* The order of samples in an epoch: a keyed permutation of [0, n) that needs no memory.

   A balanced Feistel network of 8 rounds permutes [0, 4^width), the smallest such domain that holds
   n; a value outside [0, n) is sent through again until it falls inside (cycle walking, fewer than
   four turns on average). A shuffled list would do the same in O(n) memory, per worker and epoch.
 */
#ifndef GM_KERNELS_NUM_FEISTEL_H
#define GM_KERNELS_NUM_FEISTEL_H

#include "kernels/num/philox.h"

#define GM_FEISTEL_ROUNDS 8u
#define GM_FEISTEL_N_MAX  ((gm_u64)1 << 48)

struct gm_feistel {
    gm_u64 n;
    gm_u32 width; /* bits of one half, 1 to 24 */
    gm_u32 key[GM_FEISTEL_ROUNDS];
};

/* Round keys are the words of Philox(seed, epoch, 0) and (seed, epoch, 1). n at most 2^48. */
GM_FN struct gm_feistel gm_feistel_begin(gm_u64 seed, gm_u64 epoch, gm_u64 n)
{
    struct gm_feistel feistel;
    feistel.n = n;
    feistel.width = 1;
    while (feistel.width < 24 && ((gm_u64)1 << (2 * feistel.width)) < n)
        feistel.width++;
    for (gm_u32 i = 0; i < GM_FEISTEL_ROUNDS; i += 4) {
        struct gm_philox random = gm_philox(seed, epoch, i / 4);
        for (gm_u32 j = 0; j < 4; j++)
            feistel.key[i + j] = random.word[j];
    }
    return feistel;
}

/* The finalizer of MurmurHash3 (Appleby) on right xor key: every input bit reaches every output. */
GM_FN gm_u32 gm_feistel_mix(gm_u32 right, gm_u32 key)
{
    gm_u32 h = right ^ key;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
}

/* Once through the network, within [0, 4^width). */
GM_FN gm_u64 gm_feistel_pass(const struct gm_feistel *feistel, gm_u64 x)
{
    gm_u32 mask = (1u << feistel->width) - 1u;
    gm_u32 left = (gm_u32)(x >> feistel->width) & mask;
    gm_u32 right = (gm_u32)x & mask;
    for (gm_u32 i = 0; i < GM_FEISTEL_ROUNDS; i++) {
        gm_u32 next = left ^ (gm_feistel_mix(right, feistel->key[i]) & mask);
        left = right;
        right = next;
    }
    return ((gm_u64)left << feistel->width) | right;
}

/* Where index goes. An index that is not below n stays where it is. */
GM_FN gm_u64 gm_feistel_at(const struct gm_feistel *feistel, gm_u64 index)
{
    if (index >= feistel->n)
        return index;
    gm_u64 x = gm_feistel_pass(feistel, index);
    while (x >= feistel->n)
        x = gm_feistel_pass(feistel, x);
    return x;
}

#endif
