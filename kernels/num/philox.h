/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011):
   random words as a function of (seed, stream, index), with no state to keep or to lose.

   key = (low, high) of seed; counter = (low, high) of index, then (low, high) of stream. */
#ifndef GM_KERNELS_NUM_PHILOX_H
#define GM_KERNELS_NUM_PHILOX_H

#include "kernels/dialect.h"

struct gm_philox {
    gm_u32 word[4];
};

GM_FN struct gm_philox gm_philox_round(struct gm_philox c, gm_u32 key0, gm_u32 key1)
{
    struct gm_philox next;
    next.word[0] = GM_MUL_HIGH(0xcd9e8d57u, c.word[2]) ^ c.word[1] ^ key0;
    next.word[1] = 0xcd9e8d57u * c.word[2];
    next.word[2] = GM_MUL_HIGH(0xd2511f53u, c.word[0]) ^ c.word[3] ^ key1;
    next.word[3] = 0xd2511f53u * c.word[0];
    return next;
}

/* The four words of one counter. */
GM_FN struct gm_philox gm_philox(gm_u64 seed, gm_u64 stream, gm_u64 index)
{
    gm_u32 key0 = (gm_u32)seed;
    gm_u32 key1 = (gm_u32)(seed >> 32);
    struct gm_philox c;
    c.word[0] = (gm_u32)index;
    c.word[1] = (gm_u32)(index >> 32);
    c.word[2] = (gm_u32)stream;
    c.word[3] = (gm_u32)(stream >> 32);
    for (gm_u32 i = 0; i < 10; i++) {
        c = gm_philox_round(c, key0, key1);
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    return c;
}

#endif
