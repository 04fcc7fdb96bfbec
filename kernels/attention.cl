/* Attention: q (B, T, H*D), k and v (B, T, G*D), head h reads head h / (H/G) of k and v. A causal
   query sees the keys up to its own position; masked keys take no part. Scores are computed again
   wherever they are needed, so no T x T buffer exists.

   These texts define the bits. They are parallel over queries or keys, heads, and chunks of the
   head's dimensions; faster ones keep a tile of scores instead of computing it per chunk. */
#ifndef GM_KERNELS_ATTENTION_CL
#define GM_KERNELS_ATTENTION_CL

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"
#include "kernels/num/exp.h"
#include "kernels/num/sum.h"

#define GM_ATTENTION_CHUNK 16u /* dimensions that one item accumulates */

GM_FN gm_u64 gm_attention_keys(gm_u64 t_count, gm_u64 query, gm_u32 causal)
{
    return causal ? query + 1 : t_count;
}

/* Where head `head` of row (batch, t) starts in a tensor (B, T, heads * D). */
GM_FN gm_u64 gm_attention_at(gm_u64 row, gm_u64 heads, gm_u64 head, gm_u64 head_dim)
{
    return (row * heads + head) * head_dim;
}

GM_FN float gm_attention_score(GM_GLOBAL const float *q, GM_GLOBAL const float *k, gm_u64 head_dim,
                               float scale)
{
    return gm_dot_f32(q, 1, k, 1, head_dim) * scale;
}

/* m and l (B, H, T). Item: (query, batch * heads + head). */
GM_KERNEL void gm_k_attention_stats(gm_u64 count, GM_GLOBAL const float *q,
                                    GM_GLOBAL const float *k, GM_GLOBAL float *m,
                                    GM_GLOBAL float *l, gm_u64 t_count, gm_u64 heads,
                                    gm_u64 kv_heads, gm_u64 head_dim, gm_u32 causal,
                                    float scale GM_ITEM_PARAMS)
{
    gm_u64 query = GM_ID(0);
    gm_u64 plane = GM_ID(1);
    if (query >= count)
        return;
    gm_u64 row = plane / heads * t_count;
    gm_u64 head = plane % heads;
    gm_u64 kv_head = head / (heads / kv_heads);
    gm_u64 keys = gm_attention_keys(t_count, query, causal);
    GM_GLOBAL const float *q_at = q + gm_attention_at(row + query, heads, head, head_dim);
    GM_GLOBAL const float *k_at = k + gm_attention_at(row, kv_heads, kv_head, head_dim);
    gm_u64 k_step = kv_heads * head_dim;

    float best = gm_attention_score(q_at, k_at, head_dim, scale);
    for (gm_u64 j = 1; j < keys; j++)
        best = gm_f32_max(best, gm_attention_score(q_at, k_at + j * k_step, head_dim, scale));
    best = gm_f32_max_end(best);
    struct gm_sum sum;
    gm_sum_begin(&sum);
    for (gm_u64 j = 0; j < keys; j++) {
        float s = gm_attention_score(q_at, k_at + j * k_step, head_dim, scale);
        gm_sum_add(&sum, gm_f32_exp(s - best));
    }
    m[plane * t_count + query] = gm_f32_canonical(best);
    l[plane * t_count + query] = gm_f32_canonical(gm_sum_end(&sum));
}

/* Dot-rule accumulators for a chunk of dimensions. */
struct gm_attention_chunk {
    float total[GM_ATTENTION_CHUNK];
    float chain[GM_ATTENTION_CHUNK];
    gm_u64 segment;
    gm_u64 first; /* dimension */
    gm_u64 size;
};

GM_FN void gm_attention_chunk_begin(struct gm_attention_chunk *c, gm_u64 chunk, gm_u64 head_dim)
{
    c->first = chunk * GM_ATTENTION_CHUNK;
    c->size = head_dim - c->first < GM_ATTENTION_CHUNK ? head_dim - c->first : GM_ATTENTION_CHUNK;
    c->segment = 0;
    for (gm_u32 d = 0; d < GM_ATTENTION_CHUNK; d++)
        c->total[d] = c->chain[d] = 0.0f;
}

/* Term `index` of every dimension: weight * x[dimension]. */
GM_FN void gm_attention_chunk_term(struct gm_attention_chunk *c, gm_u64 index, float weight,
                                   GM_GLOBAL const float *x)
{
    if (index / GM_DOT_SEGMENT != c->segment) {
        for (gm_u32 d = 0; d < GM_ATTENTION_CHUNK; d++) {
            c->total[d] += c->chain[d];
            c->chain[d] = 0.0f;
        }
        c->segment = index / GM_DOT_SEGMENT;
    }
    for (gm_u64 d = 0; d < c->size; d++)
        c->chain[d] = GM_FMA(weight, x[c->first + d], c->chain[d]);
}

