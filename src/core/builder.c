#include "core/builder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct gm_builder *gm_builder_new(void)
{
    struct gm_builder *builder = gm_mem_new(1, sizeof(*builder));
    if (builder != NULL)
        builder->fault.status = GM_OK;
    return builder;
}

void gm_builder_free(struct gm_builder *builder)
{
    if (builder == NULL)
        return;
    gm_mem_free(builder->values.items);
    gm_mem_free(builder->inputs.items);
    gm_mem_free(builder->input_values.items);
    gm_mem_free(builder->nodes.items);
    gm_mem_free(builder->outputs.items);
    gm_mem_free(builder->carries.items);
    gm_mem_free(builder);
}

enum gm_status gm_builder_status(const struct gm_builder *builder)
{
    return builder->fault.status;
}

void gm_builder_fail(struct gm_builder *builder, enum gm_status status, const char *format, ...)
{
    assert(status != GM_OK);
    if (builder->fault.status != GM_OK)
        return;
    builder->fault.status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(builder->fault.text, sizeof(builder->fault.text), format, args);
    va_end(args);
}

/* Room for one more item, counted as appended; NULL, with the fault noted, when there is none. */
static void *append(struct gm_builder *builder, struct gm_builder_list *list, size_t size_bytes,
                    uint32_t count_max, const char *what)
{
    if (list->count >= count_max) {
        gm_builder_fail(builder, GM_LIMIT, "the program has more than %" PRIu32 " %s", count_max,
                        what);
        return NULL;
    }
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity < 64 ? 64 : 2 * list->capacity;
        void *items = gm_mem_resize(list->items, capacity, size_bytes);
        if (items == NULL) {
            gm_builder_fail(builder, GM_NO_MEMORY, "no memory for %" PRIu32 " %s", capacity, what);
            return NULL;
        }
        list->items = items;
        list->capacity = capacity;
    }
    uint8_t *item = (uint8_t *)list->items + list->count * size_bytes;
    memset(item, 0, size_bytes);
    list->count++;
    return item;
}

static gm_value append_value(struct gm_builder *builder, const struct gm_tensor_desc *desc,
                             uint32_t owner, bool is_input)
{
    const uint32_t count_max = GM_PROGRAM_INPUTS_MAX + GM_PROGRAM_NODES_MAX * GM_OP_OUTPUTS_MAX;
    struct gm_builder_value *value =
        append(builder, &builder->values, sizeof(*value), count_max, "values");
    if (value == NULL)
        return GM_VALUE_NONE;
    *value = (struct gm_builder_value){*desc, owner, is_input};
    return builder->values.count - 1;
}

/* Copies a name that fits; whether it is a good one is the business of gm_program_check. */
static bool copy_name(struct gm_builder *builder, char out[GM_PROGRAM_NAME_MAX + 1],
                      const char *name)
{
    size_t length = strlen(name);
    if (length > GM_PROGRAM_NAME_MAX) {
        gm_builder_fail(builder, GM_INVALID,
                        "the name \"%.40s...\" has %zu bytes, expected 1 to %d", name, length,
                        GM_PROGRAM_NAME_MAX);
        return false;
    }
    memcpy(out, name, length + 1);
    return true;
}

gm_value gm_builder_input(struct gm_builder *builder, enum gm_source source, const char *name,
                          struct gm_tensor_desc desc)
{
    if (builder->fault.status != GM_OK)
        return GM_VALUE_NONE;
    if (!gm_tensor_desc_valid(&desc) || gm_tensor_count(&desc) == 0) {
        char text[GM_TENSOR_TEXT_CHARS];
        gm_builder_fail(builder, GM_INVALID,
                        "input %.64s is %s, expected between 1 element and 2^48 bytes", name,
                        gm_tensor_desc_text(text, &desc));
        return GM_VALUE_NONE;
    }
    struct gm_input *input =
        append(builder, &builder->inputs, sizeof(*input), GM_PROGRAM_INPUTS_MAX, "inputs");
    if (input == NULL || !copy_name(builder, input->name, name))
        return GM_VALUE_NONE;
    input->source = source;
    input->desc = desc;
    gm_value *value =
        append(builder, &builder->input_values, sizeof(*value), GM_PROGRAM_INPUTS_MAX, "inputs");
    if (value == NULL)
        return GM_VALUE_NONE;
    *value = append_value(builder, &desc, builder->inputs.count - 1, true);
    return *value;
}

