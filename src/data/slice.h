/* Executes slices (core/slice.h): reads the samples they describe out of a data set's blob. */
#ifndef GM_DATA_SLICE_H
#define GM_DATA_SLICE_H

#include "core/slice.h"

/* Bytes [offset, offset + size) of a blob, all of them or an error. May block. */
struct gm_slice_reader {
    void *ctx;
    enum gm_status (*read)(void *ctx, const struct gm_hash *root, uint64_t offset_bytes, void *out,
                           uint64_t size_bytes, struct gm_error *err);
};

/* Fills `out`, a row-major tensor of `desc`. The slice may come from a stranger: it is checked,
   also against `desc`: tokens give u32 (count, seq); rows give the data set's own type, or f32 or
   u32 from u8. */
enum gm_status gm_slice_read(const struct gm_slice *slice, const struct gm_slice_reader *reader,
                             const struct gm_tensor_desc *desc, void *out,
                             struct gm_error *err) GM_MUST_USE;

/* The sample in the data set that stands at position `position` (from 0) of the slice. */
uint64_t gm_slice_sample(const struct gm_slice *slice, uint64_t position);

#endif
