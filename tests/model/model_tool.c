/* What compare_torch.py runs: our side of a comparison, from files to files.

     model_tool grad  CONFIG WEIGHTS BATCH X Y OUT.safetensors
     model_tool train CONFIG WEIGHTS BATCH X Y STEPS LOSSES.txt
     model_tool init  CONFIG SEED OUT.safetensors

   X and Y hold the batches' raw little-endian bytes, one batch after the other; tokens are (B, T)
   with T found from the size. `train` uses AdamW as compare_torch.py does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/train_programs.h"
#include "model/weights.h"
#include "run.h"

struct tool {
    struct gm_error err;
    struct gm_device *device;
    struct gm_model *model;
    void **params;
    uint64_t batch, seq, steps;
    struct gm_buf x, y;
};

static void model_open(struct tool *tool, const char *config, const char *weights_path)
{
    tool->device = run_device_open();
    run_check(gm_model_load(config, true, &tool->model, &tool->err), &tool->err);
    tool->params = gm_mem_new(tool->model->param_count, sizeof *tool->params);
    struct gm_weights *weights = NULL;
    if (weights_path != NULL)
        run_check(gm_weights_open(tool->model, weights_path, &weights, &tool->err), &tool->err);
    for (uint32_t i = 0; i < tool->model->param_count && weights != NULL; i++) {
        tool->params[i] = gm_mem_new(1, gm_tensor_size_bytes(&tool->model->params[i].desc));
        run_check(gm_weights_read(weights, i, tool->params[i], &tool->err), &tool->err);
    }
    gm_weights_close(weights);
}

static void data_open(struct tool *tool, char **args, uint64_t steps)
{
    tool->batch = strtoull(args[0], NULL, 10);
    tool->steps = steps;
    gm_buf_init(&tool->x, 1u << 30);
    gm_buf_init(&tool->y, 1u << 30);
    run_check(gm_file_read(args[1], &tool->x, &tool->err), &tool->err);
    run_check(gm_file_read(args[2], &tool->y, &tool->err), &tool->err);
    tool->seq = tool->model->tokens ? tool->x.size_bytes / (4 * tool->batch * steps) : 0;
    struct gm_tensor_desc x = gm_model_x_desc(tool->model, tool->batch, tool->seq);
    struct gm_tensor_desc y = gm_model_y_desc(tool->model, tool->batch, tool->seq);
    if (tool->x.size_bytes != steps * gm_tensor_size_bytes(&x) ||
        tool->y.size_bytes != steps * gm_tensor_size_bytes(&y)) {
        (void)fprintf(stderr, "the data does not fit the batches\n");
        exit(1);
    }
}

/* outputs: loss, count, gradients */
static void gradients_run(struct tool *tool, const struct gm_program *program, uint64_t step,
                          void *const *outputs)
{
    const uint32_t count = tool->model->param_count;
    const void **inputs = gm_mem_new(count + 2, sizeof *inputs);
    for (uint32_t i = 0; i < count; i++)
        inputs[i] = tool->params[i];
    inputs[count] = tool->x.data + step * (tool->x.size_bytes / tool->steps);
    inputs[count + 1] = tool->y.data + step * (tool->y.size_bytes / tool->steps);
    run_program(tool->device, program, 0, 0, inputs, outputs);
    gm_mem_free(inputs);
}

static void tensors_write(struct tool *tool, const char *path, const struct gm_program *program,
                          void *const *outputs, uint32_t first)
{
    const struct gm_model *model = tool->model;
    struct gm_safetensors_item *items = gm_mem_new(model->param_count, sizeof *items);
    for (uint32_t i = 0; i < model->param_count; i++)
        items[i] =
            (struct gm_safetensors_item){program->outputs[first + i].name, model->params[i].desc};
    run_check(gm_safetensors_write(path, model->param_count, items,
                                   (const void *const *)(outputs + first), &tool->err),
              &tool->err);
    gm_mem_free(items);
}

static void grad_main(struct tool *tool, char **args)
{
    model_open(tool, args[0], args[1]);
    data_open(tool, args + 2, 1);
    struct gm_program *program;
    run_check(gm_train_grad_program(tool->model, tool->batch, tool->seq, &program, &tool->err),
              &tool->err);
    void **outputs = run_outputs_new(program);
    gradients_run(tool, program, 0, outputs);
    (void)printf("%.9g %u\n", (double)*(float *)outputs[0], *(uint32_t *)outputs[1]);
    tensors_write(tool, args[5], program, outputs, 2);
    run_tensors_free(outputs, program->output_count);
    gm_program_free(program);
}

