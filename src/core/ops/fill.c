/* Constants: one value everywhere, and counting. */
#include "core/ops/rules.h"

static enum gm_status infer_fill(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    (void)err;
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_F32, call->dim_count, call->dims);
    return GM_OK;
}

static enum gm_status infer_iota(const struct gm_op_call *call, struct gm_tensor_desc *outputs,
                                 struct gm_error *err)
{
    GM_TRY(gm_rule_want_attr(&gm_op_desc_iota, call, 0, call->attrs[0] > 0, err, "at least 1"));
    outputs[0] = gm_tensor_desc_make(GM_DTYPE_U32, call->dim_count, call->dims);
    return GM_OK;
}

const struct gm_op_desc gm_op_desc_fill = {
    .op = GM_OP_FILL,
    .name = "fill",
    .output_count = 1,
    .attr_count = 1,
    .attrs = {{"value", GM_ATTR_F32, 0}},
    .has_dims = true,
    .infer = infer_fill,
    .flops = gm_rule_flops_output,
};

const struct gm_op_desc gm_op_desc_iota = {
    .op = GM_OP_IOTA,
    .name = "iota",
    .output_count = 1,
    .attr_count = 1,
    .attrs = {{"modulus", GM_ATTR_U64, UINT32_MAX}},
    .has_dims = true,
    .infer = infer_iota,
    .flops = gm_rule_flops_output,
};
