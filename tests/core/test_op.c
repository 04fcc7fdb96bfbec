/* The descriptions: whole, and strict about what they are given. */
#include "core/op.h"
#include "core/ops/rules.h"
#include "gm_test.h"

#include <string.h>

static struct gm_tensor_desc f32(uint32_t rank, const uint64_t *dims)
{
    return gm_tensor_desc_make(GM_DTYPE_F32, rank, dims);
}

#define DIMS(...)                                                                                  \
    (uint32_t)(sizeof((uint64_t[]){__VA_ARGS__}) / 8), (uint64_t[])                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* The result's text, or the error's. */
static const char *infer(enum gm_op op, uint32_t count, const struct gm_tensor_desc *inputs,
                         const uint64_t *attrs)
{
    static char text[GM_ERROR_TEXT_SIZE];
    struct gm_tensor_desc outputs[GM_OP_OUTPUTS_MAX];
    struct gm_op_call call = {count, inputs, attrs, 0, NULL};
    struct gm_error err = {GM_OK, ""};
    if (gm_op_infer(gm_op_find(op), &call, outputs, &err) == GM_OK)
        gm_tensor_desc_text(text, &outputs[0]);
    else
        memcpy(text, err.text, sizeof(text));
    return text;
}

Test(op, every_number_of_the_list_has_a_whole_description)
{
    uint32_t count = 0;
#define GM_OP(number, NAME, name_)                                                                 \
    cr_assert_str_eq(gm_op_find(number)->name, #name_);                                            \
    cr_assert_eq(gm_op_find(number)->op, GM_OP_##NAME);                                            \
    count++;
#include "core/op.def"
#undef GM_OP
    uint32_t found = 0;
    for (uint64_t number = 0; number < 1000; number++) {
        const struct gm_op_desc *desc = gm_op_find(number);
        if (desc == NULL)
            continue;
        found++;
        for (uint32_t i = 0; i < desc->input_count_max; i++)
            cr_assert(desc->inputs[i] != NULL, "%s: operand %u has no name", desc->name, i);
        for (uint32_t i = 0; i < desc->attr_count; i++)
            cr_assert(desc->attrs[i].name != NULL, "%s: attribute %u", desc->name, i);
        for (uint32_t j = 0; j < GM_OP_OUTPUTS_MAX; j++)
            cr_assert(desc->inplace[j] <= (j < desc->output_count ? desc->input_count_min : 0),
                      "%s", desc->name);
    }
    cr_assert_eq(found, count);
    cr_assert_null(gm_op_find(UINT64_MAX));
}

Test(op, matmul_takes_leading_dimensions_from_a_unless_a_is_transposed)
{
    struct gm_tensor_desc x[] = {f32(DIMS(2, 3, 8)), f32(DIMS(8, 5))};
    cr_assert_str_eq(infer(GM_OP_MATMUL, 2, x, (uint64_t[]){0, 0, 0}), "f32 (2, 3, 5)");
    struct gm_tensor_desc t[] = {f32(DIMS(2, 4, 6)), f32(DIMS(5, 8))};
    cr_assert_str_eq(infer(GM_OP_MATMUL, 2, t, (uint64_t[]){1, 1, 0}), "f32 (6, 5)");
    struct gm_tensor_desc batch[] = {f32(DIMS(2, 3, 4, 6)), f32(DIMS(2, 3, 7, 4))};
    cr_assert_str_eq(infer(GM_OP_MATMUL, 2, batch, (uint64_t[]){1, 1, 1}), "f32 (2, 3, 6, 7)");
}

Test(op, a_refusal_names_operation_operand_shape_and_what_was_expected)
{
    struct gm_tensor_desc x[] = {f32(DIMS(2, 8)), f32(DIMS(9, 5))};
    cr_assert_str_eq(infer(GM_OP_MATMUL, 2, x, (uint64_t[]){0, 0, 0}),
                     "matmul: b is f32 (9, 5), expected 8 rows to multiply a, f32 (2, 8)");
    cr_assert_str_eq(infer(GM_OP_ADD, 2, x, NULL), "add: b is f32 (9, 5), expected f32 (2, 8)");
    cr_assert_str_eq(infer(GM_OP_ADD_ROW, 2, x, NULL),
                     "add_row: b is f32 (9, 5), expected f32 (8)");
    cr_assert_str_eq(infer(GM_OP_RELU, 2, x, NULL), "relu: 2 inputs given, expected 1 to 1");
    cr_assert_str_eq(infer(GM_OP_SLICE_COLS, 1, x, (uint64_t[]){6, 3}),
                     "slice_cols: x is f32 (2, 8), expected at least 9 columns");
    cr_assert_str_eq(infer(GM_OP_EMBEDDING, 2, x, NULL),
                     "embedding: ids is f32 (9, 5), expected u32");
    cr_assert_str_eq(infer(GM_OP_SCALE, 1, x, (uint64_t[]){0x7f800000}),
                     "scale: attribute factor has the bits 0x7f800000, expected a finite f32");
    cr_assert_str_eq(infer(GM_OP_MATMUL, 2, x, (uint64_t[]){0, 2, 0}),
                     "matmul: attribute trans_b is 2, expected at most 1");
    struct gm_tensor_desc empty[] = {f32(DIMS(2, 0))};
    cr_assert_str_eq(infer(GM_OP_RELU, 1, empty, NULL),
                     "relu: input 0 is f32 (2, 0), expected between 1 element and 2^48 bytes");
}

Test(op, attention_wants_heads_that_share_evenly)
{
    struct gm_tensor_desc x[] = {f32(DIMS(2, 5, 24)), f32(DIMS(2, 5, 8)), f32(DIMS(2, 5, 8))};
    cr_assert_str_eq(infer(GM_OP_ATTENTION, 3, x, (uint64_t[]){6, 2, 1, 0}), "f32 (2, 5, 24)");
    cr_assert_str_eq(infer(GM_OP_ATTENTION, 3, x, (uint64_t[]){6, 4, 1, 0}),
                     "attention: attribute kv_heads is 4, expected a divisor of heads");
    cr_assert_str_eq(infer(GM_OP_ATTENTION, 3, x, (uint64_t[]){6, 3, 1, 0}),
                     "attention: k is f32 (2, 5, 8), expected f32 (2, 5, 12)");
}

Test(op, windows_that_do_not_fit_are_refused_and_sizes_are_those_of_pytorch)
{
    struct gm_tensor_desc x[] = {f32(DIMS(2, 3, 9, 7)), f32(DIMS(4, 3, 3, 2))};
    cr_assert_str_eq(infer(GM_OP_CONV2D, 2, x, (uint64_t[]){2, 1, 1, 0}), "f32 (2, 4, 5, 6)");
    cr_assert_str_eq(infer(GM_OP_CONV2D, 2, x, (uint64_t[]){0, 1, 1, 0}),
                     "conv2d: attribute stride_h is 0, expected at least 1");
    cr_assert_str_eq(
        infer(GM_OP_MAX_POOL2D, 1, x, (uint64_t[]){10, 2, 1, 1}),
        "max_pool2d: x is f32 (2, 3, 9, 7), expected an image no smaller than the kernel");
    struct gm_tensor_desc back[] = {f32(DIMS(4, 3, 3, 2)), f32(DIMS(2, 4, 5, 6))};
    cr_assert_str_eq(infer(GM_OP_CONV2D_GRAD_X, 2, back, (uint64_t[]){2, 1, 1, 0, 9, 7}),
                     "f32 (2, 3, 9, 7)");
    cr_assert_str_eq(infer(GM_OP_CONV2D_GRAD_X, 2, back, (uint64_t[]){2, 1, 1, 0, 12, 7}),
                     "conv2d_grad_x: dy is f32 (2, 4, 5, 6), expected f32 (2, 4, 6, 6)");
}

Test(op, sizes_beyond_the_limit_are_refused_before_anything_overflows)
{
    uint64_t big = UINT64_C(1) << 45;
    struct gm_tensor_desc x[] = {f32(DIMS(big, 1)), f32(DIMS(1, big))};
    const char *text = infer(GM_OP_MATMUL, 2, x, (uint64_t[]){0, 0, 0});
    cr_assert_not_null(strstr(text, "matmul: output 0 is f32"), "%s", text);
    struct gm_tensor_desc wrong = f32(DIMS(UINT64_C(1) << 32, UINT64_C(1) << 32));
    cr_assert(!gm_tensor_desc_valid(&wrong));
    cr_assert(!gm_tensor_desc_valid(&(struct gm_tensor_desc){GM_DTYPE_F32, 9, {1}}));
    cr_assert(!gm_tensor_desc_valid(&(struct gm_tensor_desc){GM_DTYPE_F32, 1, {1, 1}}));
    wrong = f32(DIMS(0, UINT64_MAX, 2));
    cr_assert(!gm_tensor_desc_valid(&wrong));
}

Test(op, costs_count_two_per_product_and_saturate)
{
    const struct gm_op_desc *matmul = gm_op_find(GM_OP_MATMUL);
    struct gm_tensor_desc x[] = {f32(DIMS(4, 8)), f32(DIMS(8, 16)), f32(DIMS(16))};
    struct gm_tensor_desc y[GM_OP_OUTPUTS_MAX];
    struct gm_op_call call = {3, x, (uint64_t[]){0, 0, 0}, 0, NULL};
    cr_assert_eq(gm_op_infer(matmul, &call, y, NULL), GM_OK);
    cr_assert_eq(matmul->flops(&call, y), 2 * 4 * 8 * 16 + 4 * 16);
    const struct gm_op_desc *attention = gm_op_find(GM_OP_ATTENTION);
    struct gm_tensor_desc q = f32(DIMS(1, UINT64_C(1) << 42, 4));
    struct gm_tensor_desc qkv[] = {q, q, q};
    struct gm_op_call huge = {3, qkv, (uint64_t[]){1, 1, 1, 0}, 0, NULL};
    cr_assert_eq(gm_op_infer(attention, &huge, y, NULL), GM_OK);
    cr_assert_eq(attention->flops(&huge, y), UINT64_MAX);
}
