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
    /* Below this many multiplications waking another thread costs more than it saves. */
    SERIAL_WORK_MAX = 1 << 19,
    /* A row-major right operand is read where it lies if a segment of it spans at most so many
       floats, about a core's second cache, or if there are so few rows that packing is most of
       the work. */
    DIRECT_B_SPAN_MAX = 1 << 18,
    DIRECT_B_ROWS_MAX = 28,
    /* Floats between rows that all meet in one set of the first cache. */
    CROWDED_STRIDE = 1024,
    PACK_STEP = 16,  /* rows read side by side, few enough for the processor to foresee */
    STRIP_ROWS = 64, /* a multiple of PACK_STEP */
    ITEMS_PER_THREAD = 4,
    /* Right operands up to this size may be packed once per thread in a batch. */
    BATCH_B_BYTES_MAX = 1 << 19,
};

/* How the left operand reaches the micro-kernel. */
enum left_path {
    LEFT_DIRECT, /* in place */
    LEFT_SHARED, /* a group of rows packed by all threads before the items run */
    LEFT_ITEM,   /* each item packs its own rows */
};

/* One column block, one segment, one group of rows. */
struct job {
    const struct gm_gemm_level *level;
    const struct gm_gemm *gemm;
    float *a_area; /* shared: panels of this group; else one per thread, a_item_floats apart */
    float *b_area; /* panels of this block */
    size_t a_item_floats;
    size_t tile_width, tile_rows;
    size_t column_first, column_count;
    size_t row_first, row_count;
    size_t k_first, k_count;
    size_t rows_per_item;
    size_t row_item_count;
    size_t panels_per_item;
    enum left_path left;
    bool b_direct;
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
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

static size_t a_panels_floats(const struct gm_gemm_level *level, size_t rows, size_t k)
{
    size_t panels = divide_up(rows, level->rows);
    return round_up(panels * level->a_panel_width * min_size(k, GM_GEMM_SEGMENT), 16);
}

static size_t a_item_floats(const struct gm_gemm_level *level, size_t m, size_t k)
{
    return a_panels_floats(level, min_size(m, level->row_block), k);
}

/* Room for either way of packing. */
static size_t a_area_floats(const struct gm_gemm_level *level, size_t threads, size_t m, size_t k)
{
    return max_size(a_panels_floats(level, min_size(m, level->row_group), k),
                    threads * a_item_floats(level, m, k));
}

static size_t b_area_floats(const struct gm_gemm_level *level, size_t n, size_t k)
{
    size_t columns = min_size(round_up(n, tile_width_of(level)), level->column_block);
    return round_up(columns * min_size(k, GM_GEMM_SEGMENT), 16);
}

size_t gm_gemm_workspace_bytes(const struct gm_gemm_level *level, size_t thread_count, size_t m,
                               size_t n, size_t k)
{
    size_t a_floats = a_area_floats(level, thread_count, m, k);
    size_t b_floats = b_area_floats(level, n, k);
    size_t b_copies = b_floats * sizeof(float) <= BATCH_B_BYTES_MAX ? thread_count : 1;
    return (a_floats + b_copies * b_floats) * sizeof(float) + ALIGN_BYTES;
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

/* Packs k_count terms of one panel, from term `k` of the segment on. */
static void pack_panel_part(const struct job *job, size_t index, size_t k, size_t k_count)
{
    const struct gm_gemm_operand *b = &job->gemm->b;
    if (panel_is_direct(job, index))
        return;
    const size_t width = job->tile_width;
    float *target = panel_area(job, index) + k * width;
    size_t columns = panel_columns(job, index);
    size_t column = job->column_first + index * width;
    size_t k_at = job->k_first + k;
    if (b->gather != NULL) {
        /* A gather fills what exists; whole vectors are read. */
        if (columns < width)
            memset(target, 0, width * k_count * sizeof *target);
        b->gather(b->gather_ctx, target, width, column, columns, k_at, k_count);
    } else {
        job->level->pack(target, width, b->data + k_at * b->row_stride + column * b->col_stride,
                         b->col_stride, b->row_stride, columns, k_count);
    }
}

static void pack_panel(void *ctx, size_t index, size_t thread_index)
{
    const struct job *job = ctx;
    (void)thread_index;
    pack_panel_part(job, index, 0, job->k_count);
}

/* Where columns lie side by side, memory is read by whole rows: an item is some rows of all panels.
   Panel by panel each step would touch another page, which costs several times the copy. */
static void pack_strip(void *ctx, size_t index, size_t thread_index)
{
    const struct job *job = ctx;
    (void)thread_index;
    size_t k_end = min_size(job->k_count, (index + 1) * STRIP_ROWS);
    size_t panels = divide_up(job->column_count, job->tile_width);
    for (size_t k = index * STRIP_ROWS; k < k_end; k += PACK_STEP)
        for (size_t panel = 0; panel < panels; panel++)
            pack_panel_part(job, panel, k, min_size(PACK_STEP, k_end - k));
}

static void pack_right(struct job *job, struct gm_pool *pool)
{
    const struct gm_gemm_operand *b = &job->gemm->b;
    if (b->gather == NULL && b->col_stride == 1)
        gm_pool_run(pool, divide_up(job->k_count, STRIP_ROWS), pack_strip, job);
    else
        gm_pool_run(pool, divide_up(job->column_count, job->tile_width), pack_panel, job);
}

/* Packs row_count rows from `row` of the group on, k_count terms from `k` of the segment on; target
   holds the first of these rows' panels. */
static void pack_rows(const struct job *job, float *target, size_t row_first, size_t row_count,
                      size_t k, size_t k_count)
{
    const struct gm_gemm_operand *a = &job->gemm->a;
    const size_t width = job->level->a_panel_width;
    const size_t k_at = job->k_first + k;
    target += k * width;
    for (size_t row = 0; row < row_count; row += job->level->rows) {
        size_t rows = min_size(row_count - row, job->level->rows);
        size_t at = job->row_first + row_first + row;
        if (a->gather != NULL)
            a->gather(a->gather_ctx, target, width, at, rows, k_at, k_count);
        else
            job->level->pack(target, width, a->data + at * a->row_stride + k_at * a->col_stride,
                             a->row_stride, a->col_stride, rows, k_count);
        target += width * job->k_count;
    }
}

/* Some steps of all rows of the group, for operands whose rows lie side by side. */
static void pack_left_strip(void *ctx, size_t index, size_t thread_index)
{
    const struct job *job = ctx;
    (void)thread_index;
    size_t k_end = min_size(job->k_count, (index + 1) * STRIP_ROWS);
    for (size_t k = index * STRIP_ROWS; k < k_end; k += PACK_STEP)
        pack_rows(job, job->a_area, 0, job->row_count, k, min_size(PACK_STEP, k_end - k));
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

/* Rows row_first .. of the group against one panel; a_packed holds their panels. */
static void run_panel(const struct job *job, const float *a_packed, size_t row_first,
                      size_t row_count, size_t panel)
{
    const struct gm_gemm_level *level = job->level;
    const struct gm_gemm *gemm = job->gemm;
    const bool a_direct = job->left == LEFT_DIRECT;
    size_t columns = panel_columns(job, panel);
    size_t column = job->column_first + panel * job->tile_width;
    size_t vectors = divide_up(columns, level->vector_width);
    bool whole = columns % level->vector_width == 0;
    bool b_direct = panel_is_direct(job, panel);
    struct gm_gemm_tile tile = {
        .a_row_stride = a_direct ? gemm->a.row_stride : 1,
        .a_k_stride = a_direct ? gemm->a.col_stride : level->a_panel_width,
        .b = b_direct ? gemm->b.data + job->k_first * gemm->b.row_stride + column
                      : panel_area(job, panel),
        .b_k_stride = b_direct ? gemm->b.row_stride : job->tile_width,
        .c_row_stride = gemm->c_row_stride,
        .bias = gemm->bias != NULL ? gemm->bias + column : NULL,
        .k_count = job->k_count,
        .first = job->k_first == 0,
        .last = job->k_first + job->k_count == gemm->k,
    };
    for (size_t row = 0; row < row_count; row += job->tile_rows) {
        size_t rows = min_size(row_count - row, job->tile_rows);
        size_t at = job->row_first + row_first + row;
        if (a_direct)
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
    size_t row_count = min_size(job->row_count - row_first, job->rows_per_item);
    size_t panel_first = index / job->row_item_count * job->panels_per_item;
    size_t panel_last =
        min_size(divide_up(job->column_count, job->tile_width), panel_first + job->panels_per_item);
    float *a_packed = job->a_area;
    if (job->left == LEFT_SHARED) {
        a_packed += row_first / job->level->rows * job->level->a_panel_width * job->k_count;
    } else if (job->left == LEFT_ITEM) {
        a_packed += thread_index * job->a_item_floats;
        pack_rows(job, a_packed, row_first, row_count, 0, job->k_count);
    }
    for (size_t panel = panel_first; panel < panel_last; panel++)
        run_panel(job, a_packed, row_first, row_count, panel);
}

/* A micro-kernel reads its operands in place as fast as packed, as long as the left one's rows, and
   few enough of the right one's pages, follow each other in memory. */
static void choose_paths(struct job *job, bool may_share)
{
    const struct gm_gemm *gemm = job->gemm;
    const struct gm_gemm_operand *a = &gemm->a;
    const struct gm_gemm_operand *b = &gemm->b;
    size_t b_span = min_size(gemm->k, GM_GEMM_SEGMENT) * b->row_stride;
    job->left = LEFT_ITEM;
    if (a->gather == NULL && a->col_stride == 1) {
        job->left = LEFT_DIRECT;
        if (a->row_stride % CROWDED_STRIDE == 0)
            job->tile_rows = job->level->rows_crowded;
    } else if (a->gather == NULL && a->row_stride == 1 && may_share) {
        job->left = LEFT_SHARED;
    }
    job->b_direct = b->gather == NULL && b->col_stride == 1 &&
                    (gemm->m <= DIRECT_B_ROWS_MAX || b_span <= DIRECT_B_SPAN_MAX);
}

/* One thread takes whole blocks. Several need enough items to end together: first smaller blocks
   of rows, then groups of panels. */
static void choose_items(struct job *job, size_t thread_count)
{
    const struct gm_gemm_level *level = job->level;
    const size_t m = job->row_count;
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

/* One segment, one block of columns: pack the right operand, then group by group of rows. A group
   that is all rows stays packed from block to block. */
static void run_block(struct job *job, struct gm_pool *pool)
{
    const size_t m = job->gemm->m;
    const size_t group = job->left == LEFT_SHARED ? job->level->row_group : m;
    pack_right(job, pool);
    for (job->row_first = 0; job->row_first < m; job->row_first += group) {
        job->row_count = min_size(m - job->row_first, group);
        choose_items(job, gm_pool_thread_count(pool));
        if (job->left == LEFT_SHARED && (m > group || job->column_first == 0))
            gm_pool_run(pool, divide_up(job->k_count, STRIP_ROWS), pack_left_strip, job);
        size_t panels = divide_up(job->column_count, job->tile_width);
        gm_pool_run(pool, job->row_item_count * divide_up(panels, job->panels_per_item), run_item,
                    job);
    }
}

/* Without may_share, a_area has room for one item's rows only. */
static void run_blocks(const struct gm_gemm_level *level, struct gm_pool *pool, float *a_area,
                       float *b_area, bool may_share, const struct gm_gemm *gemm)
{
    struct job job = {
        .level = level,
        .gemm = gemm,
        .a_area = a_area,
        .a_item_floats = a_item_floats(level, gemm->m, gemm->k),
        .b_area = b_area,
        .tile_width = tile_width_of(level),
        .tile_rows = level->rows,
    };
    choose_paths(&job, may_share);
    do { /* an empty sum is one empty segment */
        job.k_count = min_size(gemm->k - job.k_first, GM_GEMM_SEGMENT);
        for (size_t column = 0; column < gemm->n; column += level->column_block) {
            job.column_first = column;
            job.column_count = min_size(gemm->n - column, level->column_block);
            run_block(&job, pool);
        }
        job.k_first += job.k_count;
    } while (job.k_first < gemm->k);
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
    float *b_area = a_area + a_area_floats(level, gm_pool_thread_count(pool), gemm->m, gemm->k);
    run_blocks(level, pool, a_area, b_area, true, gemm);
}

/* A batch of products that are each computed by one thread. */
struct batch_job {
    const struct gm_gemm_level *level;
    const struct gm_gemm_batch *batch;
    float *a_area, *b_area;
    size_t a_item_floats, b_area_floats;
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
    run_blocks(job->level, NULL, job->a_area + thread_index * job->a_item_floats,
               job->b_area + thread_index * job->b_area_floats, false, &gemm);
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
        .b_area = a_area + a_area_floats(level, threads, first->m, first->k),
        .a_item_floats = a_item_floats(level, first->m, first->k),
        .b_area_floats = b_floats,
    };
    if (is_small(first) &&
        is_small(&(struct gm_gemm){.m = first->m * batch->count, .n = first->n, .k = first->k}))
        pool = NULL;
    gm_pool_run(pool, batch->count, run_member, &job);
}
