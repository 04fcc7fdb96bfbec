/* From operations to kernel launches: which kernels of kernels/ an operation runs, over how many
   work-items, with which arguments. One lowering serves every device, so that what an operation
   means is written once. A device may run an operation in a faster way of its own, with the same
   bits. */
#ifndef GM_BACKEND_LOWER_H
#define GM_BACKEND_LOWER_H

#include "backend/kernel.h"
#include "core/program.h"

enum { GM_LAUNCHES_MAX = 20 }; /* of one operation */

enum gm_launch_arg_kind {
    GM_ARG_INPUT,   /* pointer: the node's input `number` */
    GM_ARG_OUTPUT,  /* pointer: the node's output `number` */
    GM_ARG_SCRATCH, /* pointer: `number` bytes into the scratch memory */
    GM_ARG_U64,
    GM_ARG_U32,
    GM_ARG_F32,
};

struct gm_launch_arg {
    enum gm_launch_arg_kind kind;
    union {
        uint64_t number;
        float f32;
    };
};

/* `rows` by `count` work-items: id 0 runs below count, id 1 below rows. Neither is 0. */
struct gm_launch {
    enum gm_kernel kernel;
    uint64_t count;
    uint64_t rows;
    uint32_t arg_count;
    struct gm_launch_arg args[GM_LAUNCH_ARGS_MAX]; /* after the kernel's own first one, `count` */
};

/* The launches run one after the other; each sees what those before it wrote. */
struct gm_lowered {
    uint32_t launch_count;
    struct gm_launch launches[GM_LAUNCHES_MAX];
    uint64_t scratch_bytes; /* contents undefined before, unused after */
};

/* The node must be one of a finished program; `values` are that program's. Empty tensors lower to
   fewer launches or none. */
void gm_lower(const struct gm_node *node, const struct gm_tensor_desc *values,
              struct gm_lowered *out);

/* Indices that come from outside must be looked at before an operation reads by them: every element
   of input `input` is below `limit`, or is `exception` when that is not 0. */
struct gm_index_check {
    uint32_t input;
    uint64_t limit;
    uint32_t exception;
};

/* False: this node reads by no index. */
bool gm_lower_index_check(const struct gm_node *node, const struct gm_tensor_desc *values,
                          struct gm_index_check *out);
/* Whether `index` passes. */
static inline bool gm_index_allowed(const struct gm_index_check *check, uint32_t index)
{
    return index < check->limit || (check->exception != 0 && index == check->exception);
}

#endif
