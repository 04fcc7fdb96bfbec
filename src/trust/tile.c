#include "trust/tile.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

static enum gm_status too_large(struct gm_error *err)
{
    return gm_error_set(err, GM_LIMIT, "tensor: its size does not fit 62 bits");
}

static bool fits(uint64_t bytes)
{
    return bytes <= (uint64_t)1 << 62;
}

enum gm_status gm_tile_layout_init(struct gm_tile_layout *layout, uint32_t element_bytes,
                                   uint32_t rank, const uint64_t *dims, struct gm_error *err)
{
    uint64_t rows = 1, columns = 1;
    *layout = (struct gm_tile_layout){0};
    if (element_bytes != 1 && element_bytes != 2 && element_bytes != 4 && element_bytes != 8)
        return gm_error_set(err, GM_INVALID,
                            "tensor: elements of %" PRIu32 " bytes, expected 1, 2, 4 or 8",
                            element_bytes);
    if (rank > GM_TILE_RANK_MAX)
        return gm_error_set(err, GM_INVALID, "tensor: rank %" PRIu32 ", at most %d allowed", rank,
                            GM_TILE_RANK_MAX);
    for (uint32_t d = 0; d < rank; d++) {
        if (dims[d] == 0)
            return GM_OK; /* empty, whatever the other dimensions say */
    }
    for (uint32_t d = 0; d + 1 < rank; d++) {
        if (!gm_u64_mul(rows, dims[d], &rows))
            return too_large(err);
    }
    if (rank > 0)
        columns = dims[rank - 1];
    if (!gm_u64_mul(columns, element_bytes, &layout->row_size_bytes) ||
        !gm_u64_mul(rows, layout->row_size_bytes, &layout->data_bytes) || !fits(layout->data_bytes))
        return too_large(err);
    layout->tiled = element_bytes == 4 && rank >= 2 && columns >= GM_TILE_SIDE;
    if (!layout->tiled) {
        layout->row_size_bytes = 0;
        layout->tile_count = (layout->data_bytes + GM_TILE_BYTES - 1) / GM_TILE_BYTES;
    } else {
        layout->rows = rows;
        layout->columns = columns;
        layout->tile_columns = (columns + GM_TILE_SIDE - 1) / GM_TILE_SIDE;
        layout->tile_count = (rows + GM_TILE_SIDE - 1) / GM_TILE_SIDE * layout->tile_columns;
    }
    if (!gm_u64_mul(layout->tile_count, GM_TILE_BYTES, &layout->blob_bytes) ||
        !fits(layout->blob_bytes))
        return too_large(err);
    return GM_OK;
}

/* A run of blob bytes that lies in one piece of the tensor, or is padding. */
struct run {
    uint64_t offset_bytes; /* in the tensor */
    size_t data_bytes;     /* first these, from the tensor */
    size_t zero_bytes;     /* then these, padding */
};

/* The run that starts at blob byte `at`: up to the end of a tile's row, or of the blob's data. */
static struct run run_at(const struct gm_tile_layout *layout, uint64_t at, size_t size_bytes)
{
    struct run run = {0};
    uint64_t data_bytes = 0, run_bytes;
    if (!layout->tiled) {
        run.offset_bytes = at;
        run_bytes = layout->blob_bytes - at;
        data_bytes = at < layout->data_bytes ? layout->data_bytes - at : 0;
    } else {
        uint64_t tile = at / GM_TILE_BYTES;
        uint64_t row =
            tile / layout->tile_columns * GM_TILE_SIDE + at % GM_TILE_BYTES / GM_TILE_ROW_BYTES;
        uint64_t in_row = tile % layout->tile_columns * GM_TILE_ROW_BYTES + at % GM_TILE_ROW_BYTES;
        run_bytes = GM_TILE_ROW_BYTES - at % GM_TILE_ROW_BYTES;
        if (row < layout->rows && in_row < layout->row_size_bytes) {
            run.offset_bytes = row * layout->row_size_bytes + in_row;
            data_bytes = layout->row_size_bytes - in_row;
        }
    }
    run_bytes = run_bytes < size_bytes ? run_bytes : size_bytes;
    run.data_bytes = (size_t)(data_bytes < run_bytes ? data_bytes : run_bytes);
    run.zero_bytes = (size_t)run_bytes - run.data_bytes;
    return run;
}

void gm_tile_pack(const struct gm_tile_layout *layout, const void *tensor, uint64_t at, void *out,
                  size_t size_bytes)
{
    const uint8_t *from = tensor;
    uint8_t *to = out;
    assert(at <= layout->blob_bytes && size_bytes <= layout->blob_bytes - at);
    while (size_bytes > 0) {
        struct run run = run_at(layout, at, size_bytes);
        if (run.data_bytes > 0)
            memcpy(to, from + run.offset_bytes, run.data_bytes);
        memset(to + run.data_bytes, 0, run.zero_bytes);
        to += run.data_bytes + run.zero_bytes;
        at += run.data_bytes + run.zero_bytes;
        size_bytes -= run.data_bytes + run.zero_bytes;
    }
}

enum gm_status gm_tile_unpack(const struct gm_tile_layout *layout, void *tensor, uint64_t at,
                              const void *blob, size_t size_bytes, struct gm_error *err)
{
    uint8_t *to = tensor;
    const uint8_t *from = blob;
    if (at > layout->blob_bytes || size_bytes > layout->blob_bytes - at)
        return gm_error_set(err, GM_INVALID,
                            "tensor blob: %zu bytes at %" PRIu64 ", but it has %" PRIu64,
                            size_bytes, at, layout->blob_bytes);
    while (size_bytes > 0) {
        struct run run = run_at(layout, at, size_bytes);
        if (run.data_bytes > 0)
            memcpy(to + run.offset_bytes, from, run.data_bytes);
        for (size_t i = run.data_bytes; i < run.data_bytes + run.zero_bytes; i++) {
            if (from[i] != 0)
                return gm_error_set(err, GM_INVALID,
                                    "tensor blob: padding at byte %" PRIu64 " is not zero", at + i);
        }
        from += run.data_bytes + run.zero_bytes;
        at += run.data_bytes + run.zero_bytes;
        size_bytes -= run.data_bytes + run.zero_bytes;
    }
    return GM_OK;
}