/* Shapes of the operands; false, with the fault noted, when a value is none. */
static bool operands(struct gm_builder *builder, const struct gm_op_desc *desc,
                     uint32_t input_count, const gm_value *inputs,
                     struct gm_tensor_desc out[GM_OP_INPUTS_MAX])
{
    for (uint32_t i = 0; i < input_count; i++) {
        if (inputs[i] >= builder->values.count) {
            gm_builder_fail(builder, GM_INVALID,
                            "%s: input %" PRIu32 " is value %" PRIu32
                            ", expected one of the %" PRIu32 " there are",
                            desc->name, i, inputs[i], builder->values.count);
            return false;
        }
        out[i] = gm_builder_values(builder)[inputs[i]].desc;
    }
    return true;
}

gm_value gm_builder_node(struct gm_builder *builder, enum gm_op op, uint32_t input_count,
                         const gm_value *inputs, const uint64_t *attrs, uint32_t dim_count,
                         const uint64_t *dims)
{
    if (builder->fault.status != GM_OK)
        return GM_VALUE_NONE;
    const struct gm_op_desc *desc = gm_op_find(op);
    assert(desc != NULL && "an operation of op.def");
    assert((attrs != NULL || desc->attr_count == 0) && input_count <= GM_OP_INPUTS_MAX);
    struct gm_tensor_desc shapes[GM_OP_INPUTS_MAX];
    struct gm_tensor_desc results[GM_OP_OUTPUTS_MAX];
    if (!operands(builder, desc, input_count, inputs, shapes))
        return GM_VALUE_NONE;
    struct gm_op_call call = {input_count, shapes, attrs, dim_count, dims};
    struct gm_error err = {GM_OK, ""};
    if (gm_op_infer(desc, &call, results, &err) != GM_OK) {
        gm_builder_fail(builder, err.status, "%s", err.text);
        return GM_VALUE_NONE;
    }
    struct gm_node *node =
        append(builder, &builder->nodes, sizeof(*node), GM_PROGRAM_NODES_MAX, "operations");
    if (node == NULL)
        return GM_VALUE_NONE;
    node->op = op;
    node->input_count = input_count;
    node->dim_count = dim_count;
    node->output_first = builder->values.count;
    for (uint32_t i = 0; i < input_count; i++)
        node->inputs[i] = inputs[i];
    for (uint32_t i = 0; i < desc->attr_count; i++)
        node->attrs[i] = attrs[i];
    for (uint32_t i = 0; i < dim_count; i++)
        node->dims[i] = dims[i];
    gm_value first = node->output_first;
    for (uint32_t j = 0; j < desc->output_count; j++)
        if (append_value(builder, &results[j], builder->nodes.count - 1, false) == GM_VALUE_NONE)
            return GM_VALUE_NONE;
    return first;
}

void gm_builder_output(struct gm_builder *builder, const char *name, gm_value value)
{
    if (builder->fault.status != GM_OK)
        return;
    if (value >= builder->values.count) {
        gm_builder_fail(builder, GM_INVALID,
                        "output %.64s is value %" PRIu32 ", expected one of the %" PRIu32
                        " there are",
                        name, value, builder->values.count);
        return;
    }
    struct gm_output *output =
        append(builder, &builder->outputs, sizeof(*output), GM_PROGRAM_OUTPUTS_MAX, "outputs");
    if (output != NULL && copy_name(builder, output->name, name))
        output->value = value;
}

void gm_builder_carry(struct gm_builder *builder, uint32_t output, uint32_t input)
{
    if (builder->fault.status != GM_OK)
        return;
    struct gm_carry *carry =
        append(builder, &builder->carries, sizeof(*carry), GM_PROGRAM_INPUTS_MAX, "carries");
    if (carry != NULL)
        *carry = (struct gm_carry){output, input};
}

const struct gm_tensor_desc *gm_builder_desc(const struct gm_builder *builder, gm_value value)
{
    if (builder->fault.status != GM_OK || value >= builder->values.count)
        return NULL;
    return &gm_builder_values(builder)[value].desc;
}
