#include "data/slice.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/num/feistel.h"

struct reading {
    const struct gm_slice *slice;
    const struct gm_slice_reader *reader;
    const struct gm_tensor_desc *desc;
    uint64_t sample_bytes; /* of one sample in the data set */
    uint64_t out_bytes;    /* of one sample in `out` */
    uint8_t *scratch;      /* sample_bytes */
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

static bool is_tokens(const struct gm_slice *slice)
{
    return slice->kind == GM_SLICE_TOKENS_X || slice->kind == GM_SLICE_TOKENS_Y;
}

/* One sample: a run of the blob, which is the data set's row-major bytes. */
static enum gm_status sample_read(const struct reading *r, uint64_t sample, uint8_t *out,
                                  struct gm_error *err)
{
    const enum gm_dtype dtype = r->slice->desc.dtype;
    uint64_t first = sample * r->sample_bytes;
    if (r->slice->kind == GM_SLICE_TOKENS_Y)
        first += gm_dtype_size_bytes(dtype);
    GM_TRY(
        r->reader->read(r->reader->ctx, &r->slice->root, first, r->scratch, r->sample_bytes, err));
    elements_convert(dtype, r->desc->dtype, r->scratch,
                     r->sample_bytes / gm_dtype_size_bytes(dtype), out);
    return GM_OK;
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
    r->out_bytes = gm_tensor_size_bytes(r->desc) / slice->count;
    r->sample_bytes = is_tokens(slice) ? slice->seq * gm_dtype_size_bytes(slice->desc.dtype)
                                       : gm_tensor_size_bytes(&slice->desc) / slice->desc.dims[0];
    r->scratch = gm_mem_new(1, r->sample_bytes);
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
        status = sample_read(&r, sample, target, err);
    }
    gm_mem_free(r.scratch);
    return status;
}
