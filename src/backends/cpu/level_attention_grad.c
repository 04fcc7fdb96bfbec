/* Attention backward in two passes, by strips of queries for dQ and by strips of keys for dK and
   dV, so that each sum runs along a strip in its order. Scores are computed in both passes: keeping
   them would take T x T memory. */
#include "backends/cpu/level_attention.h"

#include "backends/cpu/level_fast.h"
#include "kernels/attention.cl"

enum { Q, K, V, O, M, L, D_O };

struct backward {
    const struct gm_cpu_call *call;
    struct gm_strip_shape s;
    size_t workspace_bytes;
    size_t strip_bytes;
    size_t head_bytes; /* one head's part of dK or dV for a strip */
    size_t thread_bytes;
    float *dots; /* (B, H, T), at the start of the scratch memory */
    unsigned char *threads;
};

static size_t dots_bytes(const struct gm_strip_shape *s)
{
    return (s->batch * s->heads * s->t * sizeof(float) + 63) / 64 * 64;
}

static struct backward backward_of(const struct gm_cpu_call *call)
{
    struct backward b = {.call = call, .s = gm_strip_shape(call)};
    b.workspace_bytes = gm_strip_workspace(call, &b.s);
    b.strip_bytes = b.s.block * b.s.row * sizeof(float);
    b.head_bytes = (b.s.block * b.s.d * sizeof(float) + 63) / 64 * 64;
    b.thread_bytes = b.workspace_bytes + 2 * b.strip_bytes + b.head_bytes;
    b.dots = (float *)(void *)call->scratch;
    b.threads = call->scratch == NULL ? NULL : call->scratch + dots_bytes(&b.s);
    return b;
}

/* The memory of one thread: workspace, two strips, a head's sums. */
struct area {
    void *workspace;
    float *p;  /* scores, then p */
    float *ds; /* dp, then ds */
    float *head;
};

static struct area area_of(const struct backward *b, size_t thread)
{
    unsigned char *start = b->threads + thread * b->thread_bytes;
    unsigned char *strips = start + b->workspace_bytes;
    return (struct area){.workspace = start,
                         .p = (float *)(void *)strips,
                         .ds = (float *)(void *)(strips + b->strip_bytes),
                         .head = (float *)(void *)(strips + 2 * b->strip_bytes)};
}

static const float *input(const struct backward *b, int i)
{
    return b->call->in[i];
}

/* Arguments as both gradient kernels of the lowering take them, up to the dots. */
static void redo(const struct backward *b, enum gm_kernel kernel, size_t line, size_t plane)
{
    const struct gm_cpu_call *call = b->call;
    bool of_q = kernel == GM_KERNEL_attention_grad_q;
    size_t chunks = (b->s.d + GM_ATTENTION_CHUNK - 1) / GM_ATTENTION_CHUNK;
    const union gm_cpu_arg shape[] = {{.u64 = b->s.t}, {.u64 = b->s.heads},  {.u64 = b->s.kv_heads},
                                      {.u64 = b->s.d}, {.u32 = b->s.causal}, {.f32 = b->s.scale}};
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {
        {.p = call->in[Q]}, {.p = call->in[K]},   {.p = call->in[V]}, {.p = call->in[M]},
        {.p = call->in[L]}, {.p = call->in[D_O]}, {.p = b->dots}};
    size_t next = 7;
    args[next++].p = of_q ? call->out[0] : call->out[1];
    if (!of_q)
        args[next++].p = call->out[2];
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        args[next++] = shape[i];
    call->ops->kernels[kernel](
        args, &(struct gm_cpu_range){line, line + 1, plane * chunks, (plane + 1) * chunks});
}

static void dots_item(void *ctx, size_t plane, size_t thread)
{
    (void)thread;
    const struct backward *b = ctx;
    for (size_t i = 0; i < b->s.t; i++) {
        size_t at = gm_strip_at(&b->s, b->s.heads, plane / b->s.heads, plane % b->s.heads, i);
        b->dots[plane * b->s.t + i] = gm_sum_product(input(b, D_O) + at, input(b, O) + at, b->s.d);
    }
}

