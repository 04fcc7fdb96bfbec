#include "program_gen.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/autodiff.h"
#include "program_gen_state.h"

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t gen_random(struct gen *gen, uint64_t limit)
{
    return next(&gen->random) % limit;
}

float gen_float(struct gen *gen, float low, float high)
{
    return low + (high - low) * ((float)gen_random(gen, 1 << 20) / (float)(1 << 20));
}

uint64_t gen_size(struct gen *gen, uint64_t max)
{
    static const uint64_t SIZES[] = {1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 33, 48, 65, 100, 129};
    uint64_t count = 0;
    while (count < sizeof(SIZES) / sizeof(SIZES[0]) && SIZES[count] <= max)
        count++;
    return count > 0 ? SIZES[gen_random(gen, count)] : 1;
}

static void stop(const char *what, const char *text)
{
    fprintf(stderr, "program_gen: %s: %s\n", what, text);
    abort();
}

struct gm_tensor_desc gen_desc(const struct gen *gen, gm_value value)
{
    const struct gm_tensor_desc *desc = gm_builder_desc(gen->builder, value);
    if (desc == NULL)
        stop("a fault while building", gm_status_name(gm_builder_status(gen->builder)));
    return *desc;
}

gm_value gen_node(struct gen *gen, enum gm_op op, uint32_t input_count, const gm_value *inputs,
                  const uint64_t *attrs)
{
    return gm_builder_node(gen->builder, op, input_count, inputs, attrs, 0, NULL);
}

static gm_value fresh_input(struct gen *gen, uint32_t rank, const uint64_t *dims)
{
    char name[32];
    uint32_t index = gen->name_count++;
    enum gm_source source = gen_random(gen, 4) == 0 ? GM_SOURCE_DATA : GM_SOURCE_TENSOR;
    snprintf(name, sizeof(name), "in.%u", (unsigned)index);
    gm_value value =
        gm_builder_input(gen->builder, source, name, gm_tensor_desc_make(GM_DTYPE_F32, rank, dims));
    if (source == GM_SOURCE_TENSOR && gen->input_count < GEN_INPUTS_MAX) {
        gen->input_index[gen->input_count] = index;
        gen->inputs[gen->input_count++] = value;
    }
    return value;
}

gm_value gen_fresh(struct gen *gen, uint32_t rank, const uint64_t *dims)
{
    uint64_t attrs[3] = {gen_random(gen, 1000)};
    switch (gen_random(gen, 8)) {
    case 0:
        attrs[1] = gm_attr_from_f32(-1.0F);
        attrs[2] = gm_attr_from_f32(gen_float(gen, -1.0F, 1.0F));
        return gm_builder_node(gen->builder, GM_OP_RANDOM_UNIFORM, 1, &gen->seed, attrs, rank,
                               dims);
    case 1:
        attrs[1] = gm_attr_from_f32(gen_float(gen, -0.5F, 0.5F));
        attrs[2] = gm_attr_from_f32(0.75F);
        return gm_builder_node(gen->builder, GM_OP_RANDOM_NORMAL, 1, &gen->seed, attrs, rank, dims);
    case 2:
        attrs[0] = gm_attr_from_f32(gen_float(gen, -1.0F, 1.0F));
        return gm_builder_node(gen->builder, GM_OP_FILL, 0, NULL, attrs, rank, dims);
    default:
        return fresh_input(gen, rank, dims);
    }
}

gm_value gen_pick(struct gen *gen)
{
    return gen->pool[gen_random(gen, gen->pool_count)];
}

gm_value gen_tame(struct gen *gen, gm_value value, uint64_t terms)
{
    uint64_t root = 1;
    while (root * root < terms)
        root++;
    uint64_t factor = gm_attr_from_f32(1.0F / (float)root);
    return gen_node(gen, GM_OP_SCALE, 1, &value, &factor);
}

