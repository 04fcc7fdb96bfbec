/* From the builder's lists to a program: only what outputs need, inputs first, commit bits set. */
#include "core/builder.h"

#include <string.h>

#include "base/mem.h"

static uint32_t output_count_of(const struct gm_node *node)
{
    return gm_op_find(node->op)->output_count;
}

/* Marks nodes that lead to an output; counts them and their values. */
static void mark_needed(const struct gm_builder *builder, bool *value_needed, bool *node_needed,
                        uint32_t *node_count, uint32_t *value_count)
{
    const struct gm_output *outputs = builder->outputs.items;
    for (uint32_t i = 0; i < builder->outputs.count; i++)
        value_needed[outputs[i].value] = true;
    *node_count = 0;
    *value_count = builder->inputs.count;
    for (uint32_t n = builder->nodes.count; n-- > 0;) {
        const struct gm_node *node = &gm_builder_nodes(builder)[n];
        for (uint32_t j = 0; j < output_count_of(node); j++)
            node_needed[n] = node_needed[n] || value_needed[node->output_first + j];
        if (!node_needed[n])
            continue;
        *node_count += 1;
        *value_count += output_count_of(node);
        for (uint32_t i = 0; i < node->input_count; i++)
            value_needed[node->inputs[i]] = true;
    }
}

static void set_commits(struct gm_program *program, const bool *is_output)
{
    for (uint32_t n = 0; n < program->node_count; n++) {
        struct gm_node *node = &program->nodes[n];
        const struct gm_op_desc *desc = gm_op_find(node->op);
        for (uint32_t j = 0; j < desc->output_count; j++)
            if (desc->heavy || is_output[node->output_first + j])
                node->commit |= (uint8_t)(1U << j);
    }
}

/* Fills a program of the right counts. `number[v]` becomes the new number of value v. */
static void renumber(const struct gm_builder *builder, const bool *node_needed, gm_value *number,
                     bool *is_output, struct gm_program *program)
{
    const gm_value *input_values = builder->input_values.items;
    gm_value next = 0;
    for (uint32_t i = 0; i < builder->inputs.count; i++) {
        program->inputs[i] = ((const struct gm_input *)builder->inputs.items)[i];
        program->values[next] = program->inputs[i].desc;
        number[input_values[i]] = next++;
    }
    uint32_t kept = 0;
    for (uint32_t n = 0; n < builder->nodes.count; n++) {
        if (!node_needed[n])
            continue;
        struct gm_node *node = &program->nodes[kept++];
        *node = gm_builder_nodes(builder)[n];
        for (uint32_t i = 0; i < node->input_count; i++)
            node->inputs[i] = number[node->inputs[i]];
        for (uint32_t j = 0; j < output_count_of(node); j++) {
            program->values[next + j] = gm_builder_values(builder)[node->output_first + j].desc;
            number[node->output_first + j] = next + j;
        }
        node->output_first = next;
        next += output_count_of(node);
    }
    for (uint32_t i = 0; i < builder->outputs.count; i++) {
        program->outputs[i] = ((const struct gm_output *)builder->outputs.items)[i];
        program->outputs[i].value = number[program->outputs[i].value];
        is_output[program->outputs[i].value] = true;
    }
    for (uint32_t i = 0; i < builder->carries.count; i++)
        program->carries[i] = ((const struct gm_carry *)builder->carries.items)[i];
}

static enum gm_status build(const struct gm_builder *builder, struct gm_program **out,
                            struct gm_error *err)
{
    size_t count = builder->values.count;
    bool *value_needed = gm_mem_new(count, sizeof(*value_needed));
    bool *node_needed = gm_mem_new(builder->nodes.count, sizeof(*node_needed));
    bool *is_output = gm_mem_new(count, sizeof(*is_output));
    gm_value *number = gm_mem_new(count, sizeof(*number));
    struct gm_program *program = NULL;
    if (value_needed != NULL && node_needed != NULL && is_output != NULL && number != NULL) {
        uint32_t node_count;
        uint32_t value_count;
        mark_needed(builder, value_needed, node_needed, &node_count, &value_count);
        program = gm_program_new(builder->inputs.count, node_count, builder->outputs.count,
                                 builder->carries.count, value_count);
    }
    if (program != NULL) {
        renumber(builder, node_needed, number, is_output, program);
        set_commits(program, is_output);
    }
    gm_mem_free(value_needed);
    gm_mem_free(node_needed);
    gm_mem_free(is_output);
    gm_mem_free(number);
    *out = program;
    return program != NULL
               ? GM_OK
               : gm_error_set(err, GM_NO_MEMORY, "no memory for a program of %zu values", count);
}

enum gm_status gm_builder_finish(struct gm_builder *builder, struct gm_program **out,
                                 struct gm_error *err)
{
    struct gm_program *program = NULL;
    enum gm_status status = builder->fault.status;
    if (status != GM_OK)
        gm_error_set(err, status, "%s", builder->fault.text);
    else
        status = build(builder, &program, err);
    gm_builder_free(builder);
    if (status == GM_OK)
        status = gm_program_check(program, err);
    if (status != GM_OK) {
        gm_program_free(program);
        return status;
    }
    *out = program;
    return GM_OK;
}
