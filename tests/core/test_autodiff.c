/* The structure of gradients. That they are the right numbers is checked against finite differences
   where programs run (tests/backend); here: which operations, in which order. */
#include "core/autodiff.h"
#include "gm_test.h"
#include "program_text.h"

#include <stdio.h>
#include <string.h>

struct draft {
    struct gm_builder *builder;
    gm_value wanted[8];
    uint32_t wanted_count;
};

static struct draft begin(void)
{
    return (struct draft){.builder = gm_builder_new()};
}

static gm_value input(struct draft *draft, uint32_t rank, const uint64_t *dims)
{
    char name[16];
    snprintf(name, sizeof(name), "x%u", (unsigned)draft->wanted_count);
    gm_value value = gm_builder_input(draft->builder, GM_SOURCE_TENSOR, name,
                                      gm_tensor_desc_make(GM_DTYPE_F32, rank, dims));
    draft->wanted[draft->wanted_count++] = value;
    return value;
}

#define INPUT(draft, ...)                                                                          \
    input(draft, (uint32_t)(sizeof((uint64_t[]){__VA_ARGS__}) / 8), (uint64_t[]){__VA_ARGS__})
#define NODE(draft, op, attrs, ...)                                                                \
    gm_builder_node((draft)->builder, op, (uint32_t)(sizeof((gm_value[]){__VA_ARGS__}) / 4),       \
                    (gm_value[]){__VA_ARGS__}, attrs, 0, NULL)
#define ATTRS(...) ((uint64_t[]){__VA_ARGS__})

/* The program whose outputs are the gradients of all inputs, as text; or the fault. */
static const char *gradients(struct draft *draft, gm_value loss, bool attrs)
{
    static char text[PROGRAM_TEXT_SIZE];
    gm_value out[8];
    gm_autodiff(draft->builder, loss, draft->wanted_count, draft->wanted, out);
    for (uint32_t i = 0; i < draft->wanted_count; i++) {
        const struct gm_tensor_desc *x = gm_builder_desc(draft->builder, draft->wanted[i]);
        const struct gm_tensor_desc *dx = gm_builder_desc(draft->builder, out[i]);
        cr_assert(x == NULL || gm_tensor_desc_equal(x, dx));
        char name[16];
        snprintf(name, sizeof(name), "dx%u", (unsigned)i);
        gm_builder_output(draft->builder, name, out[i]);
    }
    struct gm_program *program = NULL;
    struct gm_error err = {GM_OK, ""};
    if (gm_builder_finish(draft->builder, &program, &err) != GM_OK) {
        snprintf(text, sizeof(text), "%s", err.text);
        return text;
    }
    program_text(text, program, attrs);
    gm_program_free(program);
    return text;
}

static const char *matmul_gradients(uint64_t ta, uint64_t tb)
{
    struct draft d = begin();
    gm_value a = ta ? INPUT(&d, 5, 3) : INPUT(&d, 3, 5);
    gm_value b = tb ? INPUT(&d, 7, 5) : INPUT(&d, 5, 7);
    gm_value y = NODE(&d, GM_OP_MATMUL, ATTRS(ta, tb, 0), a, b);
    return gradients(&d, NODE(&d, GM_OP_SUM, NULL, y), true);
}

/* Values: 0 a, 1 b, 2 the loss's gradient, 3 ones, 4 dy. */
Test(autodiff, matmul_in_all_transposes)
{
    cr_assert_str_eq(matmul_gradients(0, 0), "fill()[1] fill()[1] scale_by(3, 2) "
                                             "matmul(4, 1)[0 1 0] matmul(0, 4)[1 0 0]");
    cr_assert_str_eq(matmul_gradients(0, 1), "fill()[1] fill()[1] scale_by(3, 2) "
                                             "matmul(4, 1)[0 0 0] matmul(4, 0)[1 0 0]");
    cr_assert_str_eq(matmul_gradients(1, 0), "fill()[1] fill()[1] scale_by(3, 2) "
                                             "matmul(1, 4)[0 1 0] matmul(0, 4)[0 0 0]");
    cr_assert_str_eq(matmul_gradients(1, 1), "fill()[1] fill()[1] scale_by(3, 2) "
                                             "matmul(1, 4)[1 1 0] matmul(4, 0)[1 1 0]");
}

