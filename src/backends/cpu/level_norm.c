/* Gradients of the norms with respect to x: both sums of a row from blocks of g and h, then the
   row's elements while it is still in the cache. */
#include "backends/cpu/level_fast.h"
#include "backends/cpu/level_rows.h"
#include "kernels/norm.cl"

struct norm {
    const float *x, *w, *mean, *rstd, *dy;
    float *dx;
    size_t rows, n, rows_per_item;
};

static size_t item_end(const struct norm *o, size_t item)
{
    size_t end = (item + 1) * o->rows_per_item;
    return end > o->rows ? o->rows : end;
}

static struct norm norm_of(const struct gm_cpu_call *call)
{
    struct norm o = {.x = call->in[0],
                     .w = call->in[1],
                     .dx = call->out[0],
                     .rows = (size_t)gm_tensor_rows(call->inputs[0]),
                     .n = (size_t)gm_tensor_cols(call->inputs[0])};
    o.rows_per_item = gm_rows_per_item(o.n);
    return o;
}

static void run(const struct gm_cpu_call *call, struct norm *o,
                void (*item)(void *ctx, size_t item, size_t thread))
{
    gm_pool_run(call->pool, (o->rows + o->rows_per_item - 1) / o->rows_per_item, item, o);
}

static void layernorm_row(const struct norm *o, size_t row)
{
    const float *x = o->x + row * o->n;
    const float *dy = o->dy + row * o->n;
    const float *w = o->w;
    float *dx = o->dx + row * o->n;
    const size_t n = o->n; /* a local: dx could otherwise be where it is stored */
    const float mean = o->mean[row];
    const float rstd = o->rstd[row];
    float g[GM_SUM_BLOCK], h[GM_SUM_BLOCK];
    struct gm_row_sum plain, product;
    gm_row_sum_begin(&plain);
    gm_row_sum_begin(&product);
    for (size_t first = 0; first < n; first += GM_SUM_BLOCK) {
        size_t size = gm_row_block(n, first);
        GM_INDEPENDENT
        for (size_t i = 0; i < size; i++) {
            g[i] = dy[first + i] * w[first + i];
            h[i] = (x[first + i] - mean) * rstd;
        }
        gm_row_sum_block(&plain, gm_sum_block(g, (gm_u32)size));
        gm_row_sum_block(&product, gm_sum_block_product(g, h, (gm_u32)size));
    }
    const float sum_g = GM_DIV(gm_row_sum_end(&plain), (float)n);
    const float sum_gh = GM_DIV(gm_row_sum_end(&product), (float)n);
    GM_INDEPENDENT
    for (size_t i = 0; i < n; i++)
        dx[i] = gm_layernorm_dx(x[i], w[i], mean, rstd, dy[i], sum_g, sum_gh);
}

static void layernorm_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct norm *o = ctx;
    for (size_t row = item * o->rows_per_item; row < item_end(o, item); row++)
        layernorm_row(o, row);
}

void GM_LEVEL(gm_cpu_layernorm_grad_x_run)(const struct gm_cpu_call *call)
{
    struct norm o = norm_of(call);
    o.mean = call->in[2];
    o.rstd = call->in[3];
    o.dy = call->in[4];
    run(call, &o, layernorm_item);
}

static void rmsnorm_row(const struct norm *o, size_t row)
{
    const float *x = o->x + row * o->n;
    const float *dy = o->dy + row * o->n;
    const float *w = o->w;
    float *dx = o->dx + row * o->n;
    const size_t n = o->n; /* a local: dx could otherwise be where it is stored */
    const float rstd = o->rstd[row];
    float g[GM_SUM_BLOCK], h[GM_SUM_BLOCK];
    struct gm_row_sum product;
    gm_row_sum_begin(&product);
    for (size_t first = 0; first < n; first += GM_SUM_BLOCK) {
        size_t size = gm_row_block(n, first);
        GM_INDEPENDENT
        for (size_t i = 0; i < size; i++) {
            g[i] = dy[first + i] * w[first + i];
            h[i] = x[first + i] * rstd;
        }
        gm_row_sum_block(&product, gm_sum_block_product(g, h, (gm_u32)size));
    }
    const float sum_gh = GM_DIV(gm_row_sum_end(&product), (float)n);
    GM_INDEPENDENT
    for (size_t i = 0; i < n; i++)
        dx[i] = gm_rmsnorm_dx(x[i], w[i], rstd, dy[i], sum_gh);
}

static void rmsnorm_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct norm *o = ctx;
    for (size_t row = item * o->rows_per_item; row < item_end(o, item); row++)
        rmsnorm_row(o, row);
}

void GM_LEVEL(gm_cpu_rmsnorm_grad_x_run)(const struct gm_cpu_call *call)
{
    struct norm o = norm_of(call);
    o.rstd = call->in[2];
    o.dy = call->in[3];
    run(call, &o, rmsnorm_item);
}
