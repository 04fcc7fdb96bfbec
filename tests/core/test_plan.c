/* The memory plan: nothing alive is ever written over, and little is wasted. */
#include "core/autodiff.h"
#include "core/plan.h"
#include "core/plan_fit.h"
#include "gm_test.h"
#include "program_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct gm_plan *plan_of(const struct gm_program *program, bool pin)
{
    struct gm_plan *plan = NULL;
    struct gm_error err = {GM_OK, ""};
    cr_assert_eq(gm_plan_new(program, pin, &plan, &err), GM_OK, "%s", err.text);
    return plan;
}

static bool in_arena(const struct gm_plan *plan, gm_value value)
{
    return plan->values[value].place == GM_PLACE_ARENA ||
           plan->values[value].place == GM_PLACE_NOWHERE;
}

/* Marks every unit of the arena with the value it holds, as a run would write it. */
struct run {
    const struct gm_program *program;
    const struct gm_plan *plan;
    gm_value *holder; /* per 256 bytes of the arena */
};

static uint64_t units(const struct run *run, gm_value value)
{
    return (gm_tensor_size_bytes(&run->program->values[value]) + GM_PLAN_ALIGN_BYTES - 1) /
           GM_PLAN_ALIGN_BYTES;
}

static void expect_whole(const struct run *run, gm_value value, uint32_t node)
{
    if (!in_arena(run->plan, value))
        return;
    uint64_t first = run->plan->values[value].offset_bytes / GM_PLAN_ALIGN_BYTES;
    for (uint64_t u = 0; u < units(run, value); u++)
        cr_assert_eq(run->holder[first + u], value, "operation %u finds value %u overwritten", node,
                     value);
}

static void write_value(struct run *run, gm_value value)
{
    if (!in_arena(run->plan, value))
        return;
    uint64_t offset = run->plan->values[value].offset_bytes;
    cr_assert_eq(offset % GM_PLAN_ALIGN_BYTES, 0);
    uint64_t first = offset / GM_PLAN_ALIGN_BYTES;
    cr_assert_le(offset + units(run, value) * GM_PLAN_ALIGN_BYTES, run->plan->arena_bytes);
    for (uint64_t u = 0; u < units(run, value); u++)
        run->holder[first + u] = value;
}

/* Outputs may touch no operand's bytes, but for those that are written in place. */
static void expect_apart(const struct run *run, const struct gm_node *node, uint32_t j)
{
    const struct gm_op_desc *desc = gm_op_find(node->op);
    gm_value output = node->output_first + j;
    if (!in_arena(run->plan, output))
        return;
    uint64_t first = run->plan->values[output].offset_bytes / GM_PLAN_ALIGN_BYTES;
    for (uint32_t i = 0; i < node->input_count; i++) {
        gm_value input = node->inputs[i];
        if (!in_arena(run->plan, input))
            continue;
        uint64_t other = run->plan->values[input].offset_bytes / GM_PLAN_ALIGN_BYTES;
        bool apart = first + units(run, output) <= other || other + units(run, input) <= first;
        cr_assert(apart || (desc->inplace[j] == i + 1 && first == other),
                  "%s writes over operand %u", desc->name, i);
    }
}

static void simulate(const struct gm_program *program, const struct gm_plan *plan, bool pin)
{
    struct run run = {program, plan, malloc(plan->arena_bytes / GM_PLAN_ALIGN_BYTES * 4 + 4)};
    for (uint32_t n = 0; n < program->node_count; n++) {
        const struct gm_node *node = &program->nodes[n];
        uint32_t output_count = gm_op_find(node->op)->output_count;
        for (uint32_t i = 0; i < node->input_count; i++)
            expect_whole(&run, node->inputs[i], n);
        for (uint32_t j = 0; j < output_count; j++) {
            expect_apart(&run, node, j);
            write_value(&run, node->output_first + j);
        }
        for (uint32_t j = 0; j < output_count; j++)
            expect_whole(&run, node->output_first + j, n);
    }
    for (uint32_t n = 0; pin && n < program->node_count; n++)
        for (uint32_t j = 0; j < GM_OP_OUTPUTS_MAX; j++)
            if ((program->nodes[n].commit >> j & 1) != 0)
                expect_whole(&run, program->nodes[n].output_first + j, program->node_count);
    free(run.holder);
}

