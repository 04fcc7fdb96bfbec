#include "core/program.h"

#include "core/format.h"
#include "trust/blake3.h"
#include "trust/cbor.h"

static void put_numbers(struct gm_buf *out, uint32_t count, const uint64_t *numbers)
{
    gm_cbor_put_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        gm_cbor_put_u64(out, numbers[i]);
}

static void put_input(struct gm_buf *out, const struct gm_input *input)
{
    gm_cbor_put_array(out, 4);
    gm_cbor_put_u64(out, input->source);
    gm_cbor_put_u64(out, input->desc.dtype);
    put_numbers(out, input->desc.rank, input->desc.dims);
    gm_cbor_put_text(out, input->name);
}

static void put_node(struct gm_buf *out, const struct gm_node *node)
{
    gm_cbor_put_array(out, 5);
    gm_cbor_put_u64(out, node->op);
    gm_cbor_put_array(out, node->input_count);
    for (uint32_t i = 0; i < node->input_count; i++)
        gm_cbor_put_u64(out, node->inputs[i]);
    put_numbers(out, gm_op_find(node->op)->attr_count, node->attrs);
    put_numbers(out, node->dim_count, node->dims);
    gm_cbor_put_u64(out, node->commit);
}

enum gm_status gm_program_encode(const struct gm_program *program, struct gm_buf *out)
{
    size_t start_bytes = out->size_bytes;
    gm_cbor_put_map(out, 6);
    gm_cbor_put_u64(out, GM_FORMAT_VERSION);
    gm_cbor_put_u64(out, GM_PROGRAM_FORMAT);
    gm_cbor_put_u64(out, GM_FORMAT_PROFILE);
    gm_cbor_put_text(out, GM_PROFILE_EXACT_F32);
    gm_cbor_put_u64(out, GM_FORMAT_INPUTS);
    gm_cbor_put_array(out, program->input_count);
    for (uint32_t i = 0; i < program->input_count; i++)
        put_input(out, &program->inputs[i]);
    gm_cbor_put_u64(out, GM_FORMAT_NODES);
    gm_cbor_put_array(out, program->node_count);
    for (uint32_t i = 0; i < program->node_count; i++)
        put_node(out, &program->nodes[i]);
    gm_cbor_put_u64(out, GM_FORMAT_OUTPUTS);
    gm_cbor_put_array(out, program->output_count);
    for (uint32_t i = 0; i < program->output_count; i++) {
        gm_cbor_put_array(out, 2);
        gm_cbor_put_u64(out, program->outputs[i].value);
        gm_cbor_put_text(out, program->outputs[i].name);
    }
    gm_cbor_put_u64(out, GM_FORMAT_CARRIES);
    gm_cbor_put_array(out, program->carry_count);
    for (uint32_t i = 0; i < program->carry_count; i++) {
        gm_cbor_put_array(out, 2);
        gm_cbor_put_u64(out, program->carries[i].output);
        gm_cbor_put_u64(out, program->carries[i].input);
    }
    if (out->status == GM_OK && out->size_bytes - start_bytes > GM_PROGRAM_ENCODED_MAX)
        return GM_LIMIT;
    return out->status;
}

enum gm_status gm_program_hash(const struct gm_program *program, struct gm_hash *hash)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_PROGRAM_ENCODED_MAX);
    enum gm_status status = gm_program_encode(program, &bytes);
    if (status == GM_OK)
        *hash = gm_blake3(bytes.data, bytes.size_bytes);
    gm_buf_fini(&bytes);
    return status;
}