/* ---- dQ ---- */

static void ds_of_query(float *p, float *ds, size_t count, float m, float l, float dot, float scale)
{
    GM_INDEPENDENT
    for (size_t j = 0; j < count; j++)
        ds[j] = gm_attention_ds(gm_attention_p(p[j] * scale, m, l), ds[j], dot, scale);
}

static void query_strip(const struct backward *b, size_t plane, size_t first, size_t last,
                        const struct area *area)
{
    const struct gm_strip_shape *s = &b->s;
    size_t batch = plane / s->heads;
    size_t head = plane % s->heads;
    size_t kv_head = head / (s->heads / s->kv_heads);
    size_t keys = s->causal ? last : s->t;
    size_t q_stride = s->heads * s->d;
    size_t kv_stride = s->kv_heads * s->d;
    size_t q_at = gm_strip_at(s, s->heads, batch, head, first);
    size_t kv_at = gm_strip_at(s, s->kv_heads, batch, kv_head, 0);
    float *dq = (float *)b->call->out[0] + q_at;

    gm_strip_across(b->call, area->workspace, input(b, Q) + q_at, q_stride, last - first,
                    input(b, K) + kv_at, kv_stride, keys, s->d, area->p, s->row);
    gm_strip_across(b->call, area->workspace, input(b, D_O) + q_at, q_stride, last - first,
                    input(b, V) + kv_at, kv_stride, keys, s->d, area->ds, s->row);
    for (size_t i = first; i < last; i++) {
        size_t stat = plane * s->t + i;
        size_t seen = s->causal ? i + 1 : s->t;
        float *ds = area->ds + (i - first) * s->row;
        ds_of_query(area->p + (i - first) * s->row, ds, seen, input(b, M)[stat], input(b, L)[stat],
                    b->dots[stat], s->scale);
        for (size_t j = seen; j < keys; j++)
            ds[j] = 0.0f;
    }
    gm_strip_along(b->call, area->workspace, area->ds, s->row, last - first, input(b, K) + kv_at,
                   kv_stride, s->d, keys, dq, q_stride);
    for (size_t i = first; i < last; i++) {
        if (gm_strip_has_nan(dq + (i - first) * q_stride, s->d))
            redo(b, GM_KERNEL_attention_grad_q, i, plane);
    }
}

static void query_item(void *ctx, size_t item, size_t thread)
{
    const struct backward *b = ctx;
    struct area area = area_of(b, thread);
    size_t planes = b->s.batch * b->s.heads;
    size_t first = (gm_strip_blocks(&b->s) - 1 - item / planes) * b->s.block;
    size_t last = first + b->s.block > b->s.t ? b->s.t : first + b->s.block;
    query_strip(b, item % planes, first, last, &area);
}

/* ---- dK and dV ---- */

static void ds_of_key(float *p, float *ds, size_t count, const float *m, const float *l,
                      const float *dots, float scale)
{
    GM_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        p[i] = gm_attention_p(p[i] * scale, m[i], l[i]);
        ds[i] = gm_attention_ds(p[i], ds[i], dots[i], scale);
    }
}

/* sum (m, d), lines of sum_stride, += part: heads are added upwards, the first one to +0. */
static void add_head(float *sum, size_t sum_stride, const float *part, size_t m, size_t d,
                     bool first)
{
    for (size_t j = 0; j < m; j++) {
        for (size_t i = 0; i < d; i++) {
            float before = first ? 0.0f : sum[j * sum_stride + i];
            sum[j * sum_stride + i] = gm_f32_canonical(before + part[j * d + i]);
        }
    }
}

/* The first query whose terms are computed: masked ones before it are left out, but only whole
   segments of the dot rule unless all that is left lies in one. */
static size_t first_query(const struct gm_strip_shape *s, size_t key)
{
    if (!s->causal)
        return 0;
    size_t segment = key / GM_DOT_SEGMENT * GM_DOT_SEGMENT;
    return s->t - segment <= GM_DOT_SEGMENT ? key : segment;
}