Test(plan, no_value_is_overwritten_while_it_is_needed)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct gm_program *program = gm_program_gen(&(struct gm_program_gen_options){
            .seed = 1000 + seed, .op_count = 40, .elements_max = 20000});
        struct gm_plan *plan = plan_of(program, false);
        simulate(program, plan, false);
        cr_assert_ge(plan->arena_bytes, plan->peak_bytes);
        cr_assert_le((double)plan->arena_bytes, 1.25 * (double)plan->peak_bytes, "seed %u",
                     (unsigned)seed);
        struct gm_plan *pinned = plan_of(program, true);
        simulate(program, pinned, true);
        cr_assert_ge(pinned->peak_bytes, plan->peak_bytes);
        gm_plan_free(plan);
        gm_plan_free(pinned);
        gm_program_free(program);
    }
}

static gm_value node(struct gm_builder *b, enum gm_op op, uint32_t count, const gm_value *inputs,
                     const uint64_t *attrs)
{
    return gm_builder_node(b, op, count, inputs, attrs, 0, NULL);
}

enum { NET_WEIGHTS_MAX = 1200 };

/* `layers` of x + W2 gelu(W1 norm(x)), a head, a loss, gradients of all weights. */
static struct gm_program *deep_net(uint32_t layers, uint64_t rows, uint64_t width)
{
    struct gm_builder *b = gm_builder_new();
    static gm_value wanted[NET_WEIGHTS_MAX];
    uint32_t count = 0;
    char name[16];
    gm_value x = gm_builder_input(b, GM_SOURCE_DATA, "x",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){rows, width}));
    uint64_t eps = gm_attr_from_f32(1e-5F);
    uint64_t plain[] = {0, 0, 0};
    for (uint32_t i = 0; i < layers; i++) {
        const uint64_t dims[3][2] = {{width, 0}, {width, 4 * width}, {4 * width, width}};
        for (uint32_t j = 0; j < 3; j++) {
            snprintf(name, sizeof(name), "w%u.%u", (unsigned)i, (unsigned)j);
            wanted[count++] =
                gm_builder_input(b, GM_SOURCE_TENSOR, name,
                                 gm_tensor_desc_make(GM_DTYPE_F32, j > 0 ? 2 : 1, dims[j]));
        }
        gm_value *w = &wanted[count - 3];
        gm_value y = node(b, GM_OP_RMSNORM, 2, (gm_value[]){x, w[0]}, &eps);
        y = node(b, GM_OP_MATMUL, 2, (gm_value[]){y, w[1]}, plain);
        y = node(b, GM_OP_GELU, 1, &y, NULL);
        y = node(b, GM_OP_MATMUL, 2, (gm_value[]){y, w[2]}, plain);
        x = node(b, GM_OP_ADD, 2, (gm_value[]){x, y}, NULL);
    }
    gm_value target = gm_builder_node(b, GM_OP_IOTA, 0, NULL, (uint64_t[]){width}, 1, &rows);
    gm_value loss = node(b, GM_OP_CROSS_ENTROPY, 2, (gm_value[]){x, target}, NULL);
    static gm_value gradients[NET_WEIGHTS_MAX];
    gm_autodiff(b, loss, count, wanted, gradients);
    gm_value norm = GM_VALUE_NONE;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "g%u", (unsigned)i);
        gm_builder_output(b, name, gradients[i]);
        gm_value square = node(b, GM_OP_SUM_SQUARES, 1, &gradients[i], NULL);
        norm = i == 0 ? square : node(b, GM_OP_ADD, 2, (gm_value[]){norm, square}, NULL);
    }
    gm_builder_output(b, "norm", norm);
    struct gm_program *program = NULL;
    struct gm_error err = {GM_OK, ""};
    cr_assert_eq(gm_builder_finish(b, &program, &err), GM_OK, "%s", err.text);
    return program;
}

