#include "core/slice.h"

#include <inttypes.h>

#include "base/mem.h"

/* Keys of a slice's map. Stable. */
enum {
    KEY_KIND = 1,
    KEY_ROOT = 2,
    KEY_DTYPE = 3,
    KEY_DIMS = 4,
    KEY_SEQ = 5,
    KEY_SAMPLES_FIRST = 6,
    KEY_SAMPLES_TOTAL = 7,
    KEY_POSITION = 8,
    KEY_COUNT = 9,
    KEY_SHUFFLE = 10,
    KEY_ORDER_SEED = 11,
    KEY_LIMIT
};

static enum gm_status check_desc(const struct gm_slice *slice, struct gm_error *err)
{
    const struct gm_tensor_desc *desc = &slice->desc;
    char text[GM_TENSOR_TEXT_CHARS];
    if (!gm_tensor_desc_valid(desc) || gm_tensor_count(desc) == 0)
        return gm_error_set(err, GM_INVALID,
                            "slice: the data set is %s, expected 1 element or more",
                            gm_tensor_desc_text(text, desc));
    if (slice->kind == GM_SLICE_ROWS)
        return GM_OK;
    if (desc->rank != 1 || desc->dtype == GM_DTYPE_F32)
        return gm_error_set(err, GM_INVALID, "slice: the data set is %s, expected tokens (n)",
                            gm_tensor_desc_text(text, desc));
    return GM_OK;
}

/* Whole samples that the data set holds; a window of tokens needs one token more for its targets.
 */
static uint64_t samples_held(const struct gm_slice *slice)
{
    if (slice->kind == GM_SLICE_ROWS)
        return slice->desc.dims[0];
    return (slice->desc.dims[0] - 1) / slice->seq;
}

/* The slice itself is a tensor too, at the widest type it can take. */
static bool result_fits(const struct gm_slice *slice)
{
    struct gm_tensor_desc result = slice->desc;
    result.dtype = GM_DTYPE_U32;
    result.dims[0] = slice->count;
    if (slice->kind != GM_SLICE_ROWS) {
        result.rank = 2;
        result.dims[1] = slice->seq;
    }
    return gm_tensor_desc_valid(&result);
}

enum gm_status gm_slice_check(const struct gm_slice *slice, struct gm_error *err)
{
    bool tokens = slice->kind == GM_SLICE_TOKENS_X || slice->kind == GM_SLICE_TOKENS_Y;
    if (!tokens && slice->kind != GM_SLICE_ROWS)
        return gm_error_set(err, GM_INVALID, "slice: kind %d, expected 1 to 3", (int)slice->kind);
    GM_TRY(check_desc(slice, err));
    if (tokens != (slice->seq > 0))
        return gm_error_set(err, GM_INVALID, "slice: seq %" PRIu64 ", expected %s", slice->seq,
                            tokens ? "at least 1" : "0 for rows");
    uint64_t end;
    if (slice->samples_total == 0 ||
        !gm_u64_add(slice->samples_first, slice->samples_total, &end) || end > samples_held(slice))
        return gm_error_set(err, GM_INVALID,
                            "slice: %" PRIu64 " samples from %" PRIu64
                            ", expected 1 or more within the %" PRIu64 " of the data set",
                            slice->samples_total, slice->samples_first, samples_held(slice));
    if (slice->count == 0 || !gm_u64_add(slice->position, slice->count, &end) ||
        !result_fits(slice))
        return gm_error_set(err, GM_INVALID,
                            "slice: %" PRIu64 " samples from position %" PRIu64
                            ", expected 1 or more and fewer than 2^48 bytes",
                            slice->count, slice->position);
    return GM_OK;
}

static void put_field(struct gm_buf *out, uint64_t key, uint64_t value)
{
    gm_cbor_put_u64(out, key);
    gm_cbor_put_u64(out, value);
}