Test(autodiff, matmul_of_volumes_reshapes_only_what_needs_it)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 2, 3, 5); /* (B, T, C) */
    gm_value w = INPUT(&d, 5, 7);
    gm_value b = INPUT(&d, 7);
    gm_value y = NODE(&d, GM_OP_MATMUL, ATTRS(0, 0, 0), x, w, b);
    cr_assert_str_eq(gradients(&d, NODE(&d, GM_OP_SUM, NULL, y), false),
                     "fill() fill() scale_by(4, 3) matmul(5, 1) matmul(0, 5) sum_rows(5)");
    d = begin();
    x = INPUT(&d, 2, 3, 5);
    w = INPUT(&d, 6, 4);
    y = NODE(&d, GM_OP_MATMUL, ATTRS(1, 0, 0), x, w);
    cr_assert_str_eq(
        gradients(&d, NODE(&d, GM_OP_SUM, NULL, y), false),
        "fill() fill() scale_by(3, 2) matmul(1, 4) reshape(5) matmul(0, 4) reshape(7)");
}

Test(autodiff, gradients_of_a_value_used_often_are_added_last_use_first)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 4);
    gm_value a = NODE(&d, GM_OP_RELU, NULL, x);
    gm_value b = NODE(&d, GM_OP_SILU, NULL, x);
    gm_value c = NODE(&d, GM_OP_ADD, NULL, a, b);
    gm_value e = NODE(&d, GM_OP_MUL, NULL, c, x);
    /* 0 x, 1 relu, 2 silu, 3 add, 4 one, 5 ones, 6 de; 7 dc and 8 dx of mul; 9 silu's, 10 the sum,
       11 relu's, 12 the sum. */
    cr_assert_str_eq(gradients(&d, NODE(&d, GM_OP_SUM, NULL, e), false),
                     "relu(0) silu(0) add(1, 2) fill() fill() scale_by(5, 4) mul(6, 0) mul(6, 3) "
                     "silu_grad(0, 7) add(8, 9) relu_grad(0, 7) add(10, 11)");
}

static gm_value fused_qkv(struct draft *d, uint64_t q_cols, uint64_t k_cols, uint64_t v_cols)
{
    gm_value x = INPUT(d, 2, 12);
    gm_value q = NODE(d, GM_OP_SLICE_COLS, ATTRS(0, q_cols), x);
    gm_value k = NODE(d, GM_OP_SLICE_COLS, ATTRS(q_cols, k_cols), x);
    gm_value v = NODE(d, GM_OP_SLICE_COLS, ATTRS(q_cols + k_cols, v_cols), x);
    gm_value sum = NODE(d, GM_OP_SUM_SQUARES, NULL, q);
    sum = NODE(d, GM_OP_ADD, NULL, sum, NODE(d, GM_OP_SUM_SQUARES, NULL, k));
    return NODE(d, GM_OP_ADD, NULL, sum, NODE(d, GM_OP_SUM_SQUARES, NULL, v));
}

Test(autodiff, slices_that_cover_a_value_give_one_concat_and_no_zeros)
{
    struct draft d = begin();
    gm_value loss = fused_qkv(&d, 4, 4, 4);
    /* slices 1, 2, 3; then v, k, q backwards; their concat in the order of columns */
    cr_assert_str_eq(gradients(&d, loss, false),
                     "slice_cols(0) slice_cols(0) slice_cols(0) fill() "
                     "scale_by(3, 4) scale(5) scale_by(2, 4) scale(7) scale_by(1, 4) scale(9) "
                     "concat_cols(10, 8, 6)");
}

Test(autodiff, slices_that_leave_a_gap_are_padded_with_zeros)
{
    struct draft d = begin();
    gm_value loss = fused_qkv(&d, 4, 4, 3);
    const char *text = gradients(&d, loss, false);
    cr_assert_not_null(strstr(text, "fill() concat_cols("), "%s", text);
    cr_assert_not_null(strstr(text, "add("), "%s", text);
}

Test(autodiff, slices_out_of_order_are_padded_with_zeros)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 2, 8);
    gm_value right = NODE(&d, GM_OP_SLICE_COLS, ATTRS(4, 4), x);
    gm_value left = NODE(&d, GM_OP_SLICE_COLS, ATTRS(0, 4), x);
    gm_value loss = NODE(&d, GM_OP_SUM, NULL, NODE(&d, GM_OP_MUL, NULL, left, right));
    /* 1 right, 2 left, 5 the product's gradient; 8 and 10 each slice's, padded */
    cr_assert_str_eq(gradients(&d, loss, false),
                     "slice_cols(0) slice_cols(0) fill() fill() scale_by(4, 3) mul(5, 1) mul(5, 2) "
                     "fill() concat_cols(6, 8) fill() concat_cols(10, 7) add(9, 11)");
}

