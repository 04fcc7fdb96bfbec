/* Softmax cross-entropy and squared error, row by row. */
#include "backends/cpu/level_fast.h"
#include "backends/cpu/level_rows.h"
#include "kernels/loss.cl"

struct loss {
    const struct gm_cpu_call *call;
    size_t rows, n, rows_per_item;
    float *row_loss; /* scratch */
};

static struct loss loss_of(const struct gm_cpu_call *call)
{
    struct loss o = {.call = call,
                     .rows = (size_t)gm_tensor_rows(call->inputs[0]),
                     .n = (size_t)gm_tensor_cols(call->inputs[0]),
                     .row_loss = (float *)(void *)call->scratch};
    o.rows_per_item = gm_rows_per_item(o.n);
    return o;
}

static size_t item_count(const struct loss *o)
{
    return (o->rows + o->rows_per_item - 1) / o->rows_per_item;
}

static size_t item_end(const struct loss *o, size_t item)
{
    size_t end = (item + 1) * o->rows_per_item;
    return end > o->rows ? o->rows : end;
}

static float sum_exp(const float *x, size_t n, float best)
{
    float e[GM_SUM_BLOCK];
    struct gm_row_sum sum;
    gm_row_sum_begin(&sum);
    for (size_t first = 0; first < n; first += GM_SUM_BLOCK) {
        size_t size = gm_row_block(n, first);
        GM_INDEPENDENT
        for (size_t i = 0; i < size; i++)
            e[i] = gm_f32_exp(x[first + i] - best);
        gm_row_sum_block(&sum, gm_sum_block(e, (gm_u32)size));
    }
    return gm_row_sum_end(&sum);
}

static void loss_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct loss *o = ctx;
    const gm_u32 *target = o->call->in[1];
    float *m = o->call->out[2];
    float *l = o->call->out[3];
    for (size_t row = item * o->rows_per_item; row < item_end(o, item); row++) {
        const float *x = (const float *)o->call->in[0] + row * o->n;
        float best = gm_row_max(x, o->n);
        float total = sum_exp(x, o->n, best);
        m[row] = gm_f32_canonical(best);
        l[row] = gm_f32_canonical(total);
        o->row_loss[row] =
            target[row] == GM_LOSS_IGNORED ? 0.0f : gm_f32_log(total) + (best - x[target[row]]);
    }
}

void GM_LEVEL(gm_cpu_cross_entropy_run)(const struct gm_cpu_call *call)
{
    struct loss o = loss_of(call);
    gm_pool_run(call->pool, item_count(&o), loss_item, &o);
    const gm_u32 *target = call->in[1];
    gm_u32 used = 0;
    for (size_t row = 0; row < o.rows; row++)
        used += target[row] != GM_LOSS_IGNORED;
    *(float *)call->out[0] = gm_f32_canonical(gm_sum_f32(o.row_loss, o.rows));
    *(gm_u32 *)call->out[1] = used;
}

size_t GM_LEVEL(gm_cpu_cross_entropy_scratch)(const struct gm_cpu_call *call)
{
    return (size_t)gm_tensor_rows(call->inputs[0]) * sizeof(float);
}

/* Every column as if it were not the target, then the target itself. */
static void grad_item(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct loss *o = ctx;
    const gm_u32 *target = o->call->in[1];
    const float dloss = *(const float *)o->call->in[4];
    for (size_t row = item * o->rows_per_item; row < item_end(o, item); row++) {
        const float *x = (const float *)o->call->in[0] + row * o->n;
        float *dx = (float *)o->call->out[0] + row * o->n;
        const float m = ((const float *)o->call->in[2])[row];
        const float l = ((const float *)o->call->in[3])[row];
        const size_t n = o->n; /* a local: dx could otherwise be where it is stored */
        const gm_u32 t = target[row];
        const gm_u32 ignored = t == GM_LOSS_IGNORED;
        const float at_target = ignored ? 0.0f : x[t]; /* dx may stand in the place of x */
        GM_INDEPENDENT
        for (size_t i = 0; i < n; i++)
            dx[i] = gm_cross_entropy_dx(x[i], m, l, 0, ignored, dloss);
        if (!ignored)
            dx[t] = gm_cross_entropy_dx(at_target, m, l, 1, 0, dloss);
    }
}

void GM_LEVEL(gm_cpu_cross_entropy_grad_run)(const struct gm_cpu_call *call)
{
    struct loss o = loss_of(call);
    gm_pool_run(call->pool, item_count(&o), grad_item, &o);
}

/* ---- squared error ---- */

struct mse {
    const float *x, *t;
    float *blocks;
    size_t count;
};

static void mse_item(void *ctx, size_t block, size_t thread)
{
    (void)thread;
    const struct mse *o = ctx;
    float d[GM_SUM_BLOCK];
    size_t first = block * GM_SUM_BLOCK;
    size_t size = gm_row_block(o->count, first);
    GM_INDEPENDENT
    for (size_t i = 0; i < size; i++)
        d[i] = o->x[first + i] - o->t[first + i];
    o->blocks[block] = gm_sum_block_product(d, d, (gm_u32)size);
}

static size_t mse_blocks(const struct gm_cpu_call *call)
{
    return (size_t)((gm_tensor_count(call->inputs[0]) + GM_SUM_BLOCK - 1) / GM_SUM_BLOCK);
}

void GM_LEVEL(gm_cpu_mse_run)(const struct gm_cpu_call *call)
{
    struct mse o = {.x = call->in[0],
                    .t = call->in[1],
                    .blocks = (float *)(void *)call->scratch,
                    .count = (size_t)gm_tensor_count(call->inputs[0])};
    size_t blocks = mse_blocks(call);
    gm_pool_run(call->pool, blocks, mse_item, &o);
    *(float *)call->out[0] =
        gm_f32_canonical(blocks == 1 ? o.blocks[0] : gm_sum_f32(o.blocks, blocks));
    *(gm_u32 *)call->out[1] = (gm_u32)o.count;
}

size_t GM_LEVEL(gm_cpu_mse_scratch)(const struct gm_cpu_call *call)
{
    return mse_blocks(call) * sizeof(float);
}
