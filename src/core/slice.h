/* A slice of a data set, described: which samples, in which order, in which form. A description is
   a few numbers, so a task can name its data without anybody reading it; src/data/slice.h executes
   it.

   Sample order: position g counts through the infinite sequence of epochs; with n = samples_total,
   epoch = g / n, p = g % n, sample = samples_first + (shuffle ? feistel(order_seed, epoch, n, p) :
   p) (kernels/num/feistel.h). */
#ifndef GM_CORE_SLICE_H
#define GM_CORE_SLICE_H

#include "core/tensor.h"
#include "trust/cbor.h"
#include "trust/hash.h"

/* Numbers are stable. */
enum gm_slice_kind {
    GM_SLICE_TOKENS_X = 1, /* u32 (count, seq): tokens [i * seq, i * seq + seq) of sample i */
    GM_SLICE_TOKENS_Y = 2, /* u32 (count, seq): the same, one token later */
    GM_SLICE_ROWS = 3,     /* rows of the data set; u8 becomes f32 / 255 when the input is f32,
                              and u32 when it is u32 */
};

struct gm_slice {
    enum gm_slice_kind kind;
    struct gm_hash root;        /* of the data set's blob */
    struct gm_tensor_desc desc; /* of the data set: tokens (n) u8, u16 or u32; rows (n, ...) */
    uint64_t seq;               /* TOKENS: tokens per sample; ROWS: 0 */
    uint64_t samples_first;     /* the part of the data set that is used, in samples */
    uint64_t samples_total;     /* at least 1 */
    uint64_t position;          /* g of the first sample */
    uint64_t count;             /* samples in this slice, at least 1 */
    bool shuffle;
    uint64_t order_seed;
};

/* Known kind and types, all samples inside the data set, counts without overflow. */
enum gm_status gm_slice_check(const struct gm_slice *slice, struct gm_error *err) GM_MUST_USE;

/* One CBOR item; a reader that stands before it. Decoding does not check (gm_slice_check). */
void gm_slice_encode(const struct gm_slice *slice, struct gm_buf *out);
enum gm_status gm_slice_decode(struct gm_cbor_reader *reader, struct gm_slice *out) GM_MUST_USE;

#endif
