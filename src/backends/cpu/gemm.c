/* Blocking and threads, the same for every level. Columns are cut into blocks, k into segments of
   the dot rule; for each pair all threads first pack that block of the right operand into panels as
   wide as a tile, then take tiles' worth of rows from a shared counter, each packing its own rows
   of the left operand where that pays. Totals wait in c between segments: a single-precision number
   stored and loaded is the same number. */
#include "backends/cpu/gemm.h"

#include <stdint.h>
#include <string.h>

#include "backends/cpu/gemm_level.h"

enum {
    ALIGN_BYTES = 64,
    PAGE_BYTES = 4096,
    /* Below this many multiplications waking another thread costs more than it saves. */
    SERIAL_WORK_MAX = 1 << 19,
    /* Above this many columns packing the left operand costs less than reading it scattered. */
    DIRECT_A_COLUMNS_MAX = 256,
    /* Up to this many rows a right operand is read where it lies. */
    DIRECT_B_ROWS_MAX = 28,
    ITEMS_PER_THREAD = 4,
    /* Right operands up to this size may be packed once per thread in a batch. */
    BATCH_B_BYTES_MAX = 1 << 19,
};

/* One column block, one segment. */
struct job {
    const struct gm_gemm_level *level;
    const struct gm_gemm *gemm;
    float *a_area; /* one per thread, a_area_floats apart */
    float *b_area; /* panels of this block */
    size_t a_area_floats;
    size_t tile_width;
    size_t column_first, column_count;
    size_t k_first, k_count;
    size_t rows_per_item;
    size_t row_item_count;
    size_t panels_per_item;
    bool a_direct, b_direct;
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t round_up(size_t a, size_t multiple)
{
    return divide_up(a, multiple) * multiple;
}

static size_t tile_width_of(const struct gm_gemm_level *level)
{
    return level->vectors * level->vector_width;
}

static size_t a_area_floats(const struct gm_gemm_level *level, size_t m, size_t k)
{
    size_t panels = divide_up(min_size(m, level->row_block), level->rows);
    return round_up(panels * level->a_panel_width * min_size(k, GM_GEMM_SEGMENT), 16);
}

static size_t b_area_floats(const struct gm_gemm_level *level, size_t n, size_t k)
{
    size_t columns = min_size(round_up(n, tile_width_of(level)), level->column_block);
    return round_up(columns * min_size(k, GM_GEMM_SEGMENT), 16);
}

size_t gm_gemm_workspace_bytes(const struct gm_gemm_level *level, size_t thread_count, size_t m,
                               size_t n, size_t k)
{
    size_t a_floats = a_area_floats(level, m, k);
    size_t b_floats = b_area_floats(level, n, k);
    size_t b_copies = b_floats * sizeof(float) <= BATCH_B_BYTES_MAX ? thread_count : 1;
    return (thread_count * a_floats + b_copies * b_floats) * sizeof(float) + ALIGN_BYTES;
}

/* Columns of panel `index` that exist. */
static size_t panel_columns(const struct job *job, size_t index)
{
    return min_size(job->column_count - index * job->tile_width, job->tile_width);
}

/* Whole vectors of a row-major right operand need no copy. */
static bool panel_is_direct(const struct job *job, size_t index)
{
    return job->b_direct && panel_columns(job, index) % job->level->vector_width == 0;
}

static float *panel_area(const struct job *job, size_t index)
{
    return job->b_area + index * job->tile_width * job->k_count;
}

static void pack_panel(void *ctx, size_t index, size_t thread_index)
{
    (void)thread_index;
    const struct job *job = ctx;
    const struct gm_gemm_operand *b = &job->gemm->b;
    if (panel_is_direct(job, index))
        return;
    float *target = panel_area(job, index);
    size_t columns = panel_columns(job, index);
    size_t column = job->column_first + index * job->tile_width;
    if (b->gather != NULL) {
        /* A gather fills what exists; whole vectors are read. */
        if (columns < job->tile_width)
            memset(target, 0, job->tile_width * job->k_count * sizeof *target);
        b->gather(b->gather_ctx, target, job->tile_width, column, columns, job->k_first,
                  job->k_count);
        return;
    }
    job->level->pack(target, job->tile_width,
                     b->data + job->k_first * b->row_stride + column * b->col_stride, b->col_stride,
                     b->row_stride, columns, job->k_count);
}

static void pack_rows(const struct job *job, float *target, size_t row_first, size_t row_count)
{
    const struct gm_gemm_operand *a = &job->gemm->a;
    const size_t width = job->level->a_panel_width;
    for (size_t row = 0; row < row_count; row += job->level->rows) {
        size_t rows = min_size(row_count - row, job->level->rows);
        if (a->gather != NULL)
            a->gather(a->gather_ctx, target, width, row_first + row, rows, job->k_first,
                      job->k_count);
        else
            job->level->pack(target, width,
                             a->data + (row_first + row) * a->row_stride +
                                 job->k_first * a->col_stride,
                             a->row_stride, a->col_stride, rows, job->k_count);
        target += width * job->k_count;
    }
}

/* A tile whose last vector is not full: computed in a copy. */
static void run_edge(const struct job *job, struct gm_gemm_tile tile, gm_gemm_kernel *kernel,
                     size_t rows, size_t columns)
{
    float copy[GM_GEMM_ROWS_MAX * GM_GEMM_PANEL_MAX] = {0};
    float bias[GM_GEMM_PANEL_MAX] = {0};
    float *c = tile.c;
    size_t c_row_stride = tile.c_row_stride;
    tile.c = copy;
    tile.c_row_stride = job->tile_width;
    if (!tile.first)
        for (size_t i = 0; i < rows; i++)
            memcpy(copy + i * job->tile_width, c + i * c_row_stride, columns * sizeof *c);
    if (tile.bias != NULL) {
        memcpy(bias, tile.bias, columns * sizeof *bias);
        tile.bias = bias;
    }
    kernel(&tile);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * c_row_stride, copy + i * job->tile_width, columns * sizeof *c);
}

