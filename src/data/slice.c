#include "data/slice.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/num/feistel.h"
#include "trust/tile.h"

enum { TILES_AT_ONCE = 64 };

struct reading {
    const struct gm_slice *slice;
    const struct gm_slice_reader *reader;
    const struct gm_tensor_desc *desc;
    struct gm_tile_layout layout; /* of the data set */
    uint64_t sample_bytes;        /* of one sample in the data set */
    uint64_t out_bytes;           /* of one sample in `out` */
    uint8_t *scratch;             /* sample_bytes, or TILES_AT_ONCE tiles and sample_bytes */
};

uint64_t gm_slice_sample(const struct gm_slice *slice, uint64_t position)
{
    uint64_t at = slice->position + position;
    uint64_t index = at % slice->samples_total;
    if (slice->shuffle) {
        struct gm_feistel feistel =
            gm_feistel_begin(slice->order_seed, at / slice->samples_total, slice->samples_total);
        index = gm_feistel_at(&feistel, index);
    }
    return slice->samples_first + index;
}

/* Elements of the data set become elements of the input. */
static void elements_convert(enum gm_dtype from, enum gm_dtype to, const uint8_t *source,
                             uint64_t count, void *out)
{
    if (from == to) {
        memcpy(out, source, count * gm_dtype_size_bytes(from));
        return;
    }
    uint32_t *words = out;
    float *reals = out;
    for (uint64_t i = 0; i < count; i++) {
        if (to == GM_DTYPE_F32)
            reals[i] = (float)source[i] / 255.0f;
        else
            words[i] = from == GM_DTYPE_U8
                           ? source[i]
                           : (uint32_t)source[2 * i] | (uint32_t)source[2 * i + 1] << 8;
    }
}

/* tokens [first, first + seq) of a 1-d blob, which is its bytes as they are */
static enum gm_status tokens_read(const struct reading *r, uint64_t sample, uint8_t *out,
                                  struct gm_error *err)
{
    const struct gm_slice *slice = r->slice;
    uint64_t first = sample * slice->seq + (slice->kind == GM_SLICE_TOKENS_Y);
    uint64_t token_bytes = gm_dtype_size_bytes(slice->desc.dtype);
    GM_TRY(r->reader->read(r->reader->ctx, &slice->root, first * token_bytes, r->scratch,
                           slice->seq * token_bytes, err));
    elements_convert(slice->desc.dtype, GM_DTYPE_U32, r->scratch, slice->seq, out);
    return GM_OK;
}

/* Row `row` of the tiled matrix, columns in `out`: reads whole tiles, many in one call, because a
   call may go far while the bytes are in the page cache or a network piece anyway. */
static enum gm_status tiled_row_read(const struct reading *r, uint64_t row, uint8_t *out,
                                     struct gm_error *err)
{
    const struct gm_tile_layout *layout = &r->layout;
    uint64_t line_bytes = (row % GM_TILE_SIDE) * GM_TILE_ROW_BYTES;
    uint64_t left_bytes = layout->row_size_bytes;
    for (uint64_t tile = 0; tile < layout->tile_columns; tile += TILES_AT_ONCE) {
        uint64_t count = layout->tile_columns - tile;
        if (count > TILES_AT_ONCE)
            count = TILES_AT_ONCE;
        uint64_t at = (row / GM_TILE_SIDE * layout->tile_columns + tile) * GM_TILE_BYTES;
        GM_TRY(r->reader->read(r->reader->ctx, &r->slice->root, at, r->scratch,
                               count * GM_TILE_BYTES, err));
        for (uint64_t i = 0; i < count; i++) {
            uint64_t part = left_bytes < GM_TILE_ROW_BYTES ? left_bytes : GM_TILE_ROW_BYTES;
            memcpy(out, r->scratch + i * GM_TILE_BYTES + line_bytes, part);
            out += part;
            left_bytes -= part;
        }
    }
    return GM_OK;
}

