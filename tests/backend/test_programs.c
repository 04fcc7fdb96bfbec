/* Whole programs, forward and backward and update, have the same bits on every level and with every
   number of threads. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "kit.h"

struct build {
    struct gm_builder *b;
    gm_value weights[32];
    uint32_t weight_count;
};

static gm_value weight(struct build *p, uint32_t rank, const uint64_t *dims)
{
    char name[16];
    snprintf(name, sizeof name, "w%u", p->weight_count);
    gm_value v = gm_builder_input(p->b, GM_SOURCE_TENSOR, name,
                                  gm_tensor_desc_make(GM_DTYPE_F32, rank, dims));
    p->weights[p->weight_count++] = v;
    return v;
}

#define DIMS(...)                                                                                  \
    (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)), (uint64_t[])                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define VALUES(...)                                                                                \
    (sizeof((gm_value[]){__VA_ARGS__}) / sizeof(gm_value)), (gm_value[])                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define ATTRS(...)                 ((uint64_t[]){__VA_ARGS__})
#define NODE(p, op, inputs, attrs) gm_builder_node((p)->b, op, inputs, attrs, 0, NULL)

static gm_value linear(struct build *p, gm_value x, uint64_t in, uint64_t out)
{
    gm_value w = weight(p, DIMS(in, out));
    gm_value b = weight(p, DIMS(out));
    return NODE(p, GM_OP_MATMUL, VALUES(x, w, b), ATTRS(0, 0, 0));
}

static gm_value norm(struct build *p, gm_value x, uint64_t n)
{
    gm_value w = weight(p, DIMS(n));
    gm_value b = weight(p, DIMS(n));
    return NODE(p, GM_OP_LAYERNORM, VALUES(x, w, b), ATTRS(gm_attr_from_f32(1e-5f)));
}

enum { B = 2, T = 19, C = 24, HEADS = 4, KV_HEADS = 2, VOCAB = 37 };

/* Grouped queries, rope, a tied head. */
static gm_value gpt_loss(struct build *p)
{
    const uint64_t kv = C / HEADS * KV_HEADS;
    struct gm_tensor_desc tokens = gm_tensor_desc_make(GM_DTYPE_U32, DIMS(B, T));
    gm_value ids = gm_builder_input(p->b, GM_SOURCE_DATA, "ids", tokens);
    gm_value target = gm_builder_input(p->b, GM_SOURCE_DATA, "target", tokens);
    gm_value table = weight(p, DIMS(VOCAB, C));
    gm_value x = NODE(p, GM_OP_EMBEDDING, VALUES(table, ids), NULL);
    gm_value angles = gm_builder_node(p->b, GM_OP_ROPE_TABLE, 0, NULL,
                                      ATTRS(T, C / HEADS, gm_attr_from_f32(1e4f)), 0, NULL);
    for (int layer = 0; layer < 2; layer++) {
        gm_value qkv = linear(p, norm(p, x, C), C, C + 2 * kv);
        gm_value q = NODE(p, GM_OP_SLICE_COLS, VALUES(qkv), ATTRS(0, C));
        gm_value k = NODE(p, GM_OP_SLICE_COLS, VALUES(qkv), ATTRS(C, kv));
        gm_value v = NODE(p, GM_OP_SLICE_COLS, VALUES(qkv), ATTRS(C + kv, kv));
        q = NODE(p, GM_OP_ROPE, VALUES(q, angles, angles + 1), ATTRS(C / HEADS, 0));
        k = NODE(p, GM_OP_ROPE, VALUES(k, angles, angles + 1), ATTRS(C / HEADS, 0));
        gm_value o = NODE(p, GM_OP_ATTENTION, VALUES(q, k, v),
                          ATTRS(HEADS, KV_HEADS, 1, gm_attr_from_f32(0.4f)));
        x = NODE(p, GM_OP_ADD, VALUES(x, linear(p, o, C, C)), NULL);
        gm_value hidden = NODE(p, GM_OP_GELU, VALUES(linear(p, norm(p, x, C), C, 4 * C)), NULL);
        x = NODE(p, GM_OP_ADD, VALUES(x, linear(p, hidden, 4 * C, C)), NULL);
    }
    gm_value logits = NODE(p, GM_OP_MATMUL, VALUES(norm(p, x, C), table), ATTRS(0, 1, 0));
    return NODE(p, GM_OP_CROSS_ENTROPY, VALUES(logits, target), NULL);
}

