/* What the descriptions in this folder are written with: checks that name operation and operand,
   costs that saturate, and short words for gradient rules. */
#ifndef GM_CORE_OPS_RULES_H
#define GM_CORE_OPS_RULES_H

#include "core/autodiff.h"

#define GM_OP(number, NAME, name) extern const struct gm_op_desc gm_op_desc_##name;
#include "core/op.def"
#undef GM_OP

/* A list in braces, for where clang-format would align it with its neighbours like a table. */
#define GM_RULE_LIST(...)                                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* ---- checks ---- */

/* GM_OK when `ok`, else "op: operand is f32 (2, 3), expected <format>". */
enum gm_status gm_rule_want(const struct gm_op_desc *desc, const struct gm_op_call *call,
                            uint32_t input, bool ok, struct gm_error *err, const char *format, ...)
    GM_PRINTF(6, 7) GM_MUST_USE;
/* The same for an attribute: "op: attribute stride_h is 0, expected <text>". */
enum gm_status gm_rule_want_attr(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t attr, bool ok, struct gm_error *err,
                                 const char *expected) GM_MUST_USE;
enum gm_status gm_rule_want_dtype(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                  uint32_t input, enum gm_dtype dtype,
                                  struct gm_error *err) GM_MUST_USE;
enum gm_status gm_rule_want_rank(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t input, uint32_t rank, struct gm_error *err) GM_MUST_USE;
/* Every input is f32. */
enum gm_status gm_rule_want_f32(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                struct gm_error *err) GM_MUST_USE;
/* Exactly this type and shape. */
enum gm_status gm_rule_want_desc(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t input, const struct gm_tensor_desc *expected,
                                 struct gm_error *err) GM_MUST_USE;
/* Exactly `dtype` (count). */
enum gm_status gm_rule_want_vector(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                   uint32_t input, enum gm_dtype dtype, uint64_t count,
                                   struct gm_error *err) GM_MUST_USE;

/* ---- shapes ---- */

struct gm_tensor_desc gm_rule_vector(enum gm_dtype dtype, uint64_t count);
/* `like` with its last dimension replaced. */
struct gm_tensor_desc gm_rule_with_cols(const struct gm_tensor_desc *like, uint64_t cols);

/* ---- costs ---- */

/* Product of four factors; UINT64_MAX where it does not fit. */
uint64_t gm_rule_cost(uint64_t a, uint64_t b, uint64_t c, uint64_t d);
/* One per element of the first output. */
uint64_t gm_rule_flops_output(const struct gm_op_call *call, const struct gm_tensor_desc *outputs);
/* One per element of the first input. */
uint64_t gm_rule_flops_input(const struct gm_op_call *call, const struct gm_tensor_desc *outputs);
/* Eight per element of the first input: passes of norms and losses. */
uint64_t gm_rule_flops_passes(const struct gm_op_call *call, const struct gm_tensor_desc *outputs);

/* ---- gradients ---- */

gm_value gm_rule_output(const struct gm_grad *grad, uint32_t output);
struct gm_tensor_desc gm_rule_input_desc(const struct gm_grad *grad, uint32_t input);

/* Nodes of up to five inputs without `dims`. Every call returns GM_VALUE_NONE after a fault. */
gm_value gm_rule_node1(const struct gm_grad *grad, enum gm_op op, gm_value a,
                       const uint64_t *attrs);
gm_value gm_rule_node2(const struct gm_grad *grad, enum gm_op op, gm_value a, gm_value b,
                       const uint64_t *attrs);
gm_value gm_rule_node3(const struct gm_grad *grad, enum gm_op op, gm_value a, gm_value b,
                       gm_value c, const uint64_t *attrs);
gm_value gm_rule_scale(const struct gm_grad *grad, gm_value x, float factor);
/* f32 of the given shape, all `value`. */
gm_value gm_rule_fill(const struct gm_grad *grad, const struct gm_tensor_desc *desc, float value);
/* `x` itself when it has that shape already. */
gm_value gm_rule_reshape(const struct gm_grad *grad, gm_value x, const struct gm_tensor_desc *desc);
/* Refuses a gradient for outputs after the first, which are notes for the backward operation. */
enum gm_status gm_rule_first_output_only(const struct gm_grad *grad,
                                         struct gm_error *err) GM_MUST_USE;
/* Refuses a wanted gradient for `input`. */
enum gm_status gm_rule_no_gradient(const struct gm_grad *grad, uint32_t input,
                                   struct gm_error *err) GM_MUST_USE;

#endif
