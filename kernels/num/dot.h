/* The dot rule: how matmul, convolution, attention products, column sums and scatter add up.

   k runs upwards in segments of 1024, counted by absolute index. A segment is one chain
   acc = fma(a[k], b[k], acc) from +0. Then total = +0; total = total + segment 0; total = total +
   segment 1; and so on. Masked and out-of-range terms take no part. A segment without terms may be
   left out or added as +0: a total that starts at +0 is never -0, so adding +0 changes nothing. */
#ifndef GM_KERNELS_NUM_DOT_H
#define GM_KERNELS_NUM_DOT_H

#include "kernels/dialect.h"

#define GM_DOT_SEGMENT 1024u

/* Takes terms one by one, k rising, absent ones left out. */
struct gm_dot {
    float total;    /* of the segments that are closed */
    float chain;    /* of the open segment */
    gm_u64 segment; /* number of the open segment */
};

GM_FN void gm_dot_begin(struct gm_dot *dot)
{
    dot->total = 0.0f;
    dot->chain = 0.0f;
    dot->segment = 0;
}

GM_FN void gm_dot_term(struct gm_dot *dot, gm_u64 k, float a, float b)
{
    if (k / GM_DOT_SEGMENT != dot->segment) {
        dot->total += dot->chain;
        dot->chain = 0.0f;
        dot->segment = k / GM_DOT_SEGMENT;
    }
    dot->chain = GM_FMA(a, b, dot->chain);
}

/* A column sum: the term is x * 1, so its chain is x + chain. */
GM_FN void gm_dot_add(struct gm_dot *dot, gm_u64 k, float x)
{
    gm_dot_term(dot, k, x, 1.0f);
}

GM_FN float gm_dot_end(const struct gm_dot *dot)
{
    return dot->total + dot->chain;
}

/* Dot of two strided vectors of k_count terms; strides in elements. */
GM_FN float gm_dot_f32(GM_GLOBAL const float *a, gm_u64 a_stride, GM_GLOBAL const float *b,
                       gm_u64 b_stride, gm_u64 k_count)
{
    float total = 0.0f;
    for (gm_u64 first = 0; first < k_count; first += GM_DOT_SEGMENT) {
        gm_u64 last = k_count - first < GM_DOT_SEGMENT ? k_count : first + GM_DOT_SEGMENT;
        float chain = 0.0f;
        for (gm_u64 k = first; k < last; k++)
            chain = GM_FMA(a[k * a_stride], b[k * b_stride], chain);
        total += chain;
    }
    return total;
}

#endif
