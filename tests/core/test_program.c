/* Building: what a program keeps, and what it refuses to be. */
#include "core/program.h"
#include "gm_test.h"
#include "program_text.h"

#include <string.h>

static struct gm_tensor_desc f32(uint64_t count)
{
    return gm_tensor_desc_make(GM_DTYPE_F32, 1, &count);
}

static gm_value tensor(struct gm_builder *b, const char *name, uint64_t count)
{
    return gm_builder_input(b, GM_SOURCE_TENSOR, name, f32(count));
}

static gm_value unary(struct gm_builder *b, enum gm_op op, gm_value x)
{
    return gm_builder_node(b, op, 1, &x, NULL, 0, NULL);
}

static const char *refusal(struct gm_builder *builder)
{
    static struct gm_error err;
    struct gm_program *program = NULL;
    err = (struct gm_error){GM_OK, ""};
    cr_assert_neq(gm_builder_finish(builder, &program, &err), GM_OK);
    cr_assert_null(program);
    return err.text;
}

Test(program, keeps_what_outputs_need_and_puts_inputs_first)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = tensor(b, "x", 4);
    gm_value y = unary(b, GM_OP_RELU, x);
    unary(b, GM_OP_GELU, y);
    tensor(b, "nobody reads me", 7);
    gm_value w = tensor(b, "w", 4);
    gm_value z = gm_builder_node(b, GM_OP_MUL, 2, (gm_value[]){y, w}, NULL, 0, NULL);
    unary(b, GM_OP_SILU, z);
    gm_builder_output(b, "z", z);
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    char text[PROGRAM_TEXT_SIZE];
    cr_assert_str_eq(program_text(text, program, false), "relu(0) mul(3, 2)");
    cr_assert_eq(program->input_count, 3);
    cr_assert_eq(program->value_count, 5);
    cr_assert_eq(gm_program_input_find(program, "w"), 2);
    cr_assert_eq(gm_program_input_find(program, "v"), UINT32_MAX);
    cr_assert_eq(gm_program_output_find(program, "z"), 0);
    cr_assert_eq(gm_program_flops(program), 8);
    gm_program_free(program);
}

Test(program, commits_heavy_operations_and_outputs)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = gm_builder_input(b, GM_SOURCE_TENSOR, "x",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){4, 4}));
    gm_value y =
        gm_builder_node(b, GM_OP_MATMUL, 2, (gm_value[]){x, x}, (uint64_t[]){0, 0, 0}, 0, NULL);
    gm_value z = unary(b, GM_OP_RELU, y);
    gm_value index = unary(b, GM_OP_ARGMAX, unary(b, GM_OP_GELU, z));
    gm_builder_output(b, "index", index);
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    const uint8_t expected[] = {1, 0, 0, 1}; /* matmul, relu, gelu, argmax */
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(program->nodes[i].commit, expected[i], "operation %u", i);
    gm_program_free(program);
}

Test(program, the_first_fault_stays_and_later_calls_do_nothing)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = tensor(b, "x", 4);
    gm_value y = tensor(b, "y", 5);
    gm_value bad = gm_builder_node(b, GM_OP_ADD, 2, (gm_value[]){x, y}, NULL, 0, NULL);
    cr_assert_eq(bad, GM_VALUE_NONE);
    cr_assert_null(gm_builder_desc(b, x));
    gm_builder_output(b, "z", unary(b, GM_OP_RELU, bad + 1));
    cr_assert_str_eq(refusal(b), "add: b is f32 (5), expected f32 (4)");
}

Test(program, names_must_be_printable_and_different)
{
    struct gm_builder *b = gm_builder_new();
    gm_builder_output(b, "out", tensor(b, "weight", 4));
    tensor(b, "other", 4);
    tensor(b, "weight", 4);
    cr_assert_str_eq(refusal(b), "two inputs are named weight");
    const char *const bad[] = {"", "a\nb", "\x1b[2J", "\xc2\x9b", "\xff", "\xc0\xaf"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b = gm_builder_new();
        gm_builder_output(b, bad[i], tensor(b, "x", 1));
        cr_assert_not_null(strstr(refusal(b), "the name of output 0 is not"), "name %zu", i);
    }
    b = gm_builder_new();
    gm_builder_output(b, "größe/\xe2\x88\x91", tensor(b, "x", 1));
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    gm_program_free(program);
}

static const char *carry_refusal(uint32_t output, uint32_t input, bool twice)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = tensor(b, "x", 4);
    tensor(b, "y", 5);
    gm_builder_input(b, GM_SOURCE_DATA, "data", f32(4));
    gm_builder_output(b, "out", unary(b, GM_OP_RELU, x));
    gm_builder_carry(b, output, input);
    if (twice)
        gm_builder_carry(b, output, input);
    return refusal(b);
}

Test(program, carries_join_equals_and_an_input_is_carried_to_once)
{
    cr_assert_str_eq(carry_refusal(0, 1, false),
                     "carry out to y: the output is f32 (4), the input f32 (5)");
    cr_assert_str_eq(carry_refusal(0, 2, false),
                     "carry out to data: expected an input that is a tensor");
    cr_assert_str_eq(carry_refusal(0, 0, true), "carry out to x: that input is carried to twice");
    cr_assert_str_eq(carry_refusal(1, 0, false),
                     "carry 0 joins output 1 to input 0, expected below 1 and 3");
}

Test(program, sources_have_their_shape_and_outputs_must_be)
{
    struct gm_builder *b = gm_builder_new();
    gm_value step = gm_builder_input(b, GM_SOURCE_STEP, "step", f32(1));
    gm_builder_output(b, "out", step);
    cr_assert_str_eq(refusal(b), "input step is f32 (1), expected u32 (1) of its source");
    cr_assert_str_eq(refusal(gm_builder_new()), "the program has no outputs, expected at least 1");
}

Test(program, a_hundred_thousand_operations_are_built_in_linear_time)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = tensor(b, "x", 4);
    for (uint32_t i = 0; i < 100000; i++)
        x = unary(b, GM_OP_RELU, x);
    gm_builder_output(b, "out", x);
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    cr_assert_eq(program->node_count, 100000);
    gm_program_free(program);
    b = gm_builder_new();
    x = tensor(b, "x", 4);
    for (uint32_t i = 0; i <= GM_PROGRAM_NODES_MAX; i++)
        x = unary(b, GM_OP_RELU, x);
    gm_builder_output(b, "out", x);
    cr_assert_str_eq(refusal(b), "the program has more than 131072 operations");
}