Test(autodiff, each_part_of_a_concat_gets_its_own_columns)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 2, 3);
    gm_value y = INPUT(&d, 2, 4);
    gm_value loss = NODE(&d, GM_OP_SUM, NULL, NODE(&d, GM_OP_CONCAT_COLS, NULL, x, y));
    cr_assert_str_eq(gradients(&d, loss, true), "fill()[1] fill()[1] scale_by(3, 2) "
                                                "slice_cols(4)[0 3] slice_cols(4)[3 4]");
}

Test(autodiff, a_slice_beside_another_use_is_padded_as_well)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 2, 6);
    gm_value half = NODE(&d, GM_OP_SLICE_COLS, ATTRS(3, 3), x);
    gm_value loss = NODE(&d, GM_OP_ADD, NULL, NODE(&d, GM_OP_SUM_SQUARES, NULL, half),
                         NODE(&d, GM_OP_SUM_SQUARES, NULL, x));
    cr_assert_str_eq(gradients(&d, loss, false),
                     "slice_cols(0) fill() scale_by(0, 2) scale(3) scale_by(1, 2) scale(5) fill() "
                     "concat_cols(7, 6) add(4, 8)");
}

Test(autodiff, a_value_without_influence_gets_zeros_and_dead_branches_cost_nothing)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 3);
    gm_value unused = INPUT(&d, 2, 2);
    NODE(&d, GM_OP_RELU, NULL, unused);
    cr_assert_str_eq(gradients(&d, NODE(&d, GM_OP_SUM, NULL, x), true),
                     "fill()[1] fill()[1] scale_by(3, 2) fill()[0]");
}

Test(autodiff, norms_attention_and_losses_hand_their_notes_to_the_backward_operation)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 2, 3, 8);
    gm_value w = INPUT(&d, 8);
    gm_value b = INPUT(&d, 8);
    gm_value y = NODE(&d, GM_OP_LAYERNORM, ATTRS(gm_attr_from_f32(1e-5F)), x, w, b);
    gm_value o = NODE(&d, GM_OP_ATTENTION, ATTRS(2, 2, 1, gm_attr_from_f32(0.5F)), y, y, y);
    uint64_t target_dims[] = {2, 3};
    gm_value target = gm_builder_node(d.builder, GM_OP_IOTA, 0, NULL, ATTRS(8), 2, target_dims);
    gm_value loss = NODE(&d, GM_OP_CROSS_ENTROPY, NULL, o, target);
    /* 3..5 layernorm, 6..8 attention, 9 iota, 10..13 loss, 14 one, 15 do, 16..18 dq dk dv,
       19 dq + dk, 20 + dv, 21 dx, 22 dw, 23 db */
    cr_assert_str_eq(gradients(&d, loss, false),
                     "layernorm(0, 1, 2) attention(3, 3, 3) iota() cross_entropy(6, 9) fill() "
                     "cross_entropy_grad(6, 9, 12, 13, 14) "
                     "attention_grad(3, 3, 3, 6, 7, 8, 15) add(16, 17) add(19, 18) "
                     "layernorm_grad_x(0, 1, 4, 5, 20) layernorm_grad_w(0, 4, 5, 20)");
}

Test(autodiff, what_has_no_gradient_is_refused_by_name)
{
    struct draft d = begin();
    gm_value x = INPUT(&d, 1);
    uint64_t max_norm = gm_attr_from_f32(1.0F);
    gm_value factor = NODE(&d, GM_OP_CLIP_FACTOR, &max_norm, x);
    cr_assert_str_eq(gradients(&d, factor, false),
                     "clip_factor: the loss depends on it, and it has no gradient");
    d = begin();
    x = INPUT(&d, 2, 4);
    gm_value w = INPUT(&d, 4);
    gm_value y = NODE(&d, GM_OP_RMSNORM, ATTRS(0), x, w);
    cr_assert_str_eq(
        gradients(&d, NODE(&d, GM_OP_SUM, NULL, y + 1), false),
        "rmsnorm: the loss depends on output 1, expected on output 0 only, which alone "
        "has a gradient");
    d = begin();
    x = INPUT(&d, 3);
    cr_assert_str_eq(gradients(&d, x, false), "the loss is f32 (3), expected f32 (1)");
}