Test(plan, training_a_deep_net_wastes_little)
{
    struct gm_program *program = deep_net(12, 128, 96);
    struct gm_plan *plan = plan_of(program, false);
    simulate(program, plan, false);
    cr_assert_le((double)plan->arena_bytes, 1.01 * (double)plan->peak_bytes, "%.3f of the peak",
                 (double)plan->arena_bytes / (double)plan->peak_bytes);
    /* Activations that backward needs: per layer norm, W1's product and gelu of it, and the sum. */
    cr_assert_lt(plan->arena_bytes, UINT64_C(12) * 128 * 96 * 4 * (1 + 4 + 4 + 1) * 12 / 10);
    gm_plan_free(plan);
    gm_program_free(program);
}

Test(plan, too_many_values_for_the_tight_way_are_still_packed_well)
{
    struct gm_program *program = deep_net(400, 8, 16);
    struct gm_plan *plan = plan_of(program, false);
    simulate(program, plan, false);
    cr_assert_le((double)plan->arena_bytes, 1.01 * (double)plan->peak_bytes, "%.3f of the peak",
                 (double)plan->arena_bytes / (double)plan->peak_bytes);
    gm_plan_free(plan);
    gm_program_free(program);
}

Test(plan, elementwise_chains_run_in_place_and_places_are_told)
{
    struct gm_builder *b = gm_builder_new();
    uint64_t count = 1000;
    gm_value in =
        gm_builder_input(b, GM_SOURCE_TENSOR, "x", gm_tensor_desc_make(GM_DTYPE_F32, 1, &count));
    gm_value x = in;
    for (uint32_t i = 0; i < 10; i++)
        x = node(b, GM_OP_RELU, 1, &x, NULL);
    gm_value square = node(b, GM_OP_MUL, 2, (gm_value[]){x, x}, NULL);
    gm_value sum = node(b, GM_OP_SUM, 1, &square, NULL);
    gm_builder_output(b, "sum", sum);
    gm_builder_output(b, "again", sum);
    gm_builder_output(b, "x", in);
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    struct gm_plan *plan = plan_of(program, false);
    simulate(program, plan, false);
    /* One room for the chain, one more because x * x has its operand twice. */
    cr_assert_eq(plan->arena_bytes, 2 * 4096);
    cr_assert_eq(plan->values[program->outputs[0].value].place, GM_PLACE_OUTPUT);
    cr_assert_eq(plan->values[program->outputs[0].value].index, 0);
    cr_assert_eq(plan->values[0].place, GM_PLACE_INPUT);
    cr_assert_eq(plan->input_bytes, 4000);
    gm_plan_free(plan);
    gm_program_free(program);
}

Test(plan, a_pinned_value_is_not_written_over_even_by_the_last_operation)
{
    struct gm_builder *b = gm_builder_new();
    uint64_t one = 1;
    uint64_t sgd[] = {0, 0, 0};
    gm_value p = gm_builder_input(b, GM_SOURCE_TENSOR, "p",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){8, 8}));
    gm_value rate =
        gm_builder_input(b, GM_SOURCE_TENSOR, "rate", gm_tensor_desc_make(GM_DTYPE_F32, 1, &one));
    gm_value step =
        gm_builder_input(b, GM_SOURCE_STEP, "step", gm_tensor_desc_make(GM_DTYPE_U32, 1, &one));
    gm_value momentum = node(b, GM_OP_MATMUL, 2, (gm_value[]){p, p}, (uint64_t[]){0, 0, 0});
    gm_builder_output(b, "p", node(b, GM_OP_SGD, 5, (gm_value[]){p, p, momentum, rate, step}, sgd));
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    struct gm_plan *plan = plan_of(program, false);
    cr_assert_eq(plan->arena_bytes, 256); /* the new momentum, which nobody reads, in place */
    gm_plan_free(plan);
    plan = plan_of(program, true);
    cr_assert_eq(plan->arena_bytes, 512);
    simulate(program, plan, true);
    gm_plan_free(plan);
    gm_program_free(program);
}

