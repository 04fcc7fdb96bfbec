/* Programs come from strangers: every count is checked before memory is taken, every shape is
   inferred again, and what the strict reader accepts has one encoding only. */
#include "core/builder.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "core/format.h"
#include "trust/cbor.h"

struct decoder {
    struct gm_cbor_reader reader;
    struct gm_program *program;
    struct gm_error *err;
};

/* Opens a list and takes zeroed memory for its items. */
static enum gm_status begin_list(struct decoder *d, const char *name, uint64_t count_max,
                                 size_t item_bytes, uint32_t *count, void *items)
{
    uint64_t n;
    GM_TRY(gm_cbor_array_begin(&d->reader, name, &n));
    if (n > count_max)
        return gm_error_set(d->err, GM_LIMIT, "%" PRIu64 " %s, expected at most %" PRIu64, n, name,
                            count_max);
    void *memory = gm_mem_new((size_t)n, item_bytes);
    if (memory == NULL)
        return gm_error_set(d->err, GM_NO_MEMORY, "no memory for %" PRIu64 " %s", n, name);
    memcpy(items, &memory, sizeof(memory)); /* any pointer to an object: one representation */
    *count = (uint32_t)n;
    return GM_OK;
}

/* Opens an array that must have exactly `count` items. */
static enum gm_status begin_tuple(struct decoder *d, const char *name, uint64_t count)
{
    uint64_t n;
    GM_TRY(gm_cbor_array_begin(&d->reader, name, &n));
    if (n != count)
        return gm_error_set(d->err, GM_INVALID, "%s has %" PRIu64 " items, expected %" PRIu64, name,
                            n, count);
    return GM_OK;
}

