#include "core/ops/rules.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum gm_status gm_rule_want(const struct gm_op_desc *desc, const struct gm_op_call *call,
                            uint32_t input, bool ok, struct gm_error *err, const char *format, ...)
{
    if (ok)
        return GM_OK;
    char expected[160];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    char shape[GM_TENSOR_TEXT_CHARS];
    return gm_error_set(err, GM_INVALID, "%s: %s is %s, expected %s", desc->name,
                        desc->inputs[input], gm_tensor_desc_text(shape, &call->inputs[input]),
                        expected);
}

enum gm_status gm_rule_want_attr(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t attr, bool ok, struct gm_error *err, const char *expected)
{
    if (ok)
        return GM_OK;
    const struct gm_attr_desc *a = &desc->attrs[attr];
    if (a->kind == GM_ATTR_F32)
        return gm_error_set(err, GM_INVALID, "%s: attribute %s is %g, expected %s", desc->name,
                            a->name, (double)gm_attr_to_f32(call->attrs[attr]), expected);
    return gm_error_set(err, GM_INVALID, "%s: attribute %s is %" PRIu64 ", expected %s", desc->name,
                        a->name, call->attrs[attr], expected);
}

enum gm_status gm_rule_want_dtype(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                  uint32_t input, enum gm_dtype dtype, struct gm_error *err)
{
    return gm_rule_want(desc, call, input, call->inputs[input].dtype == dtype, err, "%s",
                        gm_dtype_name(dtype));
}

enum gm_status gm_rule_want_rank(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t input, uint32_t rank, struct gm_error *err)
{
    return gm_rule_want(desc, call, input, call->inputs[input].rank == rank, err,
                        "%" PRIu32 " dimensions", rank);
}

enum gm_status gm_rule_want_f32(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                struct gm_error *err)
{
    for (uint32_t i = 0; i < call->input_count; i++)
        GM_TRY(gm_rule_want_dtype(desc, call, i, GM_DTYPE_F32, err));
    return GM_OK;
}

enum gm_status gm_rule_want_desc(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 uint32_t input, const struct gm_tensor_desc *expected,
                                 struct gm_error *err)
{
    char shape[GM_TENSOR_TEXT_CHARS];
    return gm_rule_want(desc, call, input, gm_tensor_desc_equal(&call->inputs[input], expected),
                        err, "%.150s", gm_tensor_desc_text(shape, expected));
}

enum gm_status gm_rule_want_vector(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                   uint32_t input, enum gm_dtype dtype, uint64_t count,
                                   struct gm_error *err)
{
    struct gm_tensor_desc expected = gm_rule_vector(dtype, count);
    return gm_rule_want_desc(desc, call, input, &expected, err);
}

struct gm_tensor_desc gm_rule_vector(enum gm_dtype dtype, uint64_t count)
{
    return gm_tensor_desc_make(dtype, 1, &count);
}

struct gm_tensor_desc gm_rule_with_cols(const struct gm_tensor_desc *like, uint64_t cols)
{
    struct gm_tensor_desc desc = *like;
    desc.dims[desc.rank - 1] = cols;
    return desc;
}

uint64_t gm_rule_cost(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t product;
    if (!gm_u64_mul(a, b, &product) || !gm_u64_mul(product, c, &product) ||
        !gm_u64_mul(product, d, &product))
        return UINT64_MAX;
    return product;
}

uint64_t gm_rule_flops_output(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)call;
    return gm_tensor_count(&outputs[0]);
}

uint64_t gm_rule_flops_input(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)outputs;
    return gm_tensor_count(&call->inputs[0]);
}

uint64_t gm_rule_flops_passes(const struct gm_op_call *call, const struct gm_tensor_desc *outputs)
{
    (void)outputs;
    return 8 * gm_tensor_count(&call->inputs[0]);
}

gm_value gm_rule_output(const struct gm_grad *grad, uint32_t output)
{
    return grad->node->output_first + output;
}

struct gm_tensor_desc gm_rule_input_desc(const struct gm_grad *grad, uint32_t input)
{
    const struct gm_tensor_desc *desc = gm_builder_desc(grad->builder, grad->node->inputs[input]);
    /* After a fault nothing is built any more, so any valid shape serves. */
    return desc != NULL ? *desc : gm_rule_vector(GM_DTYPE_F32, 1);
}

gm_value gm_rule_node1(const struct gm_grad *grad, enum gm_op op, gm_value a, const uint64_t *attrs)
{
    return gm_builder_node(grad->builder, op, 1, (gm_value[]){a}, attrs, 0, NULL);
}

gm_value gm_rule_node2(const struct gm_grad *grad, enum gm_op op, gm_value a, gm_value b,
                       const uint64_t *attrs)
{
    return gm_builder_node(grad->builder, op, 2, (gm_value[]){a, b}, attrs, 0, NULL);
}

gm_value gm_rule_node3(const struct gm_grad *grad, enum gm_op op, gm_value a, gm_value b,
                       gm_value c, const uint64_t *attrs)
{
    return gm_builder_node(grad->builder, op, 3, (gm_value[]){a, b, c}, attrs, 0, NULL);
}

gm_value gm_rule_scale(const struct gm_grad *grad, gm_value x, float factor)
{
    return gm_rule_node1(grad, GM_OP_SCALE, x, (uint64_t[]){gm_attr_from_f32(factor)});
}

gm_value gm_rule_fill(const struct gm_grad *grad, const struct gm_tensor_desc *desc, float value)
{
    return gm_builder_node(grad->builder, GM_OP_FILL, 0, NULL,
                           (uint64_t[]){gm_attr_from_f32(value)}, desc->rank, desc->dims);
}

gm_value gm_rule_reshape(const struct gm_grad *grad, gm_value x, const struct gm_tensor_desc *desc)
{
    const struct gm_tensor_desc *have = gm_builder_desc(grad->builder, x);
    if (have == NULL || gm_tensor_desc_equal(have, desc))
        return x;
    return gm_builder_node(grad->builder, GM_OP_RESHAPE, 1, &x, NULL, desc->rank, desc->dims);
}

enum gm_status gm_rule_first_output_only(const struct gm_grad *grad, struct gm_error *err)
{
    for (uint32_t j = 1; j < GM_OP_OUTPUTS_MAX; j++)
        if (grad->output_gradients[j] != GM_VALUE_NONE)
            return gm_error_set(err, GM_UNSUPPORTED,
                                "%s: the loss depends on output %" PRIu32
                                ", expected on output 0 only, which alone has a gradient",
                                gm_op_find(grad->node->op)->name, j);
    return GM_OK;
}

enum gm_status gm_rule_no_gradient(const struct gm_grad *grad, uint32_t input, struct gm_error *err)
{
    if (!grad->wanted[input])
        return GM_OK;
    const struct gm_op_desc *desc = gm_op_find(grad->node->op);
    return gm_error_set(err, GM_UNSUPPORTED, "%s: no gradient with respect to %s is defined",
                        desc->name, desc->inputs[input]);
}
