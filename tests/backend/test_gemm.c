/* Every level and every number of threads must store the bits that the dot rule names. The rule is
   written out below in its plainest form; shapes, strides and values are drawn to meet each edge.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/gemm.h"
#include "backends/cpu/pool.h"
#include "base/mem.h"
#include "gm_test.h"

enum { POOL_COUNT = 4 };

static const size_t thread_counts[POOL_COUNT] = {1, 2, 3, 5};

/* A matrix in the middle of foreign numbers, which nobody may touch. */
struct matrix {
    float *data;
    size_t floats;
};

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static struct matrix matrix_new(size_t floats)
{
    struct matrix matrix = {.data = gm_mem_new(floats + 1, sizeof(float)), .floats = floats};
    cr_assert_not_null(matrix.data);
    return matrix;
}

/* Values with full mantissas, so that every other order of additions shows. */
static struct matrix matrix_random(size_t floats, uint32_t seed)
{
    struct matrix matrix = matrix_new(floats);
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < floats; i++)
        matrix.data[i] = (float)(int32_t)next_random(&state) * 0x1p-31f;
    return matrix;
}

/* Among ordinary values: signed zeros, subnormals, and, where asked, infinities and NaN. */
static struct matrix matrix_special(size_t floats, uint32_t seed, bool not_finite)
{
    static const uint32_t special[] = {0x00000000, 0x80000000, 0x00000001, 0x80000001,
                                       0x007fffff, 0x80400000, 0x1f800000, 0x9f800000,
                                       0x7f800000, 0xff800000, 0x7fc01234, 0xffa00001};
    struct matrix matrix = matrix_random(floats, seed);
    uint32_t state = seed + 77;
    for (size_t i = 0; i < floats; i++) {
        uint32_t draw = next_random(&state);
        size_t kind = draw % (not_finite ? 400 : 24);
        size_t known = not_finite ? 12 : 8;
        if (kind < known)
            memcpy(&matrix.data[i], &special[kind], sizeof(float));
    }
    return matrix;
}

static float dot_rule(const struct gm_gemm *g, size_t i, size_t j)
{
    float total = 0;
    for (size_t first = 0; first < g->k; first += 1024) {
        float chain = 0;
        for (size_t k = first; k < g->k && k < first + 1024; k++)
            chain = fmaf(g->a.data[i * g->a.row_stride + k * g->a.col_stride],
                         g->b.data[k * g->b.row_stride + j * g->b.col_stride], chain);
        total = total + chain;
    }
    if (g->bias != NULL)
        total = total + g->bias[j];
    static const uint32_t canonical = 0x7fc00000;
    if (isnan(total))
        memcpy(&total, &canonical, sizeof total);
    return total;
}

static void fill_expected(const struct gm_gemm *g, float *target)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++)
            target[i * g->c_row_stride + j] = dot_rule(g, i, j);
}

static const float UNTOUCHED = 12345.5f;

static void fill_untouched(float *data, size_t count)
{
    for (size_t i = 0; i < count; i++)
        data[i] = UNTOUCHED;
}

/* The pools live as long as one test: making threads is dear where there are few cores. */
struct pools {
    struct gm_pool *pool[POOL_COUNT];
};

static struct pools pools_new(void)
{
    struct pools pools;
    struct gm_error err = {0};
    for (size_t i = 0; i < POOL_COUNT; i++)
        cr_assert(gm_pool_new(thread_counts[i], false, &pools.pool[i], &err) == GM_OK, "%s",
                  err.text);
    return pools;
}

static void pools_free(struct pools *pools)
{
    for (size_t i = 0; i < POOL_COUNT; i++)
        gm_pool_free(pools->pool[i]);
}

/* Runs `batch` on every level and pool and compares all of c, the gaps between rows included. */
static void check_batch(const struct pools *pools, struct gm_gemm_batch batch,
                        const float *expected, size_t c_floats, const char *what)
{
    struct gm_gemm *g = &batch.first;
    for (int level = 0; level < GM_CPU_LEVEL_COUNT; level++) {
        const struct gm_gemm_level *gemm_level = gm_gemm_level_get((enum gm_cpu_level)level);
        if (gemm_level == NULL)
            continue;
        for (size_t p = 0; p < POOL_COUNT; p++) {
            struct matrix c = matrix_new(c_floats);
            fill_untouched(c.data, c_floats);
            size_t bytes = gm_gemm_workspace_bytes(gemm_level, thread_counts[p], g->m, g->n, g->k);
            void *workspace = gm_mem_new(1, bytes);
            cr_assert_not_null(workspace);
            g->c = c.data;
            if (batch.count == 1)
                gm_gemm_run(gemm_level, pools->pool[p], workspace, g);
            else
                gm_gemm_run_batch(gemm_level, pools->pool[p], workspace, &batch);
            cr_assert(memcmp(c.data, expected, c_floats * sizeof(float)) == 0,
                      "%s: m %zu n %zu k %zu, level %s, %zu threads", what, g->m, g->n, g->k,
                      gm_cpu_level_name((enum gm_cpu_level)level), thread_counts[p]);
            gm_mem_free(workspace);
            gm_mem_free(c.data);
        }
    }
}

