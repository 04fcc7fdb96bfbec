#include <stdio.h>

#include "model/family.h"

/* In the order of gm_activation_choices. */
const char gm_activation_choices[] = "relu|gelu|gelu_new|gelu_pytorch_tanh|silu";
static const enum gm_op activation_ops[] = {GM_OP_RELU, GM_OP_GELU, GM_OP_GELU_TANH,
                                            GM_OP_GELU_TANH, GM_OP_SILU};

gm_value gm_net_param(const struct gm_net *net, const char *format, ...)
{
    char name[GM_PARAM_NAME_MAX + 1];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(name, sizeof name, format, args);
    va_end(args);
    uint32_t index = gm_model_param_find(net->model, name);
    if (index == UINT32_MAX) {
        gm_builder_fail(net->builder, GM_INTERNAL, "the model has no parameter %s", name);
        return GM_VALUE_NONE;
    }
    return net->params[index];
}

gm_value gm_net_node(const struct gm_net *net, enum gm_op op, uint32_t input_count,
                     const gm_value *inputs, const uint64_t *attrs)
{
    return gm_builder_node(net->builder, op, input_count, inputs, attrs, 0, NULL);
}

gm_value gm_net_add(const struct gm_net *net, gm_value a, gm_value b)
{
    return gm_net_node(net, GM_OP_ADD, 2, (gm_value[]){a, b}, NULL);
}

gm_value gm_net_mul(const struct gm_net *net, gm_value a, gm_value b)
{
    return gm_net_node(net, GM_OP_MUL, 2, (gm_value[]){a, b}, NULL);
}

gm_value gm_net_linear(const struct gm_net *net, gm_value x, gm_value w, bool transposed,
                       gm_value bias)
{
    uint64_t attrs[3] = {0, transposed, 0}; /* trans_a, trans_b, batched */
    return gm_net_node(net, GM_OP_MATMUL, bias == GM_VALUE_NONE ? 2 : 3, (gm_value[]){x, w, bias},
                       attrs);
}

gm_value gm_net_embedding(const struct gm_net *net, gm_value table, gm_value ids)
{
    return gm_net_node(net, GM_OP_EMBEDDING, 2, (gm_value[]){table, ids}, NULL);
}

gm_value gm_net_layernorm(const struct gm_net *net, gm_value x, gm_value w, gm_value b, double eps)
{
    uint64_t attrs[1] = {gm_attr_from_f32((float)eps)};
    return gm_net_node(net, GM_OP_LAYERNORM, 3, (gm_value[]){x, w, b}, attrs);
}

gm_value gm_net_rmsnorm(const struct gm_net *net, gm_value x, gm_value w, double eps)
{
    uint64_t attrs[1] = {gm_attr_from_f32((float)eps)};
    return gm_net_node(net, GM_OP_RMSNORM, 2, (gm_value[]){x, w}, attrs);
}

gm_value gm_net_cols(const struct gm_net *net, gm_value x, uint64_t start, uint64_t count)
{
    uint64_t attrs[2] = {start, count};
    return gm_net_node(net, GM_OP_SLICE_COLS, 1, &x, attrs);
}

gm_value gm_net_attention(const struct gm_net *net, gm_value q, gm_value k, gm_value v,
                          uint64_t heads, uint64_t kv_heads, double scale)
{
    uint64_t attrs[4] = {heads, kv_heads, 1, gm_attr_from_f32((float)scale)};
    return gm_net_node(net, GM_OP_ATTENTION, 3, (gm_value[]){q, k, v}, attrs);
}

gm_value gm_net_activation(const struct gm_net *net, uint32_t activation, gm_value x)
{
    return gm_net_node(net, activation_ops[activation], 1, &x, NULL);
}
