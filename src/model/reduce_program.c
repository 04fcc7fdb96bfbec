#include <assert.h>
#include <stdio.h>

#include "model/train_programs.h"

/* "loss", "count", then the parameters' gradients. */
struct slot {
    const char *name;
    struct gm_tensor_desc desc;
};

static struct slot slot_at(const struct gm_model *model, uint32_t index)
{
    const uint64_t one = 1;
    if (index == 0)
        return (struct slot){"loss", gm_tensor_desc_make(GM_DTYPE_F32, 1, &one)};
    if (index == 1)
        return (struct slot){"count", gm_tensor_desc_make(GM_DTYPE_U32, 1, &one)};
    return (struct slot){model->params[index - 2].name, model->params[index - 2].desc};
}

/* values[0] + ... + values[n - 1] by the balanced tree; at most log2(8) deep. */
static gm_value tree_sum(struct gm_builder *builder, const gm_value *values, uint32_t n)
{
    if (n == 1)
        return values[0];
    uint32_t half = 1;
    while (half * 2 < n)
        half *= 2;
    gm_value sides[2] = {tree_sum(builder, values, half),
                         tree_sum(builder, values + half, n - half)};
    return gm_builder_node(builder, GM_OP_ADD, 2, sides, NULL, 0, NULL);
}

static enum gm_status reduce_build(const struct gm_model *model, uint32_t k,
                                   struct gm_program **out, struct gm_error *err)
{
    assert(k >= 1 && k <= GM_REDUCE_INPUTS_MAX);
    const uint32_t slot_count = 2 + (model == NULL ? 0 : model->param_count);
    struct gm_builder *builder = gm_builder_new();
    if (builder == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory to build a program");
    gm_value first = GM_VALUE_NONE;
    for (uint32_t i = 0; i < k; i++) {
        for (uint32_t j = 0; j < slot_count; j++) {
            struct slot slot = slot_at(model, j);
            char name[GM_PROGRAM_NAME_MAX + 1];
            (void)snprintf(name, sizeof name, "%u.%s", i, slot.name);
            gm_value input = gm_builder_input(builder, GM_SOURCE_TENSOR, name, slot.desc);
            first = i == 0 && j == 0 ? input : first;
        }
    }
    for (uint32_t j = 0; j < slot_count && first != GM_VALUE_NONE; j++) {
        gm_value values[GM_REDUCE_INPUTS_MAX];
        for (uint32_t i = 0; i < k; i++)
            values[i] = first + i * slot_count + j; /* inputs are consecutive values */
        gm_builder_output(builder, slot_at(model, j).name, tree_sum(builder, values, k));
    }
    return gm_builder_finish(builder, out, err);
}

enum gm_status gm_train_reduce_program(const struct gm_model *model, uint32_t k,
                                       struct gm_program **out, struct gm_error *err)
{
    return reduce_build(model, k, out, err);
}

enum gm_status gm_train_reduce_eval_program(uint32_t k, struct gm_program **out,
                                            struct gm_error *err)
{
    return reduce_build(NULL, k, out, err);
}