/* All rows of an item against one panel. */
static void run_panel(const struct job *job, const float *a_packed, size_t row_first,
                      size_t row_count, size_t panel)
{
    const struct gm_gemm_level *level = job->level;
    const struct gm_gemm *gemm = job->gemm;
    size_t columns = panel_columns(job, panel);
    size_t column = job->column_first + panel * job->tile_width;
    size_t vectors = divide_up(columns, level->vector_width);
    bool whole = columns % level->vector_width == 0;
    bool direct = panel_is_direct(job, panel);
    struct gm_gemm_tile tile = {
        .a_row_stride = job->a_direct ? gemm->a.row_stride : 1,
        .a_k_stride = job->a_direct ? gemm->a.col_stride : level->a_panel_width,
        .b = direct ? gemm->b.data + job->k_first * gemm->b.row_stride + column
                    : panel_area(job, panel),
        .b_k_stride = direct ? gemm->b.row_stride : job->tile_width,
        .c_row_stride = gemm->c_row_stride,
        .bias = gemm->bias != NULL ? gemm->bias + column : NULL,
        .k_count = job->k_count,
        .first = job->k_first == 0,
        .last = job->k_first + job->k_count == gemm->k,
    };
    for (size_t row = 0; row < row_count; row += level->rows) {
        size_t rows = min_size(row_count - row, level->rows);
        size_t at = row_first + row;
        if (job->a_direct)
            tile.a = gemm->a.data + at * gemm->a.row_stride + job->k_first * gemm->a.col_stride;
        else
            tile.a = a_packed + row / level->rows * level->a_panel_width * job->k_count;
        tile.c = gemm->c + at * gemm->c_row_stride + column;
        gm_gemm_kernel *kernel = level->kernels[vectors - 1][rows - 1];
        if (whole)
            kernel(&tile);
        else
            run_edge(job, tile, kernel, rows, columns);
    }
}

static void run_item(void *ctx, size_t index, size_t thread_index)
{
    const struct job *job = ctx;
    size_t row_first = index % job->row_item_count * job->rows_per_item;
    size_t row_count = min_size(job->gemm->m - row_first, job->rows_per_item);
    size_t panel_first = index / job->row_item_count * job->panels_per_item;
    size_t panel_last =
        min_size(divide_up(job->column_count, job->tile_width), panel_first + job->panels_per_item);
    float *a_packed = job->a_area + thread_index * job->a_area_floats;
    if (!job->a_direct)
        pack_rows(job, a_packed, row_first, row_count);
    for (size_t panel = panel_first; panel < panel_last; panel++)
        run_panel(job, a_packed, row_first, row_count, panel);
}

/* Rows that would fall into the same few sets of the first cache are better packed. */
static bool stride_is_unlucky(size_t stride)
{
    return stride * sizeof(float) % PAGE_BYTES == 0;
}

static void choose_paths(struct job *job)
{
    const struct gm_gemm *gemm = job->gemm;
    job->a_direct = gemm->a.gather == NULL && gemm->a.col_stride == 1 &&
                    gemm->n <= DIRECT_A_COLUMNS_MAX && !stride_is_unlucky(gemm->a.row_stride);
    job->b_direct =
        gemm->b.gather == NULL && gemm->b.col_stride == 1 && gemm->m <= DIRECT_B_ROWS_MAX;
}

/* One thread takes whole blocks. Several need enough items to end together: first smaller blocks
   of rows, then groups of panels. */
