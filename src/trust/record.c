#include "trust/record.h"

#include <inttypes.h>
#include <string.h>

#include "trust/blake3.h"

enum { AT_OP = 8, AT_OUTPUT = 16, AT_DTYPE = 24, AT_RANK = 28, AT_DIMS = 32, AT_ROOT = 96 };

void gm_record_encode(uint8_t out[static GM_RECORD_BYTES], const struct gm_record *record)
{
    gm_store_u64(out, record->iteration);
    gm_store_u64(out + AT_OP, record->op);
    gm_store_u64(out + AT_OUTPUT, record->output);
    gm_store_u32(out + AT_DTYPE, record->dtype);
    gm_store_u32(out + AT_RANK, record->rank);
    for (int d = 0; d < GM_RECORD_RANK_MAX; d++)
        gm_store_u64(out + AT_DIMS + 8 * d, record->dims[d]);
    memcpy(out + AT_ROOT, record->root.bytes, GM_HASH_SIZE);
}

static enum gm_status check_dims(const struct gm_record *record, struct gm_error *err)
{
    if (record->rank > GM_RECORD_RANK_MAX)
        return gm_error_set(err, GM_INVALID, "record: rank %" PRIu32 ", at most %d allowed",
                            record->rank, GM_RECORD_RANK_MAX);
    for (uint32_t d = record->rank; d < GM_RECORD_RANK_MAX; d++) {
        if (record->dims[d] != 0)
            return gm_error_set(err, GM_INVALID,
                                "record: dimension %" PRIu32 " is %" PRIu64 " beyond rank %" PRIu32,
                                d, record->dims[d], record->rank);
    }
    return GM_OK;
}

enum gm_status gm_record_decode(struct gm_record *record,
                                const uint8_t data[static GM_RECORD_BYTES], struct gm_error *err)
{
    record->iteration = gm_load_u64(data);
    record->op = gm_load_u64(data + AT_OP);
    record->output = gm_load_u64(data + AT_OUTPUT);
    record->dtype = gm_load_u32(data + AT_DTYPE);
    record->rank = gm_load_u32(data + AT_RANK);
    for (int d = 0; d < GM_RECORD_RANK_MAX; d++)
        record->dims[d] = gm_load_u64(data + AT_DIMS + 8 * d);
    memcpy(record->root.bytes, data + AT_ROOT, GM_HASH_SIZE);
    return check_dims(record, err);
}

/* Less than, by (iteration, op, output) as numbers. */
static bool before(const struct gm_record *a, const struct gm_record *b)
{
    if (a->iteration != b->iteration)
        return a->iteration < b->iteration;
    if (a->op != b->op)
        return a->op < b->op;
    return a->output < b->output;
}

static enum gm_status root_of(const char *context, const struct gm_record *records, uint64_t count,
                              struct gm_hash *out, struct gm_error *err)
{
    struct gm_blake3 hasher;
    uint8_t bytes[GM_RECORD_BYTES];
    gm_blake3_init_derive(&hasher, context);
    for (uint64_t i = 0; i < count; i++) {
        GM_TRY(check_dims(&records[i], err));
        if (i > 0 && !before(&records[i - 1], &records[i]))
            return gm_error_set(
                err, GM_INVALID,
                "record %" PRIu64 ": not after the one before it in (iteration, op, output)", i);
        gm_record_encode(bytes, &records[i]);
        gm_blake3_update(&hasher, bytes, sizeof bytes);
    }
    *out = gm_blake3_final(&hasher);
    return GM_OK;
}

enum gm_status gm_trace_root(const struct gm_record *records, uint64_t count, struct gm_hash *out,
                             struct gm_error *err)
{
    return root_of(GM_TRACE_CONTEXT, records, count, out, err);
}

enum gm_status gm_tensor_list_root(const struct gm_record *records, uint64_t count,
                                   struct gm_hash *out, struct gm_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        if (records[i].iteration != 0 || records[i].op != 0 || records[i].output != i)
            return gm_error_set(err, GM_INVALID,
                                "tensor list: entry %" PRIu64 " is numbered (%" PRIu64 ", %" PRIu64
                                ", %" PRIu64 "), expected (0, 0, %" PRIu64 ")",
                                i, records[i].iteration, records[i].op, records[i].output, i);
    }
    return root_of(GM_TENSOR_LIST_CONTEXT, records, count, out, err);
}
