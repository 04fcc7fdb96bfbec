#include "core/builder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct gm_program *gm_program_new(uint32_t input_count, uint32_t node_count, uint32_t output_count,
                                  uint32_t carry_count, uint32_t value_count)
{
    struct gm_program *program = gm_mem_new(1, sizeof(*program));
    if (program == NULL)
        return NULL;
    *program = (struct gm_program){
        .input_count = input_count,
        .node_count = node_count,
        .output_count = output_count,
        .carry_count = carry_count,
        .value_count = value_count,
        .inputs = gm_mem_new(input_count, sizeof(struct gm_input)),
        .nodes = gm_mem_new(node_count, sizeof(struct gm_node)),
        .outputs = gm_mem_new(output_count, sizeof(struct gm_output)),
        .carries = gm_mem_new(carry_count, sizeof(struct gm_carry)),
        .values = gm_mem_new(value_count, sizeof(struct gm_tensor_desc)),
    };
    if (program->inputs == NULL || program->nodes == NULL || program->outputs == NULL ||
        program->carries == NULL || program->values == NULL) {
        gm_program_free(program);
        return NULL;
    }
    return program;
}

void gm_program_free(struct gm_program *program)
{
    if (program == NULL)
        return;
    gm_mem_free(program->inputs);
    gm_mem_free(program->nodes);
    gm_mem_free(program->outputs);
    gm_mem_free(program->carries);
    gm_mem_free(program->values);
    gm_mem_free(program);
}

uint64_t gm_program_flops(const struct gm_program *program)
{
    uint64_t total = 0;
    for (uint32_t n = 0; n < program->node_count; n++) {
        const struct gm_node *node = &program->nodes[n];
        struct gm_tensor_desc inputs[GM_OP_INPUTS_MAX];
        for (uint32_t i = 0; i < node->input_count; i++)
            inputs[i] = program->values[node->inputs[i]];
        struct gm_op_call call = {node->input_count, inputs, node->attrs, node->dim_count,
                                  node->dims};
        uint64_t flops = gm_op_find(node->op)->flops(&call, &program->values[node->output_first]);
        if (!gm_u64_add(total, flops, &total))
            return UINT64_MAX;
    }
    return total;
}

uint32_t gm_program_input_find(const struct gm_program *program, const char *name)
{
    for (uint32_t i = 0; i < program->input_count; i++)
        if (strcmp(program->inputs[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

uint32_t gm_program_output_find(const struct gm_program *program, const char *name)
{
    for (uint32_t i = 0; i < program->output_count; i++)
        if (strcmp(program->outputs[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}
