/* Tables and rows: embedding and its gradient, rotary positions, argmax. */
#include <string.h>

#include "backends/cpu/level_fast.h"
#include "backends/cpu/level_rows.h"
#include "kernels/embedding.cl"

/* ---- embedding ---- */

struct lookup {
    const float *table;
    const gm_u32 *ids;
    float *y;
    size_t samples, n, rows_per_item;
};

static void lookup_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct lookup *o = ctx;
    const size_t n = o->n;
    size_t end = (item + 1) * o->rows_per_item;
    end = end > o->samples ? o->samples : end;
    for (size_t s = item * o->rows_per_item; s < end; s++) {
        const float *from = o->table + (size_t)o->ids[s] * n;
        float *to = o->y + s * n;
        GM_INDEPENDENT
        for (size_t i = 0; i < n; i++)
            to[i] = gm_f32_canonical(from[i]);
    }
}

void GM_LEVEL(gm_cpu_embedding_run)(const struct gm_cpu_call *call)
{
    struct lookup o = {.table = call->in[0],
                       .ids = call->in[1],
                       .y = call->out[0],
                       .samples = (size_t)gm_tensor_count(call->inputs[1]),
                       .n = (size_t)gm_tensor_cols(call->inputs[0])};
    o.rows_per_item = gm_rows_per_item(o.n);
    gm_pool_run(call->pool, (o.samples + o.rows_per_item - 1) / o.rows_per_item, lookup_item, &o);
}

/* ---- its gradient: the samples of every id as a list, upwards ---- */

enum { TILE = 128, VOCAB_PER_ITEM = 16 };

struct scatter {
    const float *dy;
    float *dtable;
    const gm_u32 *next;
    const gm_u32 *first;
    size_t vocab, n;
};

static void list_samples(const gm_u32 *ids, size_t samples, size_t vocab, gm_u32 *next,
                         gm_u32 *first)
{
    for (size_t v = 0; v < vocab; v++)
        first[v] = GM_EMBEDDING_END;
    for (size_t s = samples; s-- > 0;) {
        next[s] = first[ids[s]];
        first[ids[s]] = (gm_u32)s;
    }
}

static void scatter_tile(const struct scatter *o, size_t v, size_t column, size_t size)
{
    float total[TILE] = {0}, chain[TILE] = {0};
    gm_u32 segment = 0;
    for (gm_u32 s = o->first[v]; s != GM_EMBEDDING_END; s = o->next[s]) {
        if (s / GM_DOT_SEGMENT != segment) {
            for (size_t i = 0; i < size; i++) {
                total[i] += chain[i];
                chain[i] = 0.0f;
            }
            segment = s / GM_DOT_SEGMENT;
        }
        const float *dy = o->dy + s * o->n + column;
        for (size_t i = 0; i < size; i++)
            chain[i] += dy[i];
    }
    float *out = o->dtable + v * o->n + column;
    for (size_t i = 0; i < size; i++)
        out[i] = gm_f32_canonical(total[i] + chain[i]);
}

static void scatter_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct scatter *o = ctx;
    size_t end = (item + 1) * VOCAB_PER_ITEM;
    end = end > o->vocab ? o->vocab : end;
    for (size_t v = item * VOCAB_PER_ITEM; v < end; v++) {
        if (o->first[v] == GM_EMBEDDING_END) {
            memset(o->dtable + v * o->n, 0, o->n * sizeof(float));
            continue;
        }
        for (size_t column = 0; column < o->n; column += TILE) {
            if (o->n - column >= TILE)
                scatter_tile(o, v, column, TILE);
            else
                scatter_tile(o, v, column, o->n - column);
        }
    }
}

static size_t vocab_of(const struct gm_cpu_call *call)
{
    return (size_t)call->outputs[0].dims[0];
}

void GM_LEVEL(gm_cpu_embedding_grad_run)(const struct gm_cpu_call *call)
{
    size_t samples = (size_t)gm_tensor_count(call->inputs[0]);
    size_t vocab = vocab_of(call);
    gm_u32 *first = (gm_u32 *)(void *)call->scratch;
    gm_u32 *next = first + vocab;
    list_samples(call->in[0], samples, vocab, next, first);
    struct scatter o = {.dy = call->in[1],
                        .dtable = call->out[0],
                        .next = next,
                        .first = first,
                        .vocab = vocab,
                        .n = (size_t)gm_tensor_cols(call->inputs[1])};
    gm_pool_run(call->pool, (vocab + VOCAB_PER_ITEM - 1) / VOCAB_PER_ITEM, scatter_item, &o);
}

size_t GM_LEVEL(gm_cpu_embedding_grad_scratch)(const struct gm_cpu_call *call)
{
    size_t samples = (size_t)gm_tensor_count(call->inputs[0]);
    return (samples + vocab_of(call)) * sizeof(gm_u32);
}

/* ---- rotary positions ---- */

struct rope {
    const float *x, *cosines, *sines;
    float *y;
    size_t rows, n, positions, half, rows_per_item;
    float sign;
};

/* One head: both halves are read before either is written. */
static void turn_head(const float *x, const float *cosines, const float *sines, float sign,
                      size_t half, float *y)
{
    GM_INDEPENDENT
    for (size_t i = 0; i < half; i++) {
        float c = cosines[i];
        float s = sines[i] * sign;
        float a = x[i];
        float b = x[i + half];
        y[i] = gm_f32_canonical(a * c - b * s);
        y[i + half] = gm_f32_canonical(b * c + a * s);
    }
}

static void rope_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct rope *o = ctx;
    size_t end = (item + 1) * o->rows_per_item;
    end = end > o->rows ? o->rows : end;
    for (size_t row = item * o->rows_per_item; row < end; row++) {
        size_t at = row % o->positions * o->half;
        for (size_t head = 0; head < o->n; head += 2 * o->half)
            turn_head(o->x + row * o->n + head, o->cosines + at, o->sines + at, o->sign, o->half,
                      o->y + row * o->n + head);
    }
}

void GM_LEVEL(gm_cpu_rope_run)(const struct gm_cpu_call *call)
{
    struct rope o = {.x = call->in[0],
                     .cosines = call->in[1],
                     .sines = call->in[2],
                     .y = call->out[0],
                     .rows = (size_t)gm_tensor_rows(call->inputs[0]),
                     .n = (size_t)gm_tensor_cols(call->inputs[0]),
                     .positions = (size_t)call->inputs[0]->dims[1],
                     .half = (size_t)call->node->attrs[0] / 2,
                     .sign = call->node->attrs[1] != 0 ? -1.0f : 1.0f};
    o.rows_per_item = gm_rows_per_item(o.n);
    gm_pool_run(call->pool, (o.rows + o.rows_per_item - 1) / o.rows_per_item, rope_item, &o);
}
