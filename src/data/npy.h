/* The header of a NumPy .npy file, versions 1 and 2: type, shape, and where the data starts. Only
   what NumPy itself writes for plain arrays in C order. */
#ifndef GM_DATA_NPY_H
#define GM_DATA_NPY_H

#include "base/bytes.h"
#include "core/tensor.h"

enum { GM_NPY_HEADER_MAX = 64 << 10 };

enum gm_npy_type { GM_NPY_F32, GM_NPY_F64, GM_NPY_U8, GM_NPY_I32, GM_NPY_I64, GM_NPY_U32 };

struct gm_npy {
    enum gm_npy_type type;
    size_t element_bytes;
    uint32_t rank; /* 1 to 8 */
    uint64_t dims[GM_RANK_MAX];
    uint64_t count;       /* elements */
    uint64_t data_offset; /* in bytes, from the start of the file */
};

/* `start` is the beginning of the file, GM_NPY_HEADER_MAX bytes or all of it; `file_bytes` its
   whole size, which must be what the header says. `path` is for messages. */
enum gm_status gm_npy_parse(const char *path, struct gm_bytes start, uint64_t file_bytes,
                            struct gm_npy *out, struct gm_error *err) GM_MUST_USE;

#endif