static gm_value conv_layer(struct build *p, gm_value x, uint64_t in, uint64_t out)
{
    gm_value w = weight(p, DIMS(out, in, 3, 3));
    gm_value b = weight(p, DIMS(out));
    gm_value y = NODE(p, GM_OP_CONV2D, VALUES(x, w, b), ATTRS(1, 1, 1, 1));
    return NODE(p, GM_OP_MAX_POOL2D, VALUES(NODE(p, GM_OP_RELU, VALUES(y), NULL)),
                ATTRS(2, 2, 2, 2));
}

static gm_value conv_loss(struct build *p)
{
    gm_value x = gm_builder_input(p->b, GM_SOURCE_DATA, "images",
                                  gm_tensor_desc_make(GM_DTYPE_F32, DIMS(5, 1, 12, 14)));
    gm_value target = gm_builder_input(p->b, GM_SOURCE_DATA, "labels",
                                       gm_tensor_desc_make(GM_DTYPE_U32, DIMS(5)));
    gm_value y = conv_layer(p, conv_layer(p, x, 1, 6), 6, 8);
    y = gm_builder_node(p->b, GM_OP_RESHAPE, 1, &y, NULL, 2, ATTRS(5, 8 * 3 * 3));
    return NODE(p, GM_OP_CROSS_ENTROPY, VALUES(linear(p, y, 8 * 3 * 3, 10), target), NULL);
}

/* Gradients, clipping and AdamW: what a training step is. */
static struct gm_program *training_step(gm_value (*loss_of)(struct build *p))
{
    struct build p = {.b = gm_builder_new()};
    gm_value step =
        gm_builder_input(p.b, GM_SOURCE_STEP, "step", gm_tensor_desc_make(GM_DTYPE_U32, DIMS(1)));
    gm_value loss = loss_of(&p);
    gm_builder_output(p.b, "loss", loss);
    gm_value gradients[32];
    gm_autodiff(p.b, loss, p.weight_count, p.weights, gradients);
    gm_value scale = NODE(&p, GM_OP_RECIPROCAL_COUNT, VALUES(loss + 1), NULL);
    gm_value lr = NODE(&p, GM_OP_LEARNING_RATE, VALUES(step),
                       ATTRS(2, gm_attr_from_f32(1e-2f), gm_attr_from_f32(1e-3f), 2, 9));
    for (uint32_t i = 0; i < p.weight_count; i++) {
        struct gm_tensor_desc desc = *gm_builder_desc(p.b, p.weights[i]);
        gm_value zero = gm_builder_node(p.b, GM_OP_FILL, 0, NULL, ATTRS(0), desc.rank, desc.dims);
        gm_value g = NODE(&p, GM_OP_SCALE_BY, VALUES(gradients[i], scale), NULL);
        gm_value squares = NODE(&p, GM_OP_SUM_SQUARES, VALUES(g), NULL);
        gm_value clip = NODE(&p, GM_OP_CLIP_FACTOR, VALUES(squares), ATTRS(gm_attr_from_f32(0.1f)));
        g = NODE(&p, GM_OP_SCALE_BY, VALUES(g, clip), NULL);
        gm_value updated = NODE(&p, GM_OP_ADAMW, VALUES(p.weights[i], g, zero, zero, lr, step),
                                ATTRS(gm_attr_from_f32(0.9f), gm_attr_from_f32(0.95f),
                                      gm_attr_from_f32(1e-8f), gm_attr_from_f32(0.1f)));
        char name[16];
        snprintf(name, sizeof name, "new%u", i);
        gm_builder_output(p.b, name, updated);
    }
    struct gm_program *program = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_builder_finish(p.b, &program, &err), GM_OK, "%s", err.text);
    return program;
}