gm_value gen_index(struct gen *gen, uint64_t limit, uint32_t rank, const uint64_t *dims)
{
    uint64_t modulus = 1 + gen_random(gen, limit);
    return gm_builder_node(gen->builder, GM_OP_IOTA, 0, NULL, &modulus, rank, dims);
}

void gen_keep(struct gen *gen, gm_value value)
{
    if (gen->pool_count < GEN_POOL_MAX)
        gen->pool[gen->pool_count++] = value;
    else
        gen->pool[gen_random(gen, GEN_POOL_MAX)] = value;
}

void gen_sink(struct gen *gen, gm_value value)
{
    if (gen->sink_count < GEN_POOL_MAX)
        gen->sinks[gen->sink_count++] = value;
}

static uint32_t add_output(struct gen *gen, uint32_t *count, gm_value value)
{
    char name[32];
    snprintf(name, sizeof(name), "out.%u", (unsigned)*count);
    gm_builder_output(gen->builder, name, value);
    return (*count)++;
}

/* f32 (1) that depends on x, by one of the losses. */
static gm_value loss_of(struct gen *gen, gm_value x)
{
    struct gm_tensor_desc desc = gen_desc(gen, x);
    uint64_t rows = gm_tensor_rows(&desc);
    uint64_t cols = gm_tensor_cols(&desc);
    gm_value loss;
    switch (gen_random(gen, 4)) {
    case 0:
        loss = gen_node(gen, GM_OP_SUM, 1, &x, NULL);
        break;
    case 1:
        loss = gen_node(gen, GM_OP_SUM_SQUARES, 1, &x, NULL);
        break;
    case 2: {
        gm_value target = gen_fresh(gen, desc.rank, desc.dims);
        loss = gen_node(gen, GM_OP_MSE, 2, (gm_value[]){x, target}, NULL);
        gen_sink(gen, gen_node(gen, GM_OP_RECIPROCAL_COUNT, 1, (gm_value[]){loss + 1}, NULL));
        break;
    }
    default:
        loss = gen_node(gen, GM_OP_CROSS_ENTROPY, 2,
                        (gm_value[]){x, gen_index(gen, cols, 1, &rows)}, NULL);
        gen_sink(gen, loss + 1);
        break;
    }
    return gen_tame(gen, loss, rows * cols);
}

/* p - lr * g for one parameter, by one of the optimizers; its result is carried to p. */
static void add_update(struct gen *gen, uint32_t which, gm_value gradient, gm_value rate,
                       uint32_t *output_count)
{
    gm_value p = gen->inputs[which];
    struct gm_tensor_desc desc = gen_desc(gen, p);
    gm_value m = gen_fresh(gen, desc.rank, desc.dims);
    if (gen_random(gen, 2) == 0) {
        uint64_t attrs[] = {gm_attr_from_f32(0.9F), gm_attr_from_f32(0.01F), gen_random(gen, 2)};
        gm_value next_p =
            gen_node(gen, GM_OP_SGD, 5, (gm_value[]){p, gradient, m, rate, gen->step}, attrs);
        gm_builder_carry(gen->builder, add_output(gen, output_count, next_p),
                         gen->input_index[which]);
        add_output(gen, output_count, next_p + 1);
        return;
    }
    gm_value v = gen_node(gen, GM_OP_MUL, 2, (gm_value[]){m, m}, NULL); /* never negative */
    uint64_t attrs[] = {gm_attr_from_f32(0.9F), gm_attr_from_f32(0.95F), gm_attr_from_f32(1e-8F),
                        gm_attr_from_f32(0.1F)};
    gm_value next_p =
        gen_node(gen, GM_OP_ADAMW, 6, (gm_value[]){p, gradient, m, v, rate, gen->step}, attrs);
    gm_builder_carry(gen->builder, add_output(gen, output_count, next_p), gen->input_index[which]);
    add_output(gen, output_count, next_p + 1);
    add_output(gen, output_count, next_p + 2);
}

