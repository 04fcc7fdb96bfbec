/* Attention forward by strips of queries. */
#include "backends/cpu/level_attention.h"

#include <string.h>

#include "backends/cpu/level_fast.h"
#include "backends/cpu/level_rows.h"
#include "kernels/attention.cl"

struct forward {
    const struct gm_cpu_call *call;
    struct gm_strip_shape s;
    size_t workspace_bytes;
    size_t thread_bytes;
};

static struct forward forward_of(const struct gm_cpu_call *call)
{
    struct forward f = {.call = call, .s = gm_strip_shape(call)};
    f.workspace_bytes = gm_strip_workspace(call, &f.s);
    f.thread_bytes = f.workspace_bytes + f.s.block * f.s.row * sizeof(float);
    return f;
}

static void scale_line(float *s, size_t count, float scale)
{
    GM_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        s[i] *= scale;
}

static void exp_line(float *s, size_t count, float best)
{
    GM_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        s[i] = gm_f32_exp(s[i] - best);
}

static void divide_line(float *o, size_t count, float sum)
{
    GM_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        o[i] = gm_f32_canonical(GM_DIV(o[i], sum));
}

static void redo_line(const struct forward *f, size_t plane, size_t query)
{
    const struct gm_cpu_call *call = f->call;
    size_t chunks = (f->s.d + GM_ATTENTION_CHUNK - 1) / GM_ATTENTION_CHUNK;
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {
        {.p = call->in[0]},     {.p = call->in[1]},  {.p = call->in[2]},   {.p = call->out[1]},
        {.p = call->out[2]},    {.p = call->out[0]}, {.u64 = f->s.t},      {.u64 = f->s.heads},
        {.u64 = f->s.kv_heads}, {.u64 = f->s.d},     {.u32 = f->s.causal}, {.f32 = f->s.scale}};
    call->ops->kernels[GM_KERNEL_attention](
        args, &(struct gm_cpu_range){query, query + 1, plane * chunks, (plane + 1) * chunks});
}

/* One strip: queries [first, last) of one head. */
static void forward_strip(const struct forward *f, size_t plane, size_t first, size_t last,
                          unsigned char *scratch)
{
    const struct gm_strip_shape *s = &f->s;
    const struct gm_cpu_call *call = f->call;
    size_t batch = plane / s->heads;
    size_t head = plane % s->heads;
    size_t kv_head = head / (s->heads / s->kv_heads);
    size_t keys = s->causal ? last : s->t;
    size_t q_stride = s->heads * s->d;
    size_t kv_stride = s->kv_heads * s->d;
    size_t kv_at = gm_strip_at(s, s->kv_heads, batch, kv_head, 0);
    const float *q = (const float *)call->in[0] + gm_strip_at(s, s->heads, batch, head, first);
    float *o = (float *)call->out[0] + gm_strip_at(s, s->heads, batch, head, first);
    float *m = (float *)call->out[1] + plane * s->t;
    float *l = (float *)call->out[2] + plane * s->t;
    float *strip = (float *)(void *)(scratch + f->workspace_bytes);

    gm_strip_across(call, scratch, q, q_stride, last - first, (const float *)call->in[1] + kv_at,
                    kv_stride, keys, s->d, strip, s->row);
    for (size_t i = first; i < last; i++) {
        float *line = strip + (i - first) * s->row;
        size_t seen = s->causal ? i + 1 : s->t;
        scale_line(line, seen, s->scale);
        m[i] = gm_row_max(line, seen);
        exp_line(line, seen, m[i]);
        l[i] = gm_f32_canonical(gm_sum_f32(line, seen));
        memset(line + seen, 0, (keys - seen) * sizeof(float));
    }
    gm_strip_along(call, scratch, strip, s->row, last - first, (const float *)call->in[2] + kv_at,
                   kv_stride, s->d, keys, o, q_stride);
    for (size_t i = first; i < last; i++) {
        float *line = o + (i - first) * q_stride;
        divide_line(line, s->d, l[i]);
        if (gm_strip_has_nan(line, s->d))
            redo_line(f, plane, i);
    }
}

/* Long strips first: with a mask the last queries see the most keys. */
static void forward_item(void *ctx, size_t item, size_t thread)
{
    const struct forward *f = ctx;
    size_t planes = f->s.batch * f->s.heads;
    size_t block = gm_strip_blocks(&f->s) - 1 - item / planes;
    size_t first = block * f->s.block;
    size_t last = first + f->s.block > f->s.t ? f->s.t : first + f->s.block;
    forward_strip(f, item % planes, first, last, f->call->scratch + thread * f->thread_bytes);
}

void GM_LEVEL(gm_cpu_attention_run)(const struct gm_cpu_call *call)
{
    struct forward f = forward_of(call);
    gm_pool_run(call->pool, f.s.batch * f.s.heads * gm_strip_blocks(&f.s), forward_item, &f);
}

size_t GM_LEVEL(gm_cpu_attention_scratch)(const struct gm_cpu_call *call)
{
    return forward_of(call).thread_bytes * gm_pool_thread_count(call->pool);
}
