#include "core/tensor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const uint64_t SIZE_BYTES_MAX = UINT64_C(1) << 48;

size_t gm_dtype_size_bytes(enum gm_dtype dtype)
{
    switch (dtype) {
    case GM_DTYPE_F32:
    case GM_DTYPE_U32:
        return 4;
    case GM_DTYPE_U16:
        return 2;
    case GM_DTYPE_U8:
        return 1;
    }
    return 0;
}

const char *gm_dtype_name(enum gm_dtype dtype)
{
    switch (dtype) {
    case GM_DTYPE_F32:
        return "f32";
    case GM_DTYPE_U32:
        return "u32";
    case GM_DTYPE_U16:
        return "u16";
    case GM_DTYPE_U8:
        return "u8";
    }
    return "unknown";
}

struct gm_tensor_desc gm_tensor_desc_make(enum gm_dtype dtype, uint32_t rank, const uint64_t *dims)
{
    assert(rank >= 1 && rank <= GM_RANK_MAX);
    struct gm_tensor_desc desc = {.dtype = dtype, .rank = rank};
    memcpy(desc.dims, dims, rank * sizeof(dims[0]));
    return desc;
}

bool gm_tensor_desc_valid(const struct gm_tensor_desc *desc)
{
    uint64_t product = gm_dtype_size_bytes(desc->dtype);
    if (product == 0 || desc->rank < 1 || desc->rank > GM_RANK_MAX)
        return false;
    /* An empty tensor's other dimensions are bounded too: products of some of them are taken. */
    for (uint32_t i = 0; i < desc->rank; i++) {
        uint64_t dim = desc->dims[i] > 0 ? desc->dims[i] : 1;
        if (!gm_u64_mul(product, dim, &product) || product >= SIZE_BYTES_MAX)
            return false;
    }
    for (uint32_t i = desc->rank; i < GM_RANK_MAX; i++)
        if (desc->dims[i] != 0)
            return false;
    return true;
}

bool gm_tensor_desc_equal(const struct gm_tensor_desc *a, const struct gm_tensor_desc *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, sizeof(a->dims)) == 0;
}

uint64_t gm_tensor_rows(const struct gm_tensor_desc *desc)
{
    uint64_t rows = 1;
    for (uint32_t i = 0; i + 1 < desc->rank; i++)
        rows *= desc->dims[i];
    return rows;
}

uint64_t gm_tensor_cols(const struct gm_tensor_desc *desc)
{
    return desc->dims[desc->rank - 1];
}

uint64_t gm_tensor_count(const struct gm_tensor_desc *desc)
{
    return gm_tensor_rows(desc) * gm_tensor_cols(desc);
}

uint64_t gm_tensor_size_bytes(const struct gm_tensor_desc *desc)
{
    return gm_tensor_count(desc) * gm_dtype_size_bytes(desc->dtype);
}

char *gm_tensor_desc_text(char out[GM_TENSOR_TEXT_CHARS], const struct gm_tensor_desc *desc)
{
    /* "unknown (" and 8 times "18446744073709551615, " fit. */
    int at = snprintf(out, GM_TENSOR_TEXT_CHARS, "%s (", gm_dtype_name(desc->dtype));
    for (uint32_t i = 0; i < desc->rank && i < GM_RANK_MAX; i++)
        at += snprintf(out + at, (size_t)(GM_TENSOR_TEXT_CHARS - at), "%s%" PRIu64,
                       i > 0 ? ", " : "", desc->dims[i]);
    snprintf(out + at, (size_t)(GM_TENSOR_TEXT_CHARS - at), ")");
    return out;
}
