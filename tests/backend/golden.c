#include "golden.h"

#include <stdio.h>

#include "trust/blake3.h"

static void add_tensor(struct gm_blake3 *hasher, const struct gm_tensor *tensor)
{
    gm_blake3_update(hasher, tensor->data, (size_t)gm_tensor_size_bytes(&tensor->desc));
}

struct golden golden_of(const struct kit_op *op, struct gm_device *device)
{
    static const uint64_t seeds[] = {[KIT_PLAIN] = 4, [KIT_LARGE] = 1, [KIT_HOSTILE] = 6};
    struct gm_blake3 inputs, outputs;
    gm_blake3_init(&inputs);
    gm_blake3_init(&outputs);
    for (int flavour = KIT_PLAIN; flavour <= KIT_HOSTILE; flavour++) {
        for (uint64_t seed = 0; seed < seeds[flavour]; seed++) {
            struct kit_case c;
            kit_case_init(&c, op, (enum kit_flavour)flavour, 1000 + seed);
            kit_case_run(&c, device);
            gm_blake3_update(&inputs, c.attrs, c.attr_count * sizeof *c.attrs);
            gm_blake3_update(&inputs, c.dims, c.dim_count * sizeof *c.dims);
            for (uint32_t i = 0; i < c.input_count; i++)
                add_tensor(&inputs, &c.inputs[i]);
            for (uint32_t j = 0; j < c.output_count; j++)
                add_tensor(&outputs, &c.outputs[j]);
            kit_case_fini(&c);
        }
    }
    return (struct golden){gm_blake3_final(&inputs), gm_blake3_final(&outputs)};
}

void golden_line(char out[GOLDEN_LINE_CHARS], const struct kit_op *op, const struct golden *golden)
{
    char inputs[GM_HASH_HEX_SIZE], outputs[GM_HASH_HEX_SIZE];
    snprintf(out, GOLDEN_LINE_CHARS, "%s %s %s\n", gm_op_find(op->op)->name,
             gm_hash_hex(inputs, &golden->inputs), gm_hash_hex(outputs, &golden->outputs));
}