static void check(const struct pools *pools, struct gm_gemm g, const char *what)
{
    size_t c_floats = g.m * g.c_row_stride;
    struct matrix expected = matrix_new(c_floats);
    fill_untouched(expected.data, c_floats);
    fill_expected(&g, expected.data);
    check_batch(pools, (struct gm_gemm_batch){.first = g, .count = 1}, expected.data, c_floats,
                what);
    gm_mem_free(expected.data);
}

/* Strides for a (rows, cols) matrix stored plainly or transposed, with some floats of padding. */
static struct gm_gemm_operand operand(const float *data, size_t rows, size_t cols, bool transposed,
                                      size_t padding)
{
    struct gm_gemm_operand result = {.data = data};
    result.row_stride = transposed ? 1 : cols + padding;
    result.col_stride = transposed ? rows + padding : 1;
    return result;
}

static void check_shape(const struct pools *pools, size_t m, size_t n, size_t k, const float *bias)
{
    enum { PADDING = 3 };
    struct matrix a = matrix_random((m + PADDING) * (k + PADDING), 1);
    struct matrix b = matrix_random((n + PADDING) * (k + PADDING), 2);
    for (int transposes = 0; transposes < 4; transposes++) {
        struct gm_gemm g = {.m = m, .n = n, .k = k, .c_row_stride = n + 2, .bias = bias};
        g.a = operand(a.data, m, k, (transposes & 1) != 0, PADDING);
        g.b = operand(b.data, k, n, (transposes & 2) != 0, PADDING);
        check(pools, g, "odd shape");
    }
    gm_mem_free(a.data);
    gm_mem_free(b.data);
}

Test(gemm, follows_the_dot_rule_for_every_edge_of_k)
{
    static const size_t ks[] = {0, 1, 7, 64, 1023, 1024, 1025, 2500};
    struct pools pools = pools_new();
    struct matrix bias = matrix_random(64, 3);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
        check_shape(&pools, 17, 35, ks[i], i % 2 == 0 ? bias.data : NULL);
    gm_mem_free(bias.data);
    pools_free(&pools);
}

Test(gemm, follows_the_dot_rule_for_every_edge_of_m_and_n)
{
    static const size_t shapes[][2] = {{1, 1},  {1, 100}, {2, 16},  {3, 32},  {5, 10},   {6, 64},
                                       {13, 7}, {14, 33}, {15, 48}, {29, 31}, {71, 65},  {100, 1},
                                       {64, 3}, {28, 96}, {30, 96}, {4, 257}, {150, 300}};
    struct pools pools = pools_new();
    struct matrix bias = matrix_random(512, 4);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shape(&pools, shapes[i][0], shapes[i][1], 37, i % 2 == 0 ? bias.data : NULL);
    gm_mem_free(bias.data);
    pools_free(&pools);
}

/* Large enough that columns, segments, and rows or groups of rows are cut, at every level. */
Test(gemm, follows_the_dot_rule_when_work_is_cut_in_all_directions)
{
    struct pools pools = pools_new();
    check_shape(&pools, 40, 1037, 1026, NULL);
    check_shape(&pools, 1050, 9, 1026, NULL);
    pools_free(&pools);
}

Test(gemm, keeps_subnormals_signed_zeros_and_makes_nan_canonical)
{
    struct pools pools = pools_new();
    for (int not_finite = 0; not_finite < 2; not_finite++) {
        struct matrix a = matrix_special(45 * 1500, 5, not_finite != 0);
        struct matrix b = matrix_special(70 * 1500, 6, not_finite != 0);
        struct matrix bias = matrix_special(70, 7, not_finite != 0);
        struct gm_gemm g = {.m = 45, .n = 70, .k = 1500, .c_row_stride = 70, .bias = bias.data};
        for (size_t k = 1; k <= 1500; k = k * 5 + 1) {
            g.k = k;
            g.a = operand(a.data, g.m, k, false, 0);
            g.b = operand(b.data, k, g.n, false, 0);
            check(&pools, g, not_finite != 0 ? "not finite" : "subnormal");
        }
        gm_mem_free(a.data);
        gm_mem_free(b.data);
        gm_mem_free(bias.data);
    }
    pools_free(&pools);
}

