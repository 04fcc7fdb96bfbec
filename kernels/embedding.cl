/* Rows of a table by index, and the gradient: a product with a one-hot left operand by the dot
   rule over samples, of which only the terms that are there are computed. Indices are in range:
   the device refuses others before it runs (backend/lower.h). */
#ifndef GM_KERNELS_EMBEDDING_CL
#define GM_KERNELS_EMBEDDING_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

/* Item: (column, sample). */
GM_KERNEL void gm_k_embedding(gm_u64 count, GM_GLOBAL const float *table,
                              GM_GLOBAL const gm_u32 *ids, GM_GLOBAL float *y,
                              gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 sample = GM_ID(1);
    if (i < count)
        y[sample * n + i] = gm_f32_canonical(table[(gm_u64)ids[sample] * n + i]);
}

#define GM_EMBEDDING_END 0xffffffffu

/* Chains the samples of one id: next[s] = the next sample with the id of s, or END; first[s] = 1
   where no earlier sample has that id. Item: a sample. */
GM_KERNEL void gm_k_embedding_links(gm_u64 count, GM_GLOBAL const gm_u32 *ids,
                                    GM_GLOBAL gm_u32 *next, GM_GLOBAL gm_u32 *first,
                                    gm_u64 samples GM_ITEM_PARAMS)
{
    gm_u64 s = GM_ID(0);
    if (s >= count)
        return;
    gm_u64 later = s + 1;
    while (later < samples && ids[later] != ids[s])
        later++;
    next[s] = later < samples ? (gm_u32)later : GM_EMBEDDING_END;
    gm_u64 earlier = s;
    while (earlier > 0 && ids[earlier - 1] != ids[s])
        earlier--;
    first[s] = earlier == 0;
}

/* The first sample of an id writes that row of dtable, which holds +0 elsewhere. Item: (column,
   sample). */
GM_KERNEL void gm_k_embedding_grad(gm_u64 count, GM_GLOBAL const gm_u32 *ids,
                                   GM_GLOBAL const float *dy, GM_GLOBAL const gm_u32 *next,
                                   GM_GLOBAL const gm_u32 *first, GM_GLOBAL float *dtable,
                                   gm_u64 n GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    gm_u64 sample = GM_ID(1);
    if (i >= count || !first[sample])
        return;
    gm_u64 row = ids[sample];
    struct gm_dot dot;
    gm_dot_begin(&dot);
    for (gm_u64 s = sample; s != GM_EMBEDDING_END; s = next[s])
        gm_dot_add(&dot, s, dy[s * n + i]);
    dtable[row * n + i] = gm_f32_canonical(gm_dot_end(&dot));
}

#endif
