/* The programs of a job, run: reductions are one tree however they are cut, updates decay what they
   should, a start depends on its seed alone. */
#include "gm_test.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/train_programs.h"
#include "run.h"

/* 2 -> 2, so that four parameters are enough: layers.0.bias, layers.0.weight. */
static struct gm_model *model_new(const char *text)
{
    struct gm_error err = {0};
    struct gm_json *doc;
    struct gm_model *model;
    run_check(
        gm_json_parse("c", (struct gm_bytes){(const uint8_t *)text, strlen(text)}, &doc, &err),
        &err);
    run_check(gm_model_new(doc, true, &model, &err), &err);
    gm_json_free(doc);
    return model;
}

static const char small[] =
    "{\"model_type\":\"gradmill-mlp\",\"inputs\":2,\"hidden\":[],\"outputs\":2}";

/* A result of a grad program: numbers that do not add exactly, so that order shows. */
struct result {
    float loss[1];
    uint32_t count[1];
    float bias[2];
    float weight[4];
};

static struct result result_make(uint32_t i)
{
    struct result r = {{1.0f / (float)(i + 3)}, {i + 1}, {0}, {0}};
    for (uint32_t j = 0; j < 2; j++)
        r.bias[j] = 0.1f * (float)(7 * i + j) + 1e3f * (float)(i % 2);
    for (uint32_t j = 0; j < 4; j++)
        r.weight[j] = 1.0f / (float)(5 * i + j + 1);
    return r;
}

static struct result reduce(struct gm_device *device, const struct gm_model *model,
                            const struct result *parts, uint32_t k)
{
    struct gm_error err = {0};
    struct gm_program *program;
    run_check(gm_train_reduce_program(model, k, &program, &err), &err);
    const void *inputs[4 * GM_REDUCE_INPUTS_MAX];
    for (uint32_t i = 0; i < k; i++) {
        inputs[4 * i] = parts[i].loss;
        inputs[4 * i + 1] = parts[i].count;
        inputs[4 * i + 2] = parts[i].bias;
        inputs[4 * i + 3] = parts[i].weight;
    }
    struct result sum = {0};
    void *const outputs[4] = {sum.loss, sum.count, sum.bias, sum.weight};
    run_program(device, program, 0, 0, inputs, outputs);
    gm_program_free(program);
    return sum;
}

/* The tree by its definition. */
static float tree(const float *x, uint32_t n)
{
    uint32_t half = 1;
    if (n == 1)
        return x[0];
    while (half * 2 < n)
        half *= 2;
    return tree(x, half) + tree(x + half, n - half);
}

Test(programs, reductions_follow_the_tree_wherever_they_are_cut)
{
    struct gm_model *model = model_new(small);
    struct gm_device *device = run_device_open();
    struct result parts[24];
    for (uint32_t i = 0; i < 24; i++)
        parts[i] = result_make(i);
    for (uint32_t k = 1; k <= GM_REDUCE_INPUTS_MAX; k++) {
        struct result sum = reduce(device, model, parts, k);
        float values[GM_REDUCE_INPUTS_MAX];
        for (uint32_t i = 0; i < k; i++)
            values[i] = parts[i].weight[3];
        cr_assert(sum.weight[3] == tree(values, k), "k = %u", k);
        cr_assert_eq(sum.count[0], k * (k + 1) / 2);
    }
    /* 24 at once, by hand, and as 8 + 8 + 8. */
    float values[24];
    for (uint32_t i = 0; i < 24; i++)
        values[i] = parts[i].bias[1];
    struct result blocks[3];
    for (uint32_t i = 0; i < 3; i++)
        blocks[i] = reduce(device, model, parts + 8 * i, 8);
    struct result sum = reduce(device, model, blocks, 3);
    cr_assert(sum.bias[1] == tree(values, 24));
    cr_assert_eq(sum.count[0], 300);
    run_device_close(device);
    gm_model_free(model);
}

Test(programs, updates_divide_by_the_count_clip_and_decay_weights_only)
{
    struct gm_model *model = model_new(small);
    struct gm_device *device = run_device_open();
    struct gm_update_config config = {.clip_norm = 1.0};
    config.optimizer.kind = GM_OPTIMIZER_SGD;
    config.optimizer.lr = 0.5;
    config.optimizer.weight_decay = 0.1;
    config.schedule.total_steps = 10;
    struct gm_error err = {0};
    struct gm_program *program;
    run_check(gm_train_update_program(model, &config, &program, &err), &err);
    cr_assert_str_eq(program->inputs[2].name, "b.layers.0.bias");
    cr_assert_str_eq(program->inputs[4].name, "loss");
    cr_assert_str_eq(program->inputs[7].name, "grad.layers.0.weight");

    const float bias[2] = {1, 2}, weight[4] = {1, 1, 1, 1}, zeros[4] = {0};
    const float loss[1] = {12}, grad_bias[2] = {12, 16}, grad_weight[4] = {0};
    const uint32_t count[1] = {4};
    const void *const inputs[9] = {bias,  weight,    zeros,       zeros, loss,
                                   count, grad_bias, grad_weight, NULL};
    float new_bias[2], new_weight[4], state_bias[2], state_weight[4], mean_loss, squares;
    void *const outputs[6] = {new_bias, new_weight, state_bias, state_weight, &mean_loss, &squares};
    run_program(device, program, 0, 3, inputs, outputs);
    cr_assert_float_eq(mean_loss, 3, 0);
    cr_assert_float_eq(squares, 25, 0); /* (3, 4) before clipping */
    cr_assert_float_eq(new_bias[0], 1 - 0.5 * 0.6, 1e-6);
    cr_assert_float_eq(new_bias[1], 2 - 0.5 * 0.8, 1e-6);
    cr_assert_float_eq(new_weight[0], 1 - 0.5 * 0.1, 1e-6); /* decay alone */
    gm_program_free(program);
    run_device_close(device);
    gm_model_free(model);
}

