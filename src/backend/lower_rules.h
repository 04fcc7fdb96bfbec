/* What the lowering rules are written with. A rule appends launches; a launch without work-items is
   left out. */
#ifndef GM_BACKEND_LOWER_RULES_H
#define GM_BACKEND_LOWER_RULES_H

#include "backend/lower.h"

struct gm_lowering {
    const struct gm_node *node;
    const struct gm_tensor_desc *inputs[GM_OP_INPUTS_MAX];
    const struct gm_tensor_desc *outputs; /* consecutive */
    struct gm_lowered *out;
    struct gm_launch *open; /* the launch that arguments go to; NULL: it has no work-items */
};

typedef void gm_lower_rule(struct gm_lowering *l);

#define GM_OP(number, NAME, name) gm_lower_rule gm_lower_##name;
#include "core/op.def"
#undef GM_OP

/* Opens a launch; the calls below append its arguments in order. */
void gm_lower_launch(struct gm_lowering *l, enum gm_kernel kernel, uint64_t count, uint64_t rows);
void gm_lower_in(struct gm_lowering *l, uint32_t input);
void gm_lower_out(struct gm_lowering *l, uint32_t output);
void gm_lower_scratch(struct gm_lowering *l, uint64_t offset_bytes);
void gm_lower_u64(struct gm_lowering *l, uint64_t value);
void gm_lower_u32(struct gm_lowering *l, uint32_t value);
void gm_lower_f32(struct gm_lowering *l, float value);
/* The node's attribute `attr` as an f32, as a u64, as a u32. */
void gm_lower_attr_f32(struct gm_lowering *l, uint32_t attr);
void gm_lower_attr_u64(struct gm_lowering *l, uint32_t attr);
void gm_lower_attr_u32(struct gm_lowering *l, uint32_t attr);

/* Room for `count` 4-byte elements of scratch memory; returns its offset. */
uint64_t gm_lower_scratch_new(struct gm_lowering *l, uint64_t count);

/* Inputs first_input, ... in order, then every output: one item per element of output 0. */
void gm_lower_elementwise(struct gm_lowering *l, enum gm_kernel kernel, uint32_t input_count);

/* The levels of a sum above the first: `part` holds `count` block results in scratch memory; the
   last one goes to output `output`. +0 where count is 0. */
void gm_lower_sum_levels(struct gm_lowering *l, enum gm_kernel kernel, uint64_t part,
                         uint64_t count, uint32_t output);
/* Number of blocks of the Sum rule, of segments of the dot rule. */
uint64_t gm_lower_blocks(uint64_t count);
uint64_t gm_lower_segments(uint64_t count);
/* The last step of the dot rule: totals of `part` (segments, n) to output `output`. */
void gm_lower_totals(struct gm_lowering *l, uint64_t part, uint64_t segments, uint64_t n,
                     uint32_t output);
/* Output `output`, all +0 bits. */
void gm_lower_zero(struct gm_lowering *l, uint32_t output);

#endif
