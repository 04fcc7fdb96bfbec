/* The encoding: one program, one string of bytes; any other string is refused. */
#include "core/autodiff.h"
#include "core/program.h"
#include "gm_test.h"
#include "program_gen.h"
#include "trust/blake3.h"

#include <stdlib.h>
#include <string.h>

static struct gm_buf encode(const struct gm_program *program)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_PROGRAM_ENCODED_MAX);
    cr_assert_eq(gm_program_encode(program, &bytes), GM_OK);
    return bytes;
}

/* A linear layer with a loss, its gradients, a step of SGD, and carries: small, and of every kind
   of thing a program has. */
static struct gm_program *small_program(void)
{
    struct gm_builder *b = gm_builder_new();
    uint64_t one = 1;
    gm_value x = gm_builder_input(b, GM_SOURCE_DATA, "x",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){5, 3}));
    gm_value target = gm_builder_input(b, GM_SOURCE_DATA, "target",
                                       gm_tensor_desc_make(GM_DTYPE_U32, 1, (uint64_t[]){5}));
    gm_value w = gm_builder_input(b, GM_SOURCE_TENSOR, "w",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){3, 4}));
    gm_value m = gm_builder_input(b, GM_SOURCE_TENSOR, "w.momentum",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){3, 4}));
    gm_value step =
        gm_builder_input(b, GM_SOURCE_STEP, "step", gm_tensor_desc_make(GM_DTYPE_U32, 1, &one));
    gm_value y =
        gm_builder_node(b, GM_OP_MATMUL, 2, (gm_value[]){x, w}, (uint64_t[]){0, 0, 0}, 0, NULL);
    gm_value loss =
        gm_builder_node(b, GM_OP_CROSS_ENTROPY, 2, (gm_value[]){y, target}, NULL, 0, NULL);
    gm_value dw;
    gm_autodiff(b, loss, 1, &w, &dw);
    uint64_t schedule[] = {2, gm_attr_from_f32(0.1F), gm_attr_from_f32(0.01F), 10, 100};
    gm_value rate = gm_builder_node(b, GM_OP_LEARNING_RATE, 1, &step, schedule, 0, NULL);
    uint64_t sgd[] = {gm_attr_from_f32(0.9F), gm_attr_from_f32(0.0F), 1};
    gm_value next =
        gm_builder_node(b, GM_OP_SGD, 5, (gm_value[]){w, dw, m, rate, step}, sgd, 0, NULL);
    gm_builder_output(b, "loss", loss);
    gm_builder_output(b, "w", next);
    gm_builder_output(b, "w.momentum", next + 1);
    gm_builder_carry(b, 1, 2);
    gm_builder_carry(b, 2, 3);
    struct gm_program *program = NULL;
    struct gm_error err;
    cr_assert_eq(gm_builder_finish(b, &program, &err), GM_OK, "%s", err.text);
    return program;
}

Test(encode, the_name_of_a_small_program_is_frozen)
{
    struct gm_program *program = small_program();
    struct gm_hash hash;
    char hex[GM_HASH_HEX_SIZE];
    cr_assert_eq(gm_program_hash(program, &hash), GM_OK);
    cr_assert_str_eq(gm_hash_hex(hex, &hash),
                     "c938a21eebb6b2310ae1b75260d10be542820ba77346fa6869b2950def872521");
    gm_program_free(program);
}

static void check_equal(const struct gm_program *a, const struct gm_program *b)
{
    cr_assert_eq(a->input_count, b->input_count);
    cr_assert_eq(a->value_count, b->value_count);
    for (uint32_t i = 0; i < a->input_count; i++) {
        cr_assert_str_eq(a->inputs[i].name, b->inputs[i].name);
        cr_assert_eq(a->inputs[i].source, b->inputs[i].source);
    }
    for (uint32_t i = 0; i < a->value_count; i++)
        cr_assert(gm_tensor_desc_equal(&a->values[i], &b->values[i]), "value %u", i);
    cr_assert_eq(a->node_count, b->node_count);
    for (uint32_t i = 0; i < a->node_count; i++) {
        cr_assert_eq(a->nodes[i].output_first, b->nodes[i].output_first);
        cr_assert_eq(a->nodes[i].commit, b->nodes[i].commit);
    }
    cr_assert_eq(a->carry_count, b->carry_count);
}

/* One bit per operation number that occurs. */
static void note_ops(const struct gm_program *program, bool seen[GM_OP_LIMIT])
{
    for (uint32_t i = 0; i < program->node_count; i++)
        seen[program->nodes[i].op] = true;
}

Test(encode, random_programs_come_back_whole_and_use_every_operation)
{
    bool seen[GM_OP_LIMIT] = {false};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct gm_program *program = gm_program_gen(
            &(struct gm_program_gen_options){.seed = seed, .op_count = 25, .elements_max = 4096});
        struct gm_buf bytes = encode(program);
        struct gm_program *again = NULL;
        struct gm_error err = {GM_OK, ""};
        cr_assert_eq(gm_program_decode(gm_buf_view(&bytes), &again, &err), GM_OK, "seed %u: %s",
                     (unsigned)seed, err.text);
        check_equal(program, again);
        struct gm_buf second = encode(again);
        cr_assert(gm_bytes_equal(gm_buf_view(&bytes), gm_buf_view(&second)));
        note_ops(program, seen);
        gm_buf_fini(&bytes);
        gm_buf_fini(&second);
        gm_program_free(program);
        gm_program_free(again);
    }
    for (uint32_t op = 0; op < GM_OP_LIMIT; op++)
        cr_assert(seen[op] || gm_op_find(op) == NULL, "%s never occurs", gm_op_find(op)->name);
}

