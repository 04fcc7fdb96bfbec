/* Column sums by the dot rule: a tile of columns keeps its chains in registers or the first-level
   cache while the rows go by. A tile of a long column is one pool item per tile, not per segment:
   there are columns enough. */
#include "backends/cpu/level_fast.h"
#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

enum { TILE = 128 }; /* columns */

struct columns {
    const float *x, *mean, *rstd, *dy;
    float *out[2];
    size_t rows, n;
};

struct tile {
    float total[TILE];
    float chain[TILE];
};

static void tile_begin(struct tile *t)
{
    for (size_t i = 0; i < TILE; i++)
        t->total[i] = t->chain[i] = 0.0f;
}

static void tile_close(struct tile *t)
{
    for (size_t i = 0; i < TILE; i++) {
        t->total[i] += t->chain[i];
        t->chain[i] = 0.0f;
    }
}

static void tile_store(const struct tile *t, float *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = gm_f32_canonical(t->total[i]);
}

static size_t segment_end(size_t rows, size_t first)
{
    return rows - first < GM_DOT_SEGMENT ? rows : first + GM_DOT_SEGMENT;
}

/* Whole tiles have a constant size, so that their chains stay in registers. */
static inline void add_rows(struct tile *t, const float *x, size_t n, size_t first, size_t last,
                            size_t size)
{
    float chain[TILE];
    for (size_t i = 0; i < size; i++)
        chain[i] = t->chain[i];
    for (size_t row = first; row < last; row++) {
        for (size_t i = 0; i < size; i++)
            chain[i] += x[row * n + i];
    }
    for (size_t i = 0; i < size; i++)
        t->chain[i] = chain[i];
}

static void sum_rows_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct columns *o = ctx;
    size_t column = item * TILE;
    size_t size = o->n - column < TILE ? o->n - column : TILE;
    struct tile t;
    tile_begin(&t);
    for (size_t first = 0; first < o->rows; first += GM_DOT_SEGMENT) {
        size_t last = segment_end(o->rows, first);
        if (size == TILE)
            add_rows(&t, o->x + column, o->n, first, last, TILE);
        else
            add_rows(&t, o->x + column, o->n, first, last, size);
        tile_close(&t);
    }
    tile_store(&t, o->out[0] + column, size);
}

static size_t tile_count(size_t n)
{
    return (n + TILE - 1) / TILE;
}

void GM_LEVEL(gm_cpu_sum_rows_run)(const struct gm_cpu_call *call)
{
    struct columns o = {.x = call->in[0],
                        .out = {call->out[0], NULL},
                        .rows = (size_t)gm_tensor_rows(call->inputs[0]),
                        .n = (size_t)gm_tensor_cols(call->inputs[0])};
    gm_pool_run(call->pool, tile_count(o.n), sum_rows_item, &o);
}

/* One row's terms dy * h and dy; without a mean h = x * rstd. */
static inline void add_norm_row(struct tile *w, struct tile *b, const struct columns *o,
                                size_t column, size_t row, size_t size)
{
    const float *x = o->x + row * o->n + column;
    const float *dy = o->dy + row * o->n + column;
    const float rstd = o->rstd[row];
    if (o->mean != NULL) {
        const float mean = o->mean[row];
        for (size_t i = 0; i < size; i++) {
            w->chain[i] = GM_FMA(dy[i], (x[i] - mean) * rstd, w->chain[i]);
            b->chain[i] += dy[i];
        }
    } else {
        for (size_t i = 0; i < size; i++)
            w->chain[i] = GM_FMA(dy[i], x[i] * rstd, w->chain[i]);
    }
}

static void norm_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct columns *o = ctx;
    size_t column = item * TILE;
    size_t size = o->n - column < TILE ? o->n - column : TILE;
    struct tile w, b;
    tile_begin(&w);
    tile_begin(&b);
    for (size_t first = 0; first < o->rows; first += GM_DOT_SEGMENT) {
        for (size_t row = first; row < segment_end(o->rows, first); row++) {
            if (size == TILE)
                add_norm_row(&w, &b, o, column, row, TILE);
            else
                add_norm_row(&w, &b, o, column, row, size);
        }
        tile_close(&w);
        tile_close(&b);
    }
    tile_store(&w, o->out[0] + column, size);
    if (o->mean != NULL)
        tile_store(&b, o->out[1] + column, size);
}