static void add_backward(struct gen *gen, uint32_t *output_count)
{
    gm_value loss = loss_of(gen, gen_pick(gen));
    for (uint32_t i = 0; i < 5; i++) {
        gm_value more = loss_of(gen, gen_pick(gen));
        loss = gen_node(gen, GM_OP_ADD, 2, (gm_value[]){loss, more}, NULL);
    }
    uint32_t wanted = gen->input_count;
    gm_value gradients[GEN_INPUTS_MAX];
    gm_autodiff(gen->builder, loss, wanted, gen->inputs, gradients);
    gm_value norm = gen_node(gen, GM_OP_SUM_SQUARES, 1, &gradients[0], NULL);
    uint64_t max_norm = gm_attr_from_f32(1.0F);
    gm_value factor = gen_node(gen, GM_OP_CLIP_FACTOR, 1, &norm, &max_norm);
    uint64_t schedule[] = {gen_random(gen, 3), gm_attr_from_f32(0.01F), gm_attr_from_f32(0.001F), 2,
                           10};
    gm_value rate = gen_node(gen, GM_OP_LEARNING_RATE, 1, &gen->step, schedule);
    add_output(gen, output_count, loss);
    for (uint32_t i = 0; i < wanted; i++) {
        gm_value clipped =
            gen_node(gen, GM_OP_SCALE_BY, 2, (gm_value[]){gradients[i], factor}, NULL);
        if (gen_random(gen, 3) == 0)
            add_update(gen, i, clipped, rate, output_count);
        else
            add_output(gen, output_count, gradients[i]);
    }
}

static void add_inputs(struct gen *gen)
{
    uint64_t one = 1;
    uint64_t two = 2;
    gen->step = gm_builder_input(gen->builder, GM_SOURCE_STEP, "step",
                                 gm_tensor_desc_make(GM_DTYPE_U32, 1, &one));
    gen->seed = gm_builder_input(gen->builder, GM_SOURCE_SEED, "seed",
                                 gm_tensor_desc_make(GM_DTYPE_U32, 1, &two));
    gm_value iteration = gm_builder_input(gen->builder, GM_SOURCE_ITERATION, "iteration",
                                          gm_tensor_desc_make(GM_DTYPE_U32, 1, &one));
    gen->name_count = 3; /* inputs' numbers go on from here */
    gen_sink(gen, gen_node(gen, GM_OP_ADD, 2, (gm_value[]){gen->step, iteration}, NULL));
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t dims[] = {gen_size(gen, 17), gen_size(gen, 65)};
        gen_keep(gen, fresh_input(gen, 2, dims));
    }
    while (gen->input_count == 0)
        gen_keep(gen, fresh_input(gen, 1, &two));
}

struct gm_program *gm_program_gen(const struct gm_program_gen_options *options)
{
    struct gen *gen = calloc(1, sizeof(*gen));
    if (gen == NULL || (gen->builder = gm_builder_new()) == NULL)
        stop("no memory", "");
    gen->random = options->seed;
    gen->elements_max = options->elements_max;
    add_inputs(gen);
    for (uint32_t i = 0; i < options->op_count; i++)
        gen_any_op(gen);
    uint32_t output_count = 0;
    for (uint32_t i = 0; i < 4; i++)
        add_output(gen, &output_count, gen_pick(gen));
    add_backward(gen, &output_count);
    for (uint32_t i = 0; i < gen->sink_count; i++)
        add_output(gen, &output_count, gen->sinks[i]);
    struct gm_program *program = NULL;
    struct gm_error err = {GM_OK, ""};
    if (gm_builder_finish(gen->builder, &program, &err) != GM_OK)
        stop("finish", err.text);
    free(gen);
    return program;
}

void gm_program_gen_fill(const struct gm_program *program, uint32_t input, uint64_t seed,
                         float *out)
{
    uint64_t state = seed + input;
    uint64_t count = gm_tensor_count(&program->inputs[input].desc);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t bits = next(&state);
        float value = (float)(int64_t)(bits >> 40) / (float)(1 << 23) - 1.0F;
        out[i] = bits % 64 == 0 ? 0.0F : value;
    }
}