/* A product of two tiny negatives and positives rounds to -0 in the chain; the total is +0. */
Test(gemm, stores_plus_zero_where_a_chain_ends_in_minus_zero)
{
    struct pools pools = pools_new();
    float tiny[] = {0x1p-100f, 0x1p-100f};
    float minus[] = {-0x1p-100f, -0x1p-100f};
    struct gm_gemm g = {.m = 2, .n = 2, .k = 1, .c_row_stride = 2};
    g.a = operand(tiny, 2, 1, false, 0);
    g.b = operand(minus, 1, 2, false, 0);
    cr_assert(signbit(fmaf(tiny[0], minus[0], 0.0f)) != 0);
    cr_assert(signbit(dot_rule(&g, 0, 0)) == 0);
    check(&pools, g, "minus zero");
    pools_free(&pools);
}

/* Batches: many small ones are shared whole, and operands may be shared or interleaved. */
static void check_batched(const struct pools *pools, size_t count, size_t m, size_t n, size_t k,
                          bool share_b)
{
    struct matrix a = matrix_random(count * m * k, 8);
    struct matrix b = matrix_random(count * n * k, 9);
    struct gm_gemm_batch batch = {.count = count, .a_stride = m * k, .c_stride = n};
    batch.b_stride = share_b ? 0 : n * k;
    /* Results side by side, as attention heads lie. */
    batch.first = (struct gm_gemm){.m = m, .n = n, .k = k, .c_row_stride = n * count};
    batch.first.a = operand(a.data, m, k, false, 0);
    batch.first.b = operand(b.data, k, n, true, 0);
    struct matrix expected = matrix_new(m * n * count);
    for (size_t i = 0; i < count; i++) {
        struct gm_gemm g = batch.first;
        g.a.data += i * batch.a_stride;
        g.b.data += i * batch.b_stride;
        fill_expected(&g, expected.data + i * batch.c_stride);
    }
    check_batch(pools, batch, expected.data, m * n * count, "batch");
    gm_mem_free(expected.data);
    gm_mem_free(a.data);
    gm_mem_free(b.data);
}

Test(gemm, computes_batches_alike_whole_or_cut)
{
    struct pools pools = pools_new();
    check_batched(&pools, 12, 33, 40, 64, false);
    check_batched(&pools, 7, 20, 33, 1030, true);
    check_batched(&pools, 2, 130, 150, 100, false);
    check_batched(&pools, 0, 3, 4, 5, false);
    pools_free(&pools);
}

/* A rule instead of memory: each line of the matrix starts one element later in a signal, which is
   how patches of a convolution overlap. Terms beyond the signal's end are zero. */
struct signal {
    const float *data;
    size_t length;
};

static float signal_at(const struct signal *signal, size_t index)
{
    return index < signal->length ? signal->data[index] : 0.0f;
}

static void gather_signal(const void *ctx, float *target, size_t target_stride, size_t line_first,
                          size_t line_count, size_t k_first, size_t k_count)
{
    for (size_t k = 0; k < k_count; k++)
        for (size_t i = 0; i < line_count; i++)
            target[k * target_stride + i] = signal_at(ctx, line_first + i + k_first + k);
}

Test(gemm, multiplies_matrices_that_are_only_a_rule)
{
    enum { M = 75, N = 81, K = 1200 };
    struct pools pools = pools_new();
    struct matrix data = matrix_random(1230, 10);
    struct matrix other = matrix_random(K * N, 11);
    struct matrix whole = matrix_new(N * K);
    struct signal signal = {.data = data.data, .length = data.floats};
    for (size_t line = 0; line < N; line++)
        for (size_t k = 0; k < K; k++)
            whole.data[line * K + k] = signal_at(&signal, line + k);
    for (int side = 0; side < 2; side++) {
        struct gm_gemm g = {.m = M, .n = N, .k = K, .c_row_stride = N};
        g.a = operand(side == 0 ? whole.data : other.data, M, K, false, 0);
        g.b = operand(side == 0 ? other.data : whole.data, K, N, true, 0);
        struct matrix expected = matrix_new(M * N);
        fill_expected(&g, expected.data);
        struct gm_gemm_operand *rule = side == 0 ? &g.a : &g.b;
        *rule = (struct gm_gemm_operand){.gather = gather_signal, .gather_ctx = &signal};
        check_batch(&pools, (struct gm_gemm_batch){.first = g, .count = 1}, expected.data, M * N,
                    "gathered");
        gm_mem_free(expected.data);
    }
    gm_mem_free(whole.data);
    gm_mem_free(other.data);
    gm_mem_free(data.data);
    pools_free(&pools);
}