static void choose_items(struct job *job, size_t thread_count)
{
    const struct gm_gemm_level *level = job->level;
    const size_t m = job->gemm->m;
    size_t panels = divide_up(job->column_count, job->tile_width);
    size_t wanted = thread_count * ITEMS_PER_THREAD;
    job->rows_per_item = level->row_block;
    job->panels_per_item = panels;
    if (thread_count > 1) {
        size_t least = 2 * level->rows;
        while (job->rows_per_item > least && divide_up(m, job->rows_per_item) < wanted)
            job->rows_per_item -= level->rows;
        size_t row_items = divide_up(m, job->rows_per_item);
        size_t groups = min_size(divide_up(wanted, row_items), divide_up(panels, 4));
        job->panels_per_item = divide_up(panels, groups);
    }
    job->row_item_count = divide_up(m, job->rows_per_item);
}

static void run_blocks(const struct gm_gemm_level *level, struct gm_pool *pool, float *a_area,
                       float *b_area, size_t a_thread_index, const struct gm_gemm *gemm)
{
    struct job job = {
        .level = level,
        .gemm = gemm,
        .a_area_floats = a_area_floats(level, gemm->m, gemm->k),
        .b_area = b_area,
        .tile_width = tile_width_of(level),
    };
    job.a_area = a_area + a_thread_index * job.a_area_floats;
    choose_paths(&job);
    for (size_t column = 0; column < gemm->n; column += level->column_block) {
        job.column_first = column;
        job.column_count = min_size(gemm->n - column, level->column_block);
        choose_items(&job, gm_pool_thread_count(pool));
        size_t panels = divide_up(job.column_count, job.tile_width);
        size_t items = job.row_item_count * divide_up(panels, job.panels_per_item);
        job.k_first = 0;
        do { /* an empty sum is one empty segment */
            job.k_count = min_size(gemm->k - job.k_first, GM_GEMM_SEGMENT);
            gm_pool_run(pool, panels, pack_panel, &job);
            gm_pool_run(pool, items, run_item, &job);
            job.k_first += job.k_count;
        } while (job.k_first < gemm->k);
    }
}

static bool is_small(const struct gm_gemm *gemm)
{
    return (double)gemm->m * (double)gemm->n * (double)gemm->k <= (double)SERIAL_WORK_MAX;
}

static float *aligned(void *workspace)
{
    return (float *)(((uintptr_t)workspace + ALIGN_BYTES - 1) & ~(uintptr_t)(ALIGN_BYTES - 1));
}

void gm_gemm_run(const struct gm_gemm_level *level, struct gm_pool *pool, void *workspace,
                 const struct gm_gemm *gemm)
{
    if (gemm->m == 0 || gemm->n == 0)
        return;
    if (is_small(gemm))
        pool = NULL;
    float *a_area = aligned(workspace);
    float *b_area = a_area + gm_pool_thread_count(pool) * a_area_floats(level, gemm->m, gemm->k);
    run_blocks(level, pool, a_area, b_area, 0, gemm);
}

/* A batch of products that are each computed by one thread. */
struct batch_job {
    const struct gm_gemm_level *level;
    const struct gm_gemm_batch *batch;
    float *a_area, *b_area;
    size_t b_area_floats;
};

static struct gm_gemm batch_member(const struct gm_gemm_batch *batch, size_t index)
{
    struct gm_gemm gemm = batch->first;
    if (gemm.a.gather == NULL)
        gemm.a.data += index * batch->a_stride;
    if (gemm.b.gather == NULL)
        gemm.b.data += index * batch->b_stride;
    gemm.c += index * batch->c_stride;
    return gemm;
}

static void run_member(void *ctx, size_t index, size_t thread_index)
{
    const struct batch_job *job = ctx;
    struct gm_gemm gemm = batch_member(job->batch, index);
    run_blocks(job->level, NULL, job->a_area, job->b_area + thread_index * job->b_area_floats,
               thread_index, &gemm);
}

void gm_gemm_run_batch(const struct gm_gemm_level *level, struct gm_pool *pool, void *workspace,
                       const struct gm_gemm_batch *batch)
{
    const struct gm_gemm *first = &batch->first;
    if (first->m == 0 || first->n == 0)
        return;
    size_t threads = gm_pool_thread_count(pool);
    size_t b_floats = b_area_floats(level, first->n, first->k);
    bool whole = batch->count >= threads && b_floats * sizeof(float) <= BATCH_B_BYTES_MAX;
    if (!whole) {
        for (size_t i = 0; i < batch->count; i++) {
            struct gm_gemm gemm = batch_member(batch, i);
            gm_gemm_run(level, pool, workspace, &gemm);
        }
        return;
    }
    float *a_area = aligned(workspace);
    struct batch_job job = {
        .level = level,
        .batch = batch,
        .a_area = a_area,
        .b_area = a_area + threads * a_area_floats(level, first->m, first->k),
        .b_area_floats = b_floats,
    };
    if (is_small(first) &&
        is_small(&(struct gm_gemm){.m = first->m * batch->count, .n = first->n, .k = first->k}))
        pool = NULL;
    gm_pool_run(pool, batch->count, run_member, &job);
}
