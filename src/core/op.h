/* What an operation is: one description, found by its number. */
#ifndef GM_CORE_OP_H
#define GM_CORE_OP_H

#include "core/tensor.h"

enum gm_op {
#define GM_OP(number, NAME, name) GM_OP_##NAME = (number),
#include "core/op.def"
#undef GM_OP
    GM_OP_LIMIT = 128 /* numbers are below this */
};

enum {
    GM_OP_INPUTS_MAX = 8,
    GM_OP_OUTPUTS_MAX = 4,
    GM_OP_ATTRS_MAX = 16,
};

/* learning_rate's attribute `kind`; numbers are stable. */
enum gm_schedule { GM_SCHEDULE_CONSTANT, GM_SCHEDULE_LINEAR, GM_SCHEDULE_COSINE };

/* An attribute is 64 bits: a whole number, or the bits of an f32 in the low half. */
enum gm_attr_kind { GM_ATTR_U64, GM_ATTR_F32 };

struct gm_attr_desc {
    const char *name;
    enum gm_attr_kind kind;
    uint64_t max; /* U64: the greatest value allowed; F32: 0 (any finite value) */
};

/* The call of one operation, as shape rules and costs see it. */
struct gm_op_call {
    uint32_t input_count;
    const struct gm_tensor_desc *inputs;
    const uint64_t *attrs; /* as many as the description lists */
    uint32_t dim_count;    /* operations with `dims`: their number, else 0 */
    const uint64_t *dims;
};

struct gm_builder; /* core/program.h */
struct gm_grad;    /* core/autodiff.h */

struct gm_op_desc {
    enum gm_op op;
    const char *name;
    uint32_t input_count_min;
    uint32_t input_count_max;
    uint32_t output_count;
    uint32_t attr_count;
    bool has_dims; /* after the attributes stand 1 to 8 dimensions of the output */
    bool heavy;    /* matmul, attention, convolution: the dear work of an audit group */
    /* Output j may take the place of input inplace[j] - 1 when that dies here; 0: never. Kernels of
       such operations read element i of that input before they write element i of the output, and
       not after. */
    uint8_t inplace[GM_OP_OUTPUTS_MAX];
    const char *inputs[GM_OP_INPUTS_MAX]; /* names of the operands, for messages */
    struct gm_attr_desc attrs[GM_OP_ATTRS_MAX];

    /* Checks inputs and attributes, writes the outputs' descriptions. Call it by gm_op_infer. */
    enum gm_status (*infer)(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                            struct gm_error *err);
    /* Floating-point operations, for prices and audits; never 0 for a call that computes. */
    uint64_t (*flops)(const struct gm_op_call *call, const struct gm_tensor_desc *outputs);
    /* Adds the gradient's operations (core/autodiff.h). NULL: not differentiable; an operation
       whose output has a gradient and that has no rule is an error of the program. */
    enum gm_status (*grad)(struct gm_grad *grad, struct gm_error *err);
};

/* NULL for a number that is none. */
const struct gm_op_desc *gm_op_find(uint64_t number);

/* The whole check of one call: number of inputs and dimensions, kinds and bounds of attributes,
   then the operation's own rule. Nothing a call reads or writes may be empty. `call->attrs` holds
   attr_count entries; `outputs` has room for output_count. The text names the operation, the
   operand, its shape and what was expected. */
enum gm_status gm_op_infer(const struct gm_op_desc *desc, const struct gm_op_call *call,
                           struct gm_tensor_desc *outputs, struct gm_error *err) GM_MUST_USE;

static inline uint64_t gm_attr_from_f32(float value)
{
    union {
        float f;
        uint32_t u;
    } bits = {.f = value};
    return bits.u;
}

static inline float gm_attr_to_f32(uint64_t attr)
{
    union {
        uint32_t u;
        float f;
    } bits = {.u = (uint32_t)attr};
    return bits.f;
}

#endif
