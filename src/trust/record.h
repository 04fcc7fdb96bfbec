/* Records: which tensor came out where. Fixed: 128 bytes, all little-endian:

       0 iteration u64   8 op u64   16 output u64   24 dtype u32   28 rank u32
       32 dims[8] u64, 0 beyond the rank            96 root[32]

   A task's trace root is BLAKE3, derive-key mode, over the records of its committed outputs in
   ascending order of (iteration, op, output). A task's inputs and its outputs are lists of the same
   records, with iteration and op 0 and output counting from 0, under a context of their own, so
   that no list can be passed off as the other. */
#ifndef GM_TRUST_RECORD_H
#define GM_TRUST_RECORD_H

#include "base/bytes.h"
#include "trust/hash.h"

enum { GM_RECORD_BYTES = 128, GM_RECORD_RANK_MAX = 8 };

#define GM_TRACE_CONTEXT       "gradmill 2026-11-22 trace root 1"
#define GM_TENSOR_LIST_CONTEXT "gradmill 2026-11-22 tensor list root 1"

struct gm_record {
    uint64_t iteration;
    uint64_t op;
    uint64_t output;
    uint32_t dtype; /* the number of the program's encoding */
    uint32_t rank;
    uint64_t dims[GM_RECORD_RANK_MAX]; /* 0 beyond the rank */
    struct gm_hash root;
};

void gm_record_encode(uint8_t out[static GM_RECORD_BYTES], const struct gm_record *record);
/* GM_INVALID for a rank above 8 and for dimensions beyond the rank. */
enum gm_status gm_record_decode(struct gm_record *record,
                                const uint8_t data[static GM_RECORD_BYTES],
                                struct gm_error *err) GM_MUST_USE;

/* GM_INVALID when the records are not in strictly ascending order; a root over no records is
   allowed. */
enum gm_status gm_trace_root(const struct gm_record *records, uint64_t count, struct gm_hash *out,
                             struct gm_error *err) GM_MUST_USE;
/* Also GM_INVALID when iteration or op is not 0 or output is not the place in the list. */
enum gm_status gm_tensor_list_root(const struct gm_record *records, uint64_t count,
                                   struct gm_hash *out, struct gm_error *err) GM_MUST_USE;

#endif
