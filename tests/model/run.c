#include "run.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/registry.h"
#include "base/mem.h"

void run_check(enum gm_status status, const struct gm_error *err)
{
    if (status == GM_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", gm_status_name(status), err->text);
    exit(1);
}

struct gm_device *run_device_open(void)
{
    struct gm_error err = {0};
    struct gm_device *device;
    const struct gm_device_options options = {.thread_count = 1};
    run_check(gm_device_open("cpu", &options, &device, &err), &err);
    return device;
}

void run_device_close(struct gm_device *device)
{
    device->ops->close(device);
}

static uint64_t output_bytes(const struct gm_program *program, uint32_t index)
{
    return gm_tensor_size_bytes(&program->values[program->outputs[index].value]);
}

static struct gm_buffer **buffers_new(uint32_t count)
{
    struct gm_buffer **buffers = gm_mem_new(count, sizeof *buffers);
    if (buffers == NULL)
        abort();
    return buffers;
}

static void buffers_free(struct gm_device *device, struct gm_buffer **buffers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        device->ops->buffer_free(buffers[i]);
    gm_mem_free(buffers);
}

void run_program(struct gm_device *device, const struct gm_program *program, uint64_t seed,
                 uint32_t step, const void *const *inputs, void *const *outputs)
{
    struct gm_error err = {0};
    struct gm_exec *exec;
    run_check(gm_exec_new(device, program, &exec, &err), &err);
    struct gm_buffer **in = buffers_new(program->input_count);
    struct gm_buffer **out = buffers_new(program->output_count);
    for (uint32_t i = 0; i < program->input_count; i++) {
        const struct gm_input *input = &program->inputs[i];
        if (input->source != GM_SOURCE_TENSOR && input->source != GM_SOURCE_DATA)
            continue;
        uint64_t size_bytes = gm_tensor_size_bytes(&input->desc);
        run_check(device->ops->buffer_new(device, size_bytes, &in[i], &err), &err);
        run_check(device->ops->write(in[i], 0, inputs[i], size_bytes, &err), &err);
    }
    for (uint32_t i = 0; i < program->output_count; i++)
        run_check(device->ops->buffer_new(device, output_bytes(program, i), &out[i], &err), &err);
    const struct gm_exec_args args = {.seed = seed, .step = step, .iterations = 1};
    uint32_t bad_output;
    run_check(gm_exec_run(exec, &args, in, out, &bad_output, &err), &err);
    for (uint32_t i = 0; i < program->output_count; i++)
        run_check(device->ops->read(out[i], 0, outputs[i], output_bytes(program, i), &err), &err);
    buffers_free(device, in, program->input_count);
    buffers_free(device, out, program->output_count);
    gm_exec_free(exec);
}

void **run_outputs_new(const struct gm_program *program)
{
    void **outputs = gm_mem_new(program->output_count, sizeof *outputs);
    for (uint32_t i = 0; outputs != NULL && i < program->output_count; i++) {
        outputs[i] = gm_mem_new(1, output_bytes(program, i));
        if (outputs[i] == NULL)
            abort();
    }
    return outputs;
}

void run_tensors_free(void **tensors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        gm_mem_free(tensors[i]);
    gm_mem_free(tensors);
}