enum { TENSORS_MAX = 64 };

static uint32_t fill_inputs(const struct gm_program *program, struct gm_tensor *inputs)
{
    struct kit_random random = {.seed = 5};
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->input_count; i++) {
        enum gm_source source = program->inputs[i].source;
        if (source != GM_SOURCE_TENSOR && source != GM_SOURCE_DATA)
            continue;
        struct gm_tensor *tensor = &inputs[count++];
        *tensor = kit_tensor_new(&program->inputs[i].desc);
        kit_tensor_fill(tensor, &random, KIT_TARGET, 10);
        float *x = tensor->data;
        uint64_t elements = gm_tensor_count(&tensor->desc);
        for (uint64_t k = 0; tensor->desc.dtype == GM_DTYPE_F32 && k < elements; k++)
            x[k] *= 0.2f;
        uint32_t *ids = tensor->data;
        for (uint64_t k = 0; strcmp(program->inputs[i].name, "ids") == 0 && k < elements; k++)
            ids[k] %= VOCAB;
    }
    return count;
}

static void free_tensors(struct gm_tensor *tensors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        gm_mem_free(tensors[i].data);
}

static void expect_same_everywhere(const struct gm_program *program)
{
    struct gm_tensor inputs[TENSORS_MAX], want[TENSORS_MAX], got[TENSORS_MAX];
    uint32_t input_count = fill_inputs(program, inputs);
    struct gm_exec_args args = {.iterations = 1, .step = 3, .seed = 77};
    struct kit_config configs[KIT_CONFIGS_MAX];
    uint32_t config_count = kit_configs(configs);
    for (uint32_t i = 0; i < config_count; i++) {
        struct gm_device *device = kit_open(configs[i].level, configs[i].thread_count);
        struct gm_error err = {0};
        enum gm_status status = kit_run(device, program, &args, inputs, i == 0 ? want : got, &err);
        cr_assert_eq(status, GM_OK, "%s", err.text);
        device->ops->close(device);
        for (uint32_t j = 0; i > 0 && j < program->output_count; j++)
            cr_assert_arr_eq(got[j].data, want[j].data, gm_tensor_size_bytes(&want[j].desc),
                             "%s with %u threads: output %s differs", configs[i].level,
                             configs[i].thread_count, program->outputs[j].name);
        if (i > 0)
            free_tensors(got, program->output_count);
    }
    free_tensors(want, program->output_count);
    free_tensors(inputs, input_count);
}

Test(programs, a_training_step_of_a_gpt_is_the_same_everywhere)
{
    struct gm_program *program = training_step(gpt_loss);
    expect_same_everywhere(program);
    gm_program_free(program);
}

Test(programs, a_training_step_of_a_conv_net_is_the_same_everywhere)
{
    struct gm_program *program = training_step(conv_loss);
    expect_same_everywhere(program);
    gm_program_free(program);
}

/* A Sum rule of more than one block inside attention: 4096 keys and more. */
Test(programs, attention_over_more_keys_than_a_block_is_the_same_everywhere)
{
    struct build p = {.b = gm_builder_new()};
    uint64_t keys = 4099;
    gm_value q = weight(&p, DIMS(1, keys, 2));
    gm_value k = weight(&p, DIMS(1, keys, 1));
    gm_value o = NODE(&p, GM_OP_ATTENTION, VALUES(q, k, k), ATTRS(2, 1, 1, gm_attr_from_f32(3)));
    for (uint32_t j = 0; j < 3; j++) {
        static const char *const names[] = {"o", "m", "l"};
        gm_builder_output(p.b, names[j], o + j);
    }
    struct gm_program *program = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_builder_finish(p.b, &program, &err), GM_OK, "%s", err.text);
    expect_same_everywhere(program);
    gm_program_free(program);
}