static void init_main(struct tool *tool, char **args)
{
    model_open(tool, args[0], NULL);
    struct gm_program *program;
    run_check(gm_train_init_program(tool->model, GM_OPTIMIZER_SGD, false, &program, &tool->err),
              &tool->err);
    void **outputs = run_outputs_new(program);
    run_program(tool->device, program, strtoull(args[1], NULL, 10), 0, (const void *[1]){NULL},
                outputs);
    tensors_write(tool, args[2], program, outputs, 0);
    run_tensors_free(outputs, program->output_count);
    gm_program_free(program);
}

/* One update in place: `state` is parameters, m, v. */
static double update_run(struct tool *tool, const struct gm_program *update, uint32_t step,
                         void **state, void *const *gradients)
{
    const uint32_t count = tool->model->param_count;
    void **next = run_outputs_new(update);
    const void **inputs = gm_mem_new(update->input_count, sizeof *inputs);
    for (uint32_t i = 0; i < 3 * count; i++)
        inputs[i] = state[i];
    for (uint32_t i = 0; i < count + 2; i++)
        inputs[3 * count + i] = gradients[i];
    run_program(tool->device, update, 0, step, inputs, next);
    for (uint32_t i = 0; i < 3 * count; i++)
        memcpy(state[i], next[i], gm_tensor_size_bytes(&tool->model->params[i % count].desc));
    double loss = (double)*(float *)next[3 * count];
    run_tensors_free(next, update->output_count);
    gm_mem_free(inputs);
    return loss;
}

static void train_main(struct tool *tool, char **args)
{
    model_open(tool, args[0], args[1]);
    const uint64_t steps = strtoull(args[5], NULL, 10);
    data_open(tool, args + 2, steps);
    const struct gm_update_config config = {
        .optimizer = {.kind = GM_OPTIMIZER_ADAMW,
                      .lr = 3e-3,
                      .beta1 = 0.9,
                      .beta2 = 0.95,
                      .eps = 1e-8,
                      .weight_decay = 0.1},
        .schedule = {GM_SCHEDULE_COSINE, steps / 10, steps, 3e-4},
        .clip_norm = 1.0};
    struct gm_program *grad, *update;
    run_check(gm_train_grad_program(tool->model, tool->batch, tool->seq, &grad, &tool->err),
              &tool->err);
    run_check(gm_train_update_program(tool->model, &config, &update, &tool->err), &tool->err);
    const uint32_t count = tool->model->param_count;
    void **state = gm_mem_new(3 * count, sizeof *state);
    for (uint32_t i = 0; i < 3 * count; i++)
        state[i] = i < count
                       ? tool->params[i]
                       : gm_mem_new(1, gm_tensor_size_bytes(&tool->model->params[i % count].desc));
    void **gradients = run_outputs_new(grad);
    FILE *losses = fopen(args[6], "w");
    for (uint64_t step = 0; step < steps; step++) {
        gradients_run(tool, grad, step, gradients);
        (void)fprintf(losses, "%.9g\n", update_run(tool, update, (uint32_t)step, state, gradients));
    }
    (void)fclose(losses);
    run_tensors_free(gradients, grad->output_count);
    for (uint32_t i = count; i < 3 * count; i++)
        gm_mem_free(state[i]);
    gm_mem_free(state);
    gm_program_free(grad);
    gm_program_free(update);
}

int main(int argc, char **argv)
{
    struct tool tool = {0};
    if (argc == 8 && strcmp(argv[1], "grad") == 0) {
        grad_main(&tool, argv + 2);
    } else if (argc == 9 && strcmp(argv[1], "train") == 0) {
        train_main(&tool, argv + 2);
    } else if (argc == 5 && strcmp(argv[1], "init") == 0) {
        init_main(&tool, argv + 2);
    } else {
        (void)fprintf(stderr, "usage: see model_tool.c\n");
        return 2;
    }
    for (uint32_t i = 0; i < tool.model->param_count; i++)
        gm_mem_free(tool.params[i]);
    gm_mem_free(tool.params);
    gm_buf_fini(&tool.x);
    gm_buf_fini(&tool.y);
    gm_model_free(tool.model);
    run_device_close(tool.device);
    return 0;
}