/* Decodes; what is accepted must encode to the same bytes. Returns whether it was. */
static bool accepted(struct gm_bytes bytes)
{
    struct gm_program *program = NULL;
    struct gm_error err = {GM_OK, ""};
    if (gm_program_decode(bytes, &program, &err) != GM_OK) {
        cr_assert_null(program);
        cr_assert(err.text[0] != '\0');
        return false;
    }
    struct gm_buf again = encode(program);
    cr_assert(gm_bytes_equal(bytes, gm_buf_view(&again)), "two encodings of one program");
    gm_buf_fini(&again);
    gm_program_free(program);
    return true;
}

Test(encode, flipped_bits_and_missing_ends_are_refused_or_mean_another_program)
{
    struct gm_program *program = small_program();
    struct gm_buf bytes = encode(program);
    uint8_t *copy = malloc(bytes.size_bytes + 1);
    memcpy(copy, bytes.data, bytes.size_bytes);
    uint32_t accepted_count = 0;
    for (size_t bit = 0; bit < 8 * bytes.size_bytes; bit++) {
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        accepted_count += accepted((struct gm_bytes){copy, bytes.size_bytes});
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    /* Names, hyperparameters and commit bits may differ and still be a program; most bits may not.
     */
    cr_assert_lt(accepted_count, 8 * bytes.size_bytes / 2);
    for (size_t size = 0; size < bytes.size_bytes; size++) {
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees one byte too far */
        memcpy(exact, bytes.data, size);
        cr_assert(!accepted((struct gm_bytes){exact, size}), "%zu bytes", size);
        free(exact);
    }
    copy[bytes.size_bytes] = 0;
    cr_assert(!accepted((struct gm_bytes){copy, bytes.size_bytes + 1}));
    free(copy);
    gm_buf_fini(&bytes);
    gm_program_free(program);
}

static const char *refusal(const char *hex)
{
    static struct gm_error err;
    uint8_t bytes[512];
    size_t size = strlen(hex) / 2;
    struct gm_program *program = NULL;
    cr_assert(gm_hex_decode(bytes, size, hex));
    err = (struct gm_error){GM_OK, ""};
    cr_assert_neq(gm_program_decode((struct gm_bytes){bytes, size}, &program, &err), GM_OK);
    return err.text;
}

/* Format 1, profile, one input: f32 (2) from a tensor, named x. */
#define HEAD                                                                                       \
    "a6"                                                                                           \
    "0101"                                                                                         \
    "02"                                                                                           \
    "6b65786163742d6633322f31"                                                                     \
    "03"                                                                                           \
    "81"                                                                                           \
    "84"                                                                                           \
    "01"                                                                                           \
    "01"                                                                                           \
    "8102"                                                                                         \
    "6178"
#define TAIL                                                                                       \
    "05"                                                                                           \
    "81"                                                                                           \
    "82"                                                                                           \
    "01"                                                                                           \
    "6179"                                                                                         \
    "06"                                                                                           \
    "80" /* output y is value 1; no carries */

Test(encode, what_is_wrong_with_a_strangers_program_is_said)
{
    cr_assert_str_eq(refusal("a60102"
                             "0000000000000000000000"),
                     "program: format version 2, expected 1");
    cr_assert_str_eq(refusal("a60101"
                             "02"
                             "6466617374"
                             "000000000000000000"),
                     "program: unknown profile, expected exact-f32/1");
    /* relu of x is fine */
    uint8_t good[128];
    const char *hex = HEAD "04"
                           "81"
                           "85"
                           "14"
                           "8100"
                           "80"
                           "80"
                           "01" TAIL;
    cr_assert(gm_hex_decode(good, strlen(hex) / 2, hex));
    cr_assert(accepted((struct gm_bytes){good, strlen(hex) / 2}));
    struct gm_hash name = gm_blake3(good, strlen(hex) / 2);
    char text_of_name[GM_HASH_HEX_SIZE];
    cr_assert_str_eq(gm_hash_hex(text_of_name, &name), /* docs/format-program.md; by b3sum */
                     "47e879b17dcaa5d13581e3afcc0e2c37a1e49637c388b46807227344e6fdd712");
    /* operation 111 is none */
    cr_assert_str_eq(refusal(HEAD "04"
                                  "81"
                                  "85"
                                  "186f"
                                  "8100"
                                  "80"
                                  "80"
                                  "01" TAIL),
                     "program: operation 0: unknown operation 111");
    /* relu of its own result */
    cr_assert_str_eq(refusal(HEAD "04"
                                  "81"
                                  "85"
                                  "14"
                                  "8101"
                                  "80"
                                  "80"
                                  "01" TAIL),
                     "program: operation 0: an operand is value 1, expected below 1, which is "
                     "written before");
    /* relu with an attribute; with a commit bit for an output that it has not */
    cr_assert_str_eq(refusal(HEAD "04"
                                  "81"
                                  "85"
                                  "14"
                                  "8100"
                                  "8105"
                                  "80"
                                  "01" TAIL),
                     "program: operation 0: relu: 1 attributes, expected 0");
    const char *text = refusal(HEAD "04"
                                    "81"
                                    "85"
                                    "14"
                                    "8100"
                                    "80"
                                    "80"
                                    "02" TAIL);
    cr_assert_not_null(strstr(text, "operation 0: commit"), "%s", text);
    /* a list that claims a million operations in no bytes */
    text = refusal(HEAD "04"
                        "9a00100000");
    cr_assert_not_null(strstr(text, "operations: 1048576 entries claimed"), "%s", text);
}