/* A sample of rows may be several rows of the tiled matrix: (n, C, H, W) has C * H per sample. */
static enum gm_status rows_read(const struct reading *r, uint64_t sample, uint8_t *out,
                                struct gm_error *err)
{
    uint64_t count = r->sample_bytes / gm_dtype_size_bytes(r->slice->desc.dtype);
    uint8_t *raw = r->scratch + TILES_AT_ONCE * GM_TILE_BYTES;
    if (r->layout.tiled) {
        uint64_t rows = r->sample_bytes / r->layout.row_size_bytes;
        for (uint64_t i = 0; i < rows; i++)
            GM_TRY(tiled_row_read(r, sample * rows + i, raw + i * r->layout.row_size_bytes, err));
    } else {
        GM_TRY(r->reader->read(r->reader->ctx, &r->slice->root, sample * r->sample_bytes, raw,
                               r->sample_bytes, err));
    }
    elements_convert(r->slice->desc.dtype, r->desc->dtype, raw, count, out);
    return GM_OK;
}

static bool is_tokens(const struct gm_slice *slice)
{
    return slice->kind == GM_SLICE_TOKENS_X || slice->kind == GM_SLICE_TOKENS_Y;
}

/* Whether the slice gives a tensor of `desc`. */
static bool desc_fits(const struct gm_slice *slice, const struct gm_tensor_desc *desc)
{
    if (is_tokens(slice)) {
        const uint64_t dims[2] = {slice->count, slice->seq};
        struct gm_tensor_desc wanted = gm_tensor_desc_make(GM_DTYPE_U32, 2, dims);
        return gm_tensor_desc_equal(desc, &wanted);
    }
    struct gm_tensor_desc wanted = slice->desc;
    wanted.dims[0] = slice->count;
    if (wanted.dtype == GM_DTYPE_U8 && (desc->dtype == GM_DTYPE_F32 || desc->dtype == GM_DTYPE_U32))
        wanted.dtype = desc->dtype;
    return gm_tensor_desc_equal(desc, &wanted);
}

static enum gm_status reading_begin(struct reading *r, struct gm_error *err)
{
    const struct gm_slice *slice = r->slice;
    GM_TRY(gm_slice_check(slice, err));
    if (!gm_tensor_desc_valid(r->desc) || !desc_fits(slice, r->desc))
        return gm_error_set(err, GM_INVALID, "the slice does not give what the program takes");
    GM_TRY(gm_tile_layout_init(&r->layout, (uint32_t)gm_dtype_size_bytes(slice->desc.dtype),
                               slice->desc.rank, slice->desc.dims, err));
    r->out_bytes = gm_tensor_size_bytes(r->desc) / slice->count;
    r->sample_bytes = is_tokens(slice) ? slice->seq * gm_dtype_size_bytes(slice->desc.dtype)
                                       : gm_tensor_size_bytes(&slice->desc) / slice->desc.dims[0];
    r->scratch = gm_mem_new(1, TILES_AT_ONCE * GM_TILE_BYTES + r->sample_bytes);
    if (r->scratch == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "a sample of %" PRIu64 " bytes: not enough memory",
                            r->sample_bytes);
    return GM_OK;
}

enum gm_status gm_slice_read(const struct gm_slice *slice, const struct gm_slice_reader *reader,
                             const struct gm_tensor_desc *desc, void *out, struct gm_error *err)
{
    struct reading r = {.slice = slice, .reader = reader, .desc = desc};
    enum gm_status status = reading_begin(&r, err);
    for (uint64_t i = 0; i < slice->count && status == GM_OK; i++) {
        uint64_t sample = gm_slice_sample(slice, i);
        uint8_t *target = (uint8_t *)out + i * r.out_bytes;
        status = is_tokens(slice) ? tokens_read(&r, sample, target, err)
                                  : rows_read(&r, sample, target, err);
    }
    gm_mem_free(r.scratch);
    return status;
}
