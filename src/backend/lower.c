#include "backend/lower.h"

#include <assert.h>
#include <string.h>

#include "backend/lower_rules.h"
#include "kernels/num/dot.h"
#include "kernels/num/sum.h"

enum { SCRATCH_ALIGN_BYTES = 256 };

static const char *const KERNEL_NAMES[GM_KERNEL_COUNT] = {
#define GM_KERNEL_ROW(name, ...) "gm_k_" #name,
#include "kernels/kernels.def"
#undef GM_KERNEL_ROW
};

static gm_lower_rule *const RULES[GM_OP_LIMIT] = {
#define GM_OP(number, NAME, name) [number] = gm_lower_##name,
#include "core/op.def"
#undef GM_OP
};

const char *gm_kernel_name(enum gm_kernel kernel)
{
    assert(kernel < GM_KERNEL_COUNT);
    return KERNEL_NAMES[kernel];
}

void gm_lower(const struct gm_node *node, const struct gm_tensor_desc *values,
              struct gm_lowered *out)
{
    out->launch_count = 0;
    out->scratch_bytes = 0;
    struct gm_lowering l = {.node = node, .outputs = &values[node->output_first], .out = out};
    for (uint32_t i = 0; i < node->input_count; i++)
        l.inputs[i] = &values[node->inputs[i]];
    assert(RULES[node->op] != NULL);
    RULES[node->op](&l);
}

void gm_lower_launch(struct gm_lowering *l, enum gm_kernel kernel, uint64_t count, uint64_t rows)
{
    l->open = NULL;
    if (count == 0 || rows == 0)
        return;
    assert(l->out->launch_count < GM_LAUNCHES_MAX);
    l->open = &l->out->launches[l->out->launch_count++];
    l->open->kernel = kernel;
    l->open->count = count;
    l->open->rows = rows;
    l->open->arg_count = 0;
}

static void append(struct gm_lowering *l, struct gm_launch_arg arg)
{
    if (l->open == NULL)
        return;
    assert(l->open->arg_count < GM_LAUNCH_ARGS_MAX);
    l->open->args[l->open->arg_count++] = arg;
}

void gm_lower_in(struct gm_lowering *l, uint32_t input)
{
    append(l, (struct gm_launch_arg){.kind = GM_ARG_INPUT, .number = input});
}

void gm_lower_out(struct gm_lowering *l, uint32_t output)
{
    append(l, (struct gm_launch_arg){.kind = GM_ARG_OUTPUT, .number = output});
}

void gm_lower_scratch(struct gm_lowering *l, uint64_t offset_bytes)
{
    append(l, (struct gm_launch_arg){.kind = GM_ARG_SCRATCH, .number = offset_bytes});
}

void gm_lower_u64(struct gm_lowering *l, uint64_t value)
{
    append(l, (struct gm_launch_arg){.kind = GM_ARG_U64, .number = value});
}

void gm_lower_u32(struct gm_lowering *l, uint32_t value)
{
    append(l, (struct gm_launch_arg){.kind = GM_ARG_U32, .number = value});
}

void gm_lower_f32(struct gm_lowering *l, float value)
{
    append(l, (struct gm_launch_arg){.kind = GM_ARG_F32, .f32 = value});
}

void gm_lower_attr_f32(struct gm_lowering *l, uint32_t attr)
{
    gm_lower_f32(l, gm_attr_to_f32(l->node->attrs[attr]));
}

void gm_lower_attr_u64(struct gm_lowering *l, uint32_t attr)
{
    gm_lower_u64(l, l->node->attrs[attr]);
}

void gm_lower_attr_u32(struct gm_lowering *l, uint32_t attr)
{
    gm_lower_u32(l, (uint32_t)l->node->attrs[attr]);
}

uint64_t gm_lower_scratch_new(struct gm_lowering *l, uint64_t count)
{
    uint64_t offset = l->out->scratch_bytes;
    uint64_t size = (4 * count + SCRATCH_ALIGN_BYTES - 1) / SCRATCH_ALIGN_BYTES;
    l->out->scratch_bytes = offset + size * SCRATCH_ALIGN_BYTES;
    return offset;
}

void gm_lower_elementwise(struct gm_lowering *l, enum gm_kernel kernel, uint32_t input_count)
{
    gm_lower_launch(l, kernel, gm_tensor_count(&l->outputs[0]), 1);
    for (uint32_t i = 0; i < input_count; i++)
        gm_lower_in(l, i);
    gm_lower_out(l, 0);
}

uint64_t gm_lower_blocks(uint64_t count)
{
    return (count + GM_SUM_BLOCK - 1) / GM_SUM_BLOCK;
}

uint64_t gm_lower_segments(uint64_t count)
{
    return (count + GM_DOT_SEGMENT - 1) / GM_DOT_SEGMENT;
}

void gm_lower_sum_levels(struct gm_lowering *l, enum gm_kernel kernel, uint64_t part,
                         uint64_t count, uint32_t output)
{
    if (count == 0) {
        gm_lower_zero(l, output);
        return;
    }
    /* A level of one block writes the result; it also carries a lone block result over, unchanged:
       +0 + x is x, as no block result is -0. */
    while (true) {
        uint64_t blocks = gm_lower_blocks(count);
        uint64_t next = blocks > 1 ? gm_lower_scratch_new(l, blocks) : 0;
        gm_lower_launch(l, kernel, blocks, 1);
        gm_lower_scratch(l, part);
        if (blocks == 1)
            gm_lower_out(l, output);
        else
            gm_lower_scratch(l, next);
        gm_lower_u64(l, count);
        if (blocks == 1)
            return;
        part = next;
        count = blocks;
    }
}

void gm_lower_totals(struct gm_lowering *l, uint64_t part, uint64_t segments, uint64_t n,
                     uint32_t output)
{
    gm_lower_launch(l, GM_KERNEL_total_segments, n, 1);
    gm_lower_scratch(l, part);
    gm_lower_out(l, output);
    gm_lower_u64(l, segments);
    gm_lower_u64(l, n);
}

void gm_lower_zero(struct gm_lowering *l, uint32_t output)
{
    gm_lower_launch(l, GM_KERNEL_fill, gm_tensor_count(&l->outputs[output]), 1);
    gm_lower_out(l, output);
    gm_lower_f32(l, 0.0f);
}

bool gm_lower_index_check(const struct gm_node *node, const struct gm_tensor_desc *values,
                          struct gm_index_check *out)
{
    switch (node->op) {
    case GM_OP_EMBEDDING:
        *out = (struct gm_index_check){1, values[node->inputs[0]].dims[0], 0};
        return true;
    case GM_OP_EMBEDDING_GRAD:
        *out = (struct gm_index_check){0, node->attrs[0], 0};
        return true;
    case GM_OP_CROSS_ENTROPY:
    case GM_OP_CROSS_ENTROPY_GRAD:
        *out = (struct gm_index_check){1, gm_tensor_cols(&values[node->inputs[0]]), UINT32_MAX};
        return true;
    default:
        return false;
    }
}