void GM_LEVEL(gm_cpu_layernorm_grad_w_run)(const struct gm_cpu_call *call)
{
    struct columns o = {.x = call->in[0],
                        .mean = call->in[1],
                        .rstd = call->in[2],
                        .dy = call->in[3],
                        .out = {call->out[0], call->out[1]},
                        .rows = (size_t)gm_tensor_rows(call->inputs[0]),
                        .n = (size_t)gm_tensor_cols(call->inputs[0])};
    gm_pool_run(call->pool, tile_count(o.n), norm_item, &o);
}

void GM_LEVEL(gm_cpu_rmsnorm_grad_w_run)(const struct gm_cpu_call *call)
{
    struct columns o = {.x = call->in[0],
                        .rstd = call->in[1],
                        .dy = call->in[2],
                        .out = {call->out[0], NULL},
                        .rows = (size_t)gm_tensor_rows(call->inputs[0]),
                        .n = (size_t)gm_tensor_cols(call->inputs[0])};
    gm_pool_run(call->pool, tile_count(o.n), norm_item, &o);
}

/* ---- channels ---- */

enum { LANES = 16 }; /* channels side by side */

struct channels {
    const float *x;
    float *y;
    size_t terms, count, inner;
};

/* The chain of one segment; its terms lie in runs of `inner`. */
static float segment_chain(const struct channels *o, size_t channel, size_t first, size_t last)
{
    float chain = 0.0f;
    size_t k = first;
    while (k < last) {
        size_t image = k / o->inner;
        size_t at = k % o->inner;
        size_t run = o->inner - at < last - k ? o->inner - at : last - k;
        const float *x = o->x + (image * o->count + channel) * o->inner + at;
        for (size_t i = 0; i < run; i++)
            chain += x[i];
        k += run;
    }
    return chain;
}

/* Channels go side by side: their chains do not depend on one another, which hides the additions'
   latency. */
static void channels_segment(const struct channels *o, size_t channel, size_t first, size_t last,
                             float chain[LANES])
{
    for (size_t c = 0; c < LANES; c++)
        chain[c] = 0.0f;
    size_t k = first;
    while (k < last) {
        size_t image = k / o->inner;
        size_t at = k % o->inner;
        size_t run = o->inner - at < last - k ? o->inner - at : last - k;
        const float *x = o->x + (image * o->count + channel) * o->inner + at;
        for (size_t i = 0; i < run; i++) {
            for (size_t c = 0; c < LANES; c++)
                chain[c] += x[c * o->inner + i];
        }
        k += run;
    }
}

static void channels_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct channels *o = ctx;
    size_t channel = item * LANES;
    size_t size = o->count - channel < LANES ? o->count - channel : LANES;
    float total[LANES] = {0}, chain[LANES];
    for (size_t first = 0; first < o->terms; first += GM_DOT_SEGMENT) {
        size_t last = segment_end(o->terms, first);
        if (size == LANES)
            channels_segment(o, channel, first, last, chain);
        for (size_t c = 0; c < size; c++)
            total[c] += size == LANES ? chain[c] : segment_chain(o, channel + c, first, last);
    }
    for (size_t c = 0; c < size; c++)
        o->y[channel + c] = gm_f32_canonical(total[c]);
}

void GM_LEVEL(gm_cpu_sum_channels_run)(const struct gm_cpu_call *call)
{
    const struct gm_tensor_desc *x = call->inputs[0];
    struct channels o = {.x = call->in[0], .y = call->out[0], .count = (size_t)x->dims[1]};
    o.terms = (size_t)(gm_tensor_count(x) / x->dims[1]);
    o.inner = o.terms / (size_t)x->dims[0];
    gm_pool_run(call->pool, (o.count + LANES - 1) / LANES, channels_item, &o);
}