void gm_slice_encode(const struct gm_slice *slice, struct gm_buf *out)
{
    gm_cbor_put_map(out, KEY_LIMIT - 1);
    put_field(out, KEY_KIND, slice->kind);
    gm_cbor_put_u64(out, KEY_ROOT);
    gm_cbor_put_bytes(out, slice->root.bytes, sizeof(slice->root.bytes));
    put_field(out, KEY_DTYPE, slice->desc.dtype);
    gm_cbor_put_u64(out, KEY_DIMS);
    gm_cbor_put_array(out, slice->desc.rank);
    for (uint32_t i = 0; i < slice->desc.rank; i++)
        gm_cbor_put_u64(out, slice->desc.dims[i]);
    put_field(out, KEY_SEQ, slice->seq);
    put_field(out, KEY_SAMPLES_FIRST, slice->samples_first);
    put_field(out, KEY_SAMPLES_TOTAL, slice->samples_total);
    put_field(out, KEY_POSITION, slice->position);
    put_field(out, KEY_COUNT, slice->count);
    gm_cbor_put_u64(out, KEY_SHUFFLE);
    gm_cbor_put_bool(out, slice->shuffle);
    put_field(out, KEY_ORDER_SEED, slice->order_seed);
}

static enum gm_status read_field(struct gm_cbor_reader *reader, int64_t key, const char *field,
                                 uint64_t max, uint64_t *out)
{
    GM_TRY(gm_cbor_map_key(reader, key, field));
    return gm_cbor_read_u64_max(reader, field, max, out);
}

static enum gm_status read_desc(struct gm_cbor_reader *reader, struct gm_tensor_desc *desc)
{
    uint64_t dtype;
    uint64_t rank;
    GM_TRY(read_field(reader, KEY_DTYPE, "dtype", GM_DTYPE_U8, &dtype));
    GM_TRY(gm_cbor_map_key(reader, KEY_DIMS, "dims"));
    GM_TRY(gm_cbor_array_begin(reader, "dims", &rank));
    if (rank > GM_RANK_MAX)
        return gm_error_set(reader->err, GM_INVALID, "slice: %" PRIu64 " dims, expected at most %d",
                            rank, GM_RANK_MAX);
    *desc = (struct gm_tensor_desc){.dtype = (enum gm_dtype)dtype, .rank = (uint32_t)rank};
    for (uint64_t i = 0; i < rank; i++)
        GM_TRY(gm_cbor_read_u64(reader, "dims", &desc->dims[i]));
    return gm_cbor_end(reader);
}

enum gm_status gm_slice_decode(struct gm_cbor_reader *reader, struct gm_slice *out)
{
    uint64_t kind;
    GM_TRY(gm_cbor_map_begin(reader, "slice", NULL));
    GM_TRY(read_field(reader, KEY_KIND, "kind", GM_SLICE_ROWS, &kind));
    out->kind = (enum gm_slice_kind)kind;
    GM_TRY(gm_cbor_map_key(reader, KEY_ROOT, "root"));
    GM_TRY(gm_cbor_read_exact(reader, "root", out->root.bytes, sizeof(out->root.bytes)));
    GM_TRY(read_desc(reader, &out->desc));
    GM_TRY(read_field(reader, KEY_SEQ, "seq", UINT64_MAX, &out->seq));
    GM_TRY(read_field(reader, KEY_SAMPLES_FIRST, "samples_first", UINT64_MAX, &out->samples_first));
    GM_TRY(read_field(reader, KEY_SAMPLES_TOTAL, "samples_total", UINT64_MAX, &out->samples_total));
    GM_TRY(read_field(reader, KEY_POSITION, "position", UINT64_MAX, &out->position));
    GM_TRY(read_field(reader, KEY_COUNT, "count", UINT64_MAX, &out->count));
    GM_TRY(gm_cbor_map_key(reader, KEY_SHUFFLE, "shuffle"));
    GM_TRY(gm_cbor_read_bool(reader, "shuffle", &out->shuffle));
    GM_TRY(read_field(reader, KEY_ORDER_SEED, "order_seed", UINT64_MAX, &out->order_seed));
    return gm_cbor_end(reader);
}