/* An array of at most count_max numbers. */
static enum gm_status read_numbers(struct decoder *d, const char *name, uint64_t count_max,
                                   uint32_t *count, uint64_t *out)
{
    uint64_t n;
    GM_TRY(gm_cbor_array_begin(&d->reader, name, &n));
    if (n > count_max)
        return gm_error_set(d->err, GM_INVALID, "%" PRIu64 " %s, expected at most %" PRIu64, n,
                            name, count_max);
    for (uint64_t i = 0; i < n; i++)
        GM_TRY(gm_cbor_read_u64(&d->reader, name, &out[i]));
    *count = (uint32_t)n;
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_u32(struct decoder *d, const char *field, uint32_t *out)
{
    uint64_t value;
    GM_TRY(gm_cbor_read_u64_max(&d->reader, field, UINT32_MAX, &value));
    *out = (uint32_t)value;
    return GM_OK;
}

static enum gm_status read_input(struct decoder *d, struct gm_input *input)
{
    uint32_t source;
    uint32_t dtype;
    GM_TRY(begin_tuple(d, "input", 4));
    GM_TRY(read_u32(d, "source", &source));
    GM_TRY(read_u32(d, "dtype", &dtype));
    GM_TRY(read_numbers(d, "dims", GM_RANK_MAX, &input->desc.rank, input->desc.dims));
    GM_TRY(gm_cbor_read_string(&d->reader, "name", input->name, sizeof(input->name)));
    if (source > GM_SOURCE_SEED)
        return gm_error_set(d->err, GM_INVALID, "source %" PRIu32 ", expected 1 to 5", source);
    if (dtype > GM_DTYPE_U8)
        return gm_error_set(d->err, GM_INVALID, "dtype %" PRIu32 ", expected 1 to 4", dtype);
    input->source = (enum gm_source)source;
    input->desc.dtype = (enum gm_dtype)dtype;
    if (!gm_tensor_desc_valid(&input->desc) || gm_tensor_count(&input->desc) == 0) {
        char text[GM_TENSOR_TEXT_CHARS];
        return gm_error_set(d->err, GM_INVALID, "an input is %s, expected 1 element to 2^48 bytes",
                            gm_tensor_desc_text(text, &input->desc));
    }
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_operands(struct decoder *d, struct gm_node *node)
{
    uint64_t inputs[GM_OP_INPUTS_MAX];
    GM_TRY(read_numbers(d, "operands", GM_OP_INPUTS_MAX, &node->input_count, inputs));
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (inputs[i] >= d->program->value_count)
            return gm_error_set(d->err, GM_INVALID,
                                "an operand is value %" PRIu64 ", expected below %" PRIu32
                                ", which is written before",
                                inputs[i], d->program->value_count);
        node->inputs[i] = (gm_value)inputs[i];
    }
    return GM_OK;
}

static enum gm_status infer_node(struct decoder *d, const struct gm_op_desc *desc,
                                 struct gm_node *node)
{
    struct gm_program *program = d->program;
    struct gm_tensor_desc inputs[GM_OP_INPUTS_MAX];
    for (uint32_t i = 0; i < node->input_count; i++)
        inputs[i] = program->values[node->inputs[i]];
    struct gm_op_call call = {node->input_count, inputs, node->attrs, node->dim_count, node->dims};
    node->output_first = program->value_count;
    GM_TRY(gm_op_infer(desc, &call, &program->values[node->output_first], d->err));
    program->value_count += desc->output_count;
    return GM_OK;
}

static enum gm_status read_node(struct decoder *d, struct gm_node *node)
{
    uint64_t number;
    GM_TRY(begin_tuple(d, "operation", 5));
    GM_TRY(gm_cbor_read_u64(&d->reader, "op", &number));
    const struct gm_op_desc *desc = gm_op_find(number);
    if (desc == NULL)
        return gm_error_set(d->err, GM_UNSUPPORTED, "unknown operation %" PRIu64, number);
    node->op = desc->op;
    GM_TRY(read_operands(d, node));
    uint32_t attr_count;
    GM_TRY(read_numbers(d, "attributes", GM_OP_ATTRS_MAX, &attr_count, node->attrs));
    if (attr_count != desc->attr_count)
        return gm_error_set(d->err, GM_INVALID, "%s: %" PRIu32 " attributes, expected %" PRIu32,
                            desc->name, attr_count, desc->attr_count);
    GM_TRY(read_numbers(d, "dims", GM_RANK_MAX, &node->dim_count, node->dims));
    uint64_t commit;
    GM_TRY(gm_cbor_read_u64_max(&d->reader, "commit", (UINT64_C(1) << desc->output_count) - 1,
                                &commit));
    node->commit = (uint8_t)commit;
    GM_TRY(infer_node(d, desc, node));
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_inputs(struct decoder *d)
{
    struct gm_program *program = d->program;
    GM_TRY(begin_list(d, "inputs", GM_PROGRAM_INPUTS_MAX, sizeof(program->inputs[0]),
                      &program->input_count, &program->inputs));
    for (uint32_t i = 0; i < program->input_count; i++) {
        enum gm_status status = read_input(d, &program->inputs[i]);
        if (status != GM_OK)
            return gm_error_at(d->err, status, "input %" PRIu32, i);
    }
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_nodes(struct decoder *d)
{
    struct gm_program *program = d->program;
    GM_TRY(begin_list(d, "operations", GM_PROGRAM_NODES_MAX, sizeof(program->nodes[0]),
                      &program->node_count, &program->nodes));
    size_t value_count_max = program->input_count + (size_t)program->node_count * GM_OP_OUTPUTS_MAX;
    program->values = gm_mem_new(value_count_max, sizeof(program->values[0]));
    if (program->values == NULL)
        return gm_error_set(d->err, GM_NO_MEMORY, "no memory for %zu values", value_count_max);
    for (uint32_t i = 0; i < program->input_count; i++)
        program->values[program->value_count++] = program->inputs[i].desc;
    for (uint32_t i = 0; i < program->node_count; i++) {
        enum gm_status status = read_node(d, &program->nodes[i]);
        if (status != GM_OK)
            return gm_error_at(d->err, status, "operation %" PRIu32, i);
    }
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_outputs(struct decoder *d)
{
    struct gm_program *program = d->program;
    GM_TRY(begin_list(d, "outputs", GM_PROGRAM_OUTPUTS_MAX, sizeof(program->outputs[0]),
                      &program->output_count, &program->outputs));
    for (uint32_t i = 0; i < program->output_count; i++) {
        struct gm_output *output = &program->outputs[i];
        GM_TRY(begin_tuple(d, "output", 2));
        GM_TRY(read_u32(d, "value", &output->value));
        if (output->value >= program->value_count)
            return gm_error_set(d->err, GM_INVALID,
                                "output %" PRIu32 " is value %" PRIu32 ", expected below %" PRIu32,
                                i, output->value, program->value_count);
        GM_TRY(gm_cbor_read_string(&d->reader, "name", output->name, sizeof(output->name)));
        GM_TRY(gm_cbor_end(&d->reader));
    }
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_carries(struct decoder *d)
{
    struct gm_program *program = d->program;
    GM_TRY(begin_list(d, "carries", GM_PROGRAM_INPUTS_MAX, sizeof(program->carries[0]),
                      &program->carry_count, &program->carries));
    for (uint32_t i = 0; i < program->carry_count; i++) {
        GM_TRY(begin_tuple(d, "carry", 2));
        GM_TRY(read_u32(d, "output", &program->carries[i].output));
        GM_TRY(read_u32(d, "input", &program->carries[i].input));
        GM_TRY(gm_cbor_end(&d->reader));
    }
    return gm_cbor_end(&d->reader);
}

static enum gm_status read_head(struct decoder *d)
{
    uint64_t version;
    char profile[32];
    GM_TRY(gm_cbor_map_key(&d->reader, GM_FORMAT_VERSION, "version"));
    GM_TRY(gm_cbor_read_u64(&d->reader, "version", &version));
    if (version != GM_PROGRAM_FORMAT)
        return gm_error_set(d->err, GM_UNSUPPORTED, "format version %" PRIu64 ", expected %d",
                            version, GM_PROGRAM_FORMAT);
    GM_TRY(gm_cbor_map_key(&d->reader, GM_FORMAT_PROFILE, "profile"));
    GM_TRY(gm_cbor_read_string(&d->reader, "profile", profile, sizeof(profile)));
    if (strcmp(profile, GM_PROFILE_EXACT_F32) != 0)
        return gm_error_set(d->err, GM_UNSUPPORTED, "unknown profile, expected %s",
                            GM_PROFILE_EXACT_F32);
    return GM_OK;
}

static enum gm_status read_program(struct decoder *d)
{
    GM_TRY(gm_cbor_map_begin(&d->reader, "map", NULL));
    GM_TRY(read_head(d));
    GM_TRY(gm_cbor_map_key(&d->reader, GM_FORMAT_INPUTS, "inputs"));
    GM_TRY(read_inputs(d));
    GM_TRY(gm_cbor_map_key(&d->reader, GM_FORMAT_NODES, "operations"));
    GM_TRY(read_nodes(d));
    GM_TRY(gm_cbor_map_key(&d->reader, GM_FORMAT_OUTPUTS, "outputs"));
    GM_TRY(read_outputs(d));
    GM_TRY(gm_cbor_map_key(&d->reader, GM_FORMAT_CARRIES, "carries"));
    GM_TRY(read_carries(d));
    GM_TRY(gm_cbor_end(&d->reader));
    GM_TRY(gm_cbor_read_done(&d->reader));
    return gm_program_check(d->program, d->err);
}

enum gm_status gm_program_decode(struct gm_bytes bytes, struct gm_program **out,
                                 struct gm_error *err)
{
    if (bytes.size_bytes > GM_PROGRAM_ENCODED_MAX)
        return gm_error_set(err, GM_LIMIT, "program: %zu bytes, expected at most %d",
                            bytes.size_bytes, GM_PROGRAM_ENCODED_MAX);
    struct decoder d = {.program = gm_mem_new(1, sizeof(struct gm_program)), .err = err};
    if (d.program == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "program: no memory");
    gm_cbor_reader_init(&d.reader, bytes, err);
    enum gm_status status = read_program(&d);
    if (status != GM_OK) {
        gm_program_free(d.program);
        return gm_error_at(err, status, "program");
    }
    *out = d.program;
    return GM_OK;
}