Test(programs, a_start_is_a_function_of_its_seed)
{
    struct gm_model *model =
        model_new("{\"model_type\":\"gradmill-mlp\",\"inputs\":64,\"hidden\":[32],\"outputs\":4}");
    struct gm_device *device = run_device_open();
    struct gm_error err = {0};
    struct gm_program *program;
    run_check(gm_train_init_program(model, GM_OPTIMIZER_ADAMW, false, &program, &err), &err);
    cr_assert_eq(program->output_count, 3 * 4);
    void **starts[3];
    const uint64_t seeds[3] = {1, 1, 1 + (UINT64_C(1) << 32)};
    for (int i = 0; i < 3; i++) {
        starts[i] = run_outputs_new(program);
        run_program(device, program, seeds[i], 0, (const void *[1]){NULL}, starts[i]);
    }
    const uint32_t weight = gm_model_param_find(model, "layers.0.weight");
    const size_t size_bytes = gm_tensor_size_bytes(&model->params[weight].desc);
    cr_assert_eq(memcmp(starts[0][weight], starts[1][weight], size_bytes), 0);
    cr_assert_neq(memcmp(starts[0][weight], starts[2][weight], size_bytes), 0);
    const float *values = starts[0][weight];
    float largest = 0;
    for (size_t i = 0; i < size_bytes / 4; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    cr_assert(largest <= 0.125f && largest > 0.12f); /* uniform within 1 / sqrt(64) */
    const float *m = starts[0][4 + weight];
    cr_assert_float_eq(m[0], 0, 0);
    for (int i = 0; i < 3; i++)
        run_tensors_free(starts[i], program->output_count);
    gm_program_free(program);

    run_check(gm_train_init_program(model, GM_OPTIMIZER_SGD, true, &program, &err), &err);
    cr_assert_eq(program->input_count, 0);
    cr_assert_eq(program->output_count, 4);
    cr_assert_str_eq(program->outputs[0].name, "b.layers.0.bias");
    gm_program_free(program);
    run_device_close(device);
    gm_model_free(model);
}

/* What generation runs gives the same loss as what training runs. */
Test(programs, logits_and_loss_agree)
{
    struct gm_model *model =
        model_new("{\"model_type\":\"llama\",\"hidden_size\":8,\"intermediate_size\":12,"
                  "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":5,"
                  "\"max_position_embeddings\":6}");
    struct gm_device *device = run_device_open();
    struct gm_error err = {0};
    struct gm_program *init, *logits, *eval;
    run_check(gm_train_init_program(model, GM_OPTIMIZER_SGD, false, &init, &err), &err);
    run_check(gm_train_logits_program(model, 6, &logits, &err), &err);
    run_check(gm_train_eval_program(model, 1, 6, &eval, &err), &err);
    void **params = run_outputs_new(init);
    run_program(device, init, 9, 0, (const void *[1]){NULL}, params);

    const uint32_t x[6] = {0, 1, 2, 3, 4, 0}, y[6] = {1, 2, 3, 4, 0, UINT32_MAX};
    const void *inputs[64];
    for (uint32_t i = 0; i < model->param_count; i++)
        inputs[i] = params[i];
    inputs[model->param_count] = x;
    inputs[model->param_count + 1] = y;
    float scores[6][5], loss;
    uint32_t count;
    run_program(device, logits, 0, 0, inputs, (void *[1]){scores});
    run_program(device, eval, 0, 0, inputs, (void *[2]){&loss, &count});
    cr_assert_eq(count, 5, "the last target is left out");
    double wanted = 0;
    for (int t = 0; t < 5; t++) {
        double sum = 0;
        for (int v = 0; v < 5; v++)
            sum += exp((double)scores[t][v]);
        wanted += log(sum) - (double)scores[t][y[t]];
    }
    cr_assert_float_eq(loss, wanted, 1e-5);
    run_tensors_free(params, init->output_count);
    gm_program_free(init);
    gm_program_free(logits);
    gm_program_free(eval);

    cr_assert_eq(gm_train_grad_program(model, 1, 7, &eval, &err), GM_INVALID);
    cr_assert_str_eq(err.text, "a sequence of 7 tokens is longer than the model's 6 positions");
    run_device_close(device);
    gm_model_free(model);
}