GM_FN float gm_attention_chunk_end(const struct gm_attention_chunk *c, gm_u64 d)
{
    return c->total[d] + c->chain[d];
}

/* o (B, T, H*D). Item: (query, (batch * heads + head) * chunks + chunk). */
GM_KERNEL void gm_k_attention(gm_u64 count, GM_GLOBAL const float *q, GM_GLOBAL const float *k,
                              GM_GLOBAL const float *v, GM_GLOBAL const float *m,
                              GM_GLOBAL const float *l, GM_GLOBAL float *o, gm_u64 t_count,
                              gm_u64 heads, gm_u64 kv_heads, gm_u64 head_dim, gm_u32 causal,
                              float scale GM_ITEM_PARAMS)
{
    gm_u64 query = GM_ID(0);
    if (query >= count)
        return;
    gm_u64 chunks = (head_dim + GM_ATTENTION_CHUNK - 1) / GM_ATTENTION_CHUNK;
    gm_u64 plane = GM_ID(1) / chunks;
    gm_u64 row = plane / heads * t_count;
    gm_u64 head = plane % heads;
    gm_u64 kv_head = head / (heads / kv_heads);
    gm_u64 keys = gm_attention_keys(t_count, query, causal);
    gm_u64 q_first = gm_attention_at(row + query, heads, head, head_dim);
    gm_u64 k_first = gm_attention_at(row, kv_heads, kv_head, head_dim);
    gm_u64 k_step = kv_heads * head_dim;
    float best = m[plane * t_count + query];

    struct gm_attention_chunk c;
    gm_attention_chunk_begin(&c, GM_ID(1) % chunks, head_dim);
    for (gm_u64 j = 0; j < keys; j++) {
        gm_u64 at = k_first + j * k_step;
        float e = gm_f32_exp(gm_attention_score(q + q_first, k + at, head_dim, scale) - best);
        gm_attention_chunk_term(&c, j, e, v + at);
    }
    float sum = l[plane * t_count + query];
    for (gm_u64 d = 0; d < c.size; d++)
        o[q_first + c.first + d] = gm_f32_canonical(GM_DIV(gm_attention_chunk_end(&c, d), sum));
}

/* dots (B, H, T): D = Sum(do * o). Item: (query, batch * heads + head). */
GM_KERNEL void gm_k_attention_grad_stats(gm_u64 count, GM_GLOBAL const float *o,
                                         GM_GLOBAL const float *d_o, GM_GLOBAL float *dots,
                                         gm_u64 t_count, gm_u64 heads,
                                         gm_u64 head_dim GM_ITEM_PARAMS)
{
    gm_u64 query = GM_ID(0);
    gm_u64 plane = GM_ID(1);
    if (query >= count)
        return;
    gm_u64 at = gm_attention_at(plane / heads * t_count + query, heads, plane % heads, head_dim);
    dots[plane * t_count + query] = gm_sum_product(d_o + at, o + at, head_dim);
}

/* p of one score, and ds = p * (dp - D) * scale. */
GM_FN float gm_attention_p(float score, float m, float l)
{
    return GM_DIV(gm_f32_exp(score - m), l);
}

GM_FN float gm_attention_ds(float p, float dp, float dot, float scale)
{
    return p * (dp - dot) * scale;
}