enum { BLOCKS = 2000, STEPS = 1000 };

/* Random blocks in the order of their first step: sizes over three decades, most lives short. */
static uint64_t random_blocks(struct gm_plan_block blocks[BLOCKS], uint64_t state)
{
    static uint64_t alive[STEPS];
    memset(alive, 0, sizeof(alive));
    uint64_t peak = 0;
    for (uint32_t b = 0; b < BLOCKS; b++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t bits = state >> 33;
        uint32_t life = (uint32_t)(bits % 8 == 0 ? bits / 8 % 200 : bits / 8 % 10);
        blocks[b] = (struct gm_plan_block){
            .size_bytes = 256 * (1 + (bits >> 10) % (1 + bits % 1000)), .first = b / 2};
        blocks[b].last = blocks[b].first + life < STEPS ? blocks[b].first + life : STEPS - 1;
        for (uint32_t t = blocks[b].first; t <= blocks[b].last; t++)
            peak = (alive[t] += blocks[b].size_bytes) > peak ? alive[t] : peak;
    }
    return peak;
}

static void expect_disjoint(const struct gm_plan_block blocks[BLOCKS], uint64_t arena_bytes)
{
    for (uint32_t a = 0; a < BLOCKS; a++) {
        uint64_t end = blocks[a].offset_bytes + blocks[a].size_bytes;
        cr_assert_le(end, arena_bytes);
        for (uint32_t b = a + 1; b < BLOCKS && blocks[b].first <= blocks[a].last; b++)
            cr_assert(end <= blocks[b].offset_bytes ||
                          blocks[b].offset_bytes + blocks[b].size_bytes <= blocks[a].offset_bytes,
                      "blocks %u and %u overlap", a, b);
    }
}

Test(plan, both_ways_of_packing_keep_blocks_apart_and_stay_near_the_peak)
{
    static struct gm_plan_block blocks[BLOCKS];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t peak = random_blocks(blocks, seed);
        uint64_t arena;
        cr_assert_eq(gm_plan_fit_by_time(blocks, BLOCKS, STEPS, &arena), GM_OK);
        expect_disjoint(blocks, arena);
        cr_assert_le((double)arena, 1.25 * (double)peak, "by time: %.3f of the peak",
                     (double)arena / (double)peak);
        cr_assert_eq(gm_plan_fit_by_size(blocks, BLOCKS, &arena), GM_OK);
        expect_disjoint(blocks, arena);
        cr_assert_le((double)arena, 1.25 * (double)peak, "by size: %.3f of the peak",
                     (double)arena / (double)peak);
    }
}

Test(plan, sizes_that_cannot_be_added_are_refused)
{
    struct gm_builder *b = gm_builder_new();
    uint64_t count = (UINT64_C(1) << 46) - 1;
    gm_value x =
        gm_builder_input(b, GM_SOURCE_TENSOR, "x", gm_tensor_desc_make(GM_DTYPE_F32, 1, &count));
    for (uint32_t i = 0; i < 20000; i++)
        x = node(b, GM_OP_RELU, 1, &x, NULL);
    gm_builder_output(b, "y", x);
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    struct gm_plan *plan = NULL;
    cr_assert_eq(gm_plan_new(program, false, &plan, NULL), GM_LIMIT);
    gm_program_free(program);
}
