#include "core/op.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "core/ops/rules.h"

static const struct gm_op_desc *const OPS[GM_OP_LIMIT] = {
#define GM_OP(number, NAME, name) [number] = &gm_op_desc_##name,
#include "core/op.def"
#undef GM_OP
};

const struct gm_op_desc *gm_op_find(uint64_t number)
{
    if (number >= GM_OP_LIMIT || OPS[number] == NULL)
        return NULL;
    const struct gm_op_desc *desc = OPS[number];
    assert(desc->op == number && desc->name != NULL);
    assert(desc->infer != NULL && desc->flops != NULL);
    assert(desc->output_count >= 1 && desc->output_count <= GM_OP_OUTPUTS_MAX);
    assert(desc->input_count_max <= GM_OP_INPUTS_MAX && desc->attr_count <= GM_OP_ATTRS_MAX);
    return desc;
}

static enum gm_status check_attr(const struct gm_op_desc *desc, uint32_t i, uint64_t value,
                                 struct gm_error *err)
{
    const struct gm_attr_desc *attr = &desc->attrs[i];
    if (attr->kind == GM_ATTR_U64) {
        if (value > attr->max)
            return gm_error_set(err, GM_INVALID,
                                "%s: attribute %s is %" PRIu64 ", expected at most %" PRIu64,
                                desc->name, attr->name, value, attr->max);
        return GM_OK;
    }
    if (value > UINT32_MAX || !isfinite(gm_attr_to_f32(value)))
        return gm_error_set(err, GM_INVALID,
                            "%s: attribute %s has the bits 0x%" PRIx64 ", expected a finite f32",
                            desc->name, attr->name, value);
    return GM_OK;
}

static enum gm_status check_dims(const struct gm_op_desc *desc, const struct gm_op_call *call,
                                 struct gm_error *err)
{
    if (!desc->has_dims) {
        if (call->dim_count != 0)
            return gm_error_set(err, GM_INVALID, "%s: %" PRIu32 " dimensions given, expected none",
                                desc->name, call->dim_count);
        return GM_OK;
    }
    if (call->dim_count < 1 || call->dim_count > GM_RANK_MAX)
        return gm_error_set(err, GM_INVALID, "%s: %" PRIu32 " dimensions given, expected 1 to %d",
                            desc->name, call->dim_count, GM_RANK_MAX);
    return GM_OK;
}

static enum gm_status check_tensor(const struct gm_op_desc *desc, const char *kind, uint32_t i,
                                   const struct gm_tensor_desc *tensor, struct gm_error *err)
{
    if (gm_tensor_desc_valid(tensor) && gm_tensor_count(tensor) > 0)
        return GM_OK;
    char text[GM_TENSOR_TEXT_CHARS];
    return gm_error_set(err, GM_INVALID,
                        "%s: %s %" PRIu32 " is %s, expected between 1 element and 2^48 bytes",
                        desc->name, kind, i, gm_tensor_desc_text(text, tensor));
}

enum gm_status gm_op_infer(const struct gm_op_desc *desc, const struct gm_op_call *call,
                           struct gm_tensor_desc *outputs, struct gm_error *err)
{
    if (call->input_count < desc->input_count_min || call->input_count > desc->input_count_max)
        return gm_error_set(
            err, GM_INVALID, "%s: %" PRIu32 " inputs given, expected %" PRIu32 " to %" PRIu32,
            desc->name, call->input_count, desc->input_count_min, desc->input_count_max);
    GM_TRY(check_dims(desc, call, err));
    for (uint32_t i = 0; i < desc->attr_count; i++)
        GM_TRY(check_attr(desc, i, call->attrs[i], err));
    for (uint32_t i = 0; i < call->input_count; i++)
        GM_TRY(check_tensor(desc, "input", i, &call->inputs[i], err));
    GM_TRY(desc->infer(call, outputs, err));
    for (uint32_t j = 0; j < desc->output_count; j++)
        GM_TRY(check_tensor(desc, "output", j, &outputs[j], err));
    return GM_OK;
}
