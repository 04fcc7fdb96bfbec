/* What a tensor is: an element type and a static shape, row-major, without strides. Views and
   layouts are operations, so that a tensor root (trust/root.h) depends on nothing but this. */
#ifndef GM_CORE_TENSOR_H
#define GM_CORE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Numbers are stable: they are part of programs and trace records. */
enum gm_dtype {
    GM_DTYPE_F32 = 1,
    GM_DTYPE_U32 = 2,
    GM_DTYPE_U16 = 3,
    GM_DTYPE_U8 = 4,
};

enum { GM_RANK_MAX = 8 };

/* rank 0 is not used: a scalar is (1). A dimension may be 0: the tensor is then empty. */
struct gm_tensor_desc {
    enum gm_dtype dtype;
    uint32_t rank;
    uint64_t dims[GM_RANK_MAX]; /* dims[rank] and beyond are 0 */
};

/* A tensor in host memory that somebody else owns. */
struct gm_tensor {
    struct gm_tensor_desc desc;
    void *data;
};

/* 4, 2 or 1; 0 for an unknown type. */
size_t gm_dtype_size_bytes(enum gm_dtype dtype);
const char *gm_dtype_name(enum gm_dtype dtype);

struct gm_tensor_desc gm_tensor_desc_make(enum gm_dtype dtype, uint32_t rank, const uint64_t *dims);

/* Known type, rank 1 to 8, zero tail, and a size that fits 2^48 bytes. */
bool gm_tensor_desc_valid(const struct gm_tensor_desc *desc);
bool gm_tensor_desc_equal(const struct gm_tensor_desc *a, const struct gm_tensor_desc *b);

/* For valid descriptions these cannot overflow. rows = product of the leading dimensions, cols =
   last dimension. */
uint64_t gm_tensor_count(const struct gm_tensor_desc *desc);
uint64_t gm_tensor_size_bytes(const struct gm_tensor_desc *desc);
uint64_t gm_tensor_rows(const struct gm_tensor_desc *desc);
uint64_t gm_tensor_cols(const struct gm_tensor_desc *desc);

/* "f32 (4, 128, 768)" into the caller's buffer; returns `out`. */
enum { GM_TENSOR_TEXT_CHARS = 224 };
char *gm_tensor_desc_text(char out[GM_TENSOR_TEXT_CHARS], const struct gm_tensor_desc *desc);

#endif