/* One head's terms of keys [first, last). */
static void key_strip_head(const struct backward *b, size_t batch, size_t head, size_t first,
                           size_t last, bool first_head, const struct area *area)
{
    const struct gm_strip_shape *s = &b->s;
    size_t kv_head = head / (s->heads / s->kv_heads);
    size_t q_stride = s->heads * s->d;
    size_t kv_stride = s->kv_heads * s->d;
    size_t start = first_query(s, first);
    size_t queries = s->t - start;
    size_t q_at = gm_strip_at(s, s->heads, batch, head, start);
    size_t kv_at = gm_strip_at(s, s->kv_heads, batch, kv_head, first);
    size_t stat = (batch * s->heads + head) * s->t + start;

    gm_strip_across(b->call, area->workspace, input(b, K) + kv_at, kv_stride, last - first,
                    input(b, Q) + q_at, q_stride, queries, s->d, area->p, s->row);
    gm_strip_across(b->call, area->workspace, input(b, V) + kv_at, kv_stride, last - first,
                    input(b, D_O) + q_at, q_stride, queries, s->d, area->ds, s->row);
    for (size_t j = first; j < last; j++) {
        float *p = area->p + (j - first) * s->row;
        float *ds = area->ds + (j - first) * s->row;
        size_t hidden = s->causal ? j - start : 0;
        for (size_t i = 0; i < hidden; i++)
            p[i] = ds[i] = 0.0f;
        ds_of_key(p + hidden, ds + hidden, queries - hidden, input(b, M) + stat + hidden,
                  input(b, L) + stat + hidden, b->dots + stat + hidden, s->scale);
    }
    gm_strip_along(b->call, area->workspace, area->ds, s->row, last - first, input(b, Q) + q_at,
                   q_stride, s->d, queries, area->head, s->d);
    add_head((float *)b->call->out[1] + kv_at, kv_stride, area->head, last - first, s->d,
             first_head);
    gm_strip_along(b->call, area->workspace, area->p, s->row, last - first, input(b, D_O) + q_at,
                   q_stride, s->d, queries, area->head, s->d);
    add_head((float *)b->call->out[2] + kv_at, kv_stride, area->head, last - first, s->d,
             first_head);
}

/* Long strips first: with a mask the first keys are seen by the most queries. */
static void key_item(void *ctx, size_t item, size_t thread)
{
    const struct backward *b = ctx;
    const struct gm_strip_shape *s = &b->s;
    struct area area = area_of(b, thread);
    size_t planes = s->batch * s->kv_heads;
    size_t plane = item % planes;
    size_t batch = plane / s->kv_heads;
    size_t kv_head = plane % s->kv_heads;
    size_t group = s->heads / s->kv_heads;
    size_t first = item / planes * s->block;
    size_t last = first + s->block > s->t ? s->t : first + s->block;
    for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        key_strip_head(b, batch, head, first, last, head == kv_head * group, &area);
    for (size_t j = first; j < last; j++) {
        size_t at = gm_strip_at(s, s->kv_heads, batch, kv_head, j);
        if (gm_strip_has_nan((const float *)b->call->out[1] + at, s->d) ||
            gm_strip_has_nan((const float *)b->call->out[2] + at, s->d))
            redo(b, GM_KERNEL_attention_grad_kv, j, plane);
    }
}

void GM_LEVEL(gm_cpu_attention_grad_run)(const struct gm_cpu_call *call)
{
    struct backward b = backward_of(call);
    size_t blocks = gm_strip_blocks(&b.s);
    gm_pool_run(call->pool, b.s.batch * b.s.heads, dots_item, &b);
    gm_pool_run(call->pool, b.s.batch * b.s.heads * blocks, query_item, &b);
    gm_pool_run(call->pool, b.s.batch * b.s.kv_heads * blocks, key_item, &b);
}

size_t GM_LEVEL(gm_cpu_attention_grad_scratch)(const struct gm_cpu_call *call)
{
    struct backward b = backward_of(call);
    return dots_bytes(&b.s) + b.thread_bytes * gm_pool_thread_count(call->pool);
}