/* Item: (query, (batch * heads + head) * chunks + chunk). */
GM_KERNEL void gm_k_attention_grad_q(gm_u64 count, GM_GLOBAL const float *q,
                                     GM_GLOBAL const float *k, GM_GLOBAL const float *v,
                                     GM_GLOBAL const float *m, GM_GLOBAL const float *l,
                                     GM_GLOBAL const float *d_o, GM_GLOBAL const float *dots,
                                     GM_GLOBAL float *dq, gm_u64 t_count, gm_u64 heads,
                                     gm_u64 kv_heads, gm_u64 head_dim, gm_u32 causal,
                                     float scale GM_ITEM_PARAMS)
{
    gm_u64 query = GM_ID(0);
    if (query >= count)
        return;
    gm_u64 chunks = (head_dim + GM_ATTENTION_CHUNK - 1) / GM_ATTENTION_CHUNK;
    gm_u64 plane = GM_ID(1) / chunks;
    gm_u64 row = plane / heads * t_count;
    gm_u64 head = plane % heads;
    gm_u64 kv_head = head / (heads / kv_heads);
    gm_u64 keys = gm_attention_keys(t_count, query, causal);
    gm_u64 q_first = gm_attention_at(row + query, heads, head, head_dim);
    gm_u64 k_first = gm_attention_at(row, kv_heads, kv_head, head_dim);
    gm_u64 k_step = kv_heads * head_dim;
    gm_u64 stat = plane * t_count + query;

    struct gm_attention_chunk c;
    gm_attention_chunk_begin(&c, GM_ID(1) % chunks, head_dim);
    for (gm_u64 j = 0; j < keys; j++) {
        gm_u64 at = k_first + j * k_step;
        float s = gm_attention_score(q + q_first, k + at, head_dim, scale);
        float p = gm_attention_p(s, m[stat], l[stat]);
        float dp = gm_dot_f32(d_o + q_first, 1, v + at, 1, head_dim);
        gm_attention_chunk_term(&c, j, gm_attention_ds(p, dp, dots[stat], scale), k + at);
    }
    for (gm_u64 d = 0; d < c.size; d++)
        dq[q_first + c.first + d] = gm_f32_canonical(gm_attention_chunk_end(&c, d));
}

/* Item: (key, (batch * kv_heads + kv_head) * chunks + chunk). Heads are added upwards from +0. */
GM_KERNEL void gm_k_attention_grad_kv(gm_u64 count, GM_GLOBAL const float *q,
                                      GM_GLOBAL const float *k, GM_GLOBAL const float *v,
                                      GM_GLOBAL const float *m, GM_GLOBAL const float *l,
                                      GM_GLOBAL const float *d_o, GM_GLOBAL const float *dots,
                                      GM_GLOBAL float *dk, GM_GLOBAL float *dv, gm_u64 t_count,
                                      gm_u64 heads, gm_u64 kv_heads, gm_u64 head_dim, gm_u32 causal,
                                      float scale GM_ITEM_PARAMS)
{
    gm_u64 key = GM_ID(0);
    if (key >= count)
        return;
    gm_u64 chunks = (head_dim + GM_ATTENTION_CHUNK - 1) / GM_ATTENTION_CHUNK;
    gm_u64 chunk = GM_ID(1) % chunks;
    gm_u64 kv_plane = GM_ID(1) / chunks;
    gm_u64 batch = kv_plane / kv_heads;
    gm_u64 kv_head = kv_plane % kv_heads;
    gm_u64 group = heads / kv_heads;
    gm_u64 row = batch * t_count;
    gm_u64 at = gm_attention_at(row + key, kv_heads, kv_head, head_dim);
    float sum_k[GM_ATTENTION_CHUNK], sum_v[GM_ATTENTION_CHUNK];
    for (gm_u32 d = 0; d < GM_ATTENTION_CHUNK; d++)
        sum_k[d] = sum_v[d] = 0.0f;

    struct gm_attention_chunk c_k, c_v;
    gm_attention_chunk_begin(&c_k, chunk, head_dim);
    gm_attention_chunk_begin(&c_v, chunk, head_dim);
    for (gm_u64 head = kv_head * group; head < (kv_head + 1) * group; head++) {
        for (gm_u64 i = causal ? key : 0; i < t_count; i++) {
            gm_u64 q_at = gm_attention_at(row + i, heads, head, head_dim);
            gm_u64 stat = (batch * heads + head) * t_count + i;
            float s = gm_attention_score(q + q_at, k + at, head_dim, scale);
            float p = gm_attention_p(s, m[stat], l[stat]);
            float dp = gm_dot_f32(d_o + q_at, 1, v + at, 1, head_dim);
            float ds = gm_attention_ds(p, dp, dots[stat], scale);
            gm_attention_chunk_term(&c_k, i, ds, q + q_at);
            gm_attention_chunk_term(&c_v, i, p, d_o + q_at);
        }
        for (gm_u64 d = 0; d < c_k.size; d++) {
            sum_k[d] += gm_attention_chunk_end(&c_k, d);
            sum_v[d] += gm_attention_chunk_end(&c_v, d);
        }
        gm_attention_chunk_begin(&c_k, chunk, head_dim);
        gm_attention_chunk_begin(&c_v, chunk, head_dim);
    }
    for (gm_u64 d = 0; d < c_k.size; d++) {
        dk[at + c_k.first + d] = gm_f32_canonical(sum_k[d]);
        dv[at + c_k.first + d] = gm_f32_canonical(sum_v[d]);
    }
}

#endif
