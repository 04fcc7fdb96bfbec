#include "backend/exec.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "backend/exec_scan.h"
#include "base/mem.h"

struct gm_exec {
    struct gm_device *device;
    const struct gm_program *program;
    struct gm_plan *plan;
    struct gm_prepared *prepared;
    struct gm_exec_memory memory;
    struct gm_buffer **made;    /* per input: those that exec fills, else NULL */
    struct gm_buffer **shadows; /* per output: the second buffer of a carried one, else NULL */
    struct gm_buffer **inputs;  /* of the iteration at hand */
    struct gm_buffer **outputs;
};

static bool made_by_exec(const struct gm_input *input)
{
    return input->source != GM_SOURCE_TENSOR && input->source != GM_SOURCE_DATA;
}

static uint64_t output_bytes(const struct gm_program *program, uint32_t output)
{
    return gm_tensor_size_bytes(&program->values[program->outputs[output].value]);
}

/* An iteration reads carried values while it writes the next ones, so every carried output has two
   buffers, the caller's and a shadow, that take turns: nothing is copied and no input is changed.
 */
static enum gm_status make_buffers(struct gm_exec *exec, struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    struct gm_device *device = exec->device;
    for (uint32_t i = 0; i < program->input_count; i++) {
        uint64_t size = gm_tensor_size_bytes(&program->inputs[i].desc);
        if (made_by_exec(&program->inputs[i]))
            GM_TRY(device->ops->buffer_new(device, size, &exec->made[i], err));
    }
    for (uint32_t c = 0; c < program->carry_count; c++) {
        uint32_t output = program->carries[c].output;
        if (exec->shadows[output] != NULL)
            continue;
        uint64_t size = output_bytes(program, output);
        GM_TRY(device->ops->buffer_new(device, size, &exec->shadows[output], err));
        exec->memory.overhead_bytes += size;
    }
    return GM_OK;
}

static enum gm_status make_records(struct gm_exec *exec, struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    exec->made = gm_mem_new(program->input_count, sizeof(struct gm_buffer *));
    exec->inputs = gm_mem_new(program->input_count, sizeof(struct gm_buffer *));
    exec->shadows = gm_mem_new(program->output_count, sizeof(struct gm_buffer *));
    exec->outputs = gm_mem_new(program->output_count, sizeof(struct gm_buffer *));
    if (exec->made == NULL || exec->inputs == NULL || exec->shadows == NULL ||
        exec->outputs == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory to run a program");
    return GM_OK;
}

static enum gm_status check_supported(const struct gm_exec *exec, struct gm_error *err)
{
    for (uint32_t n = 0; n < exec->program->node_count; n++) {
        const struct gm_node *node = &exec->program->nodes[n];
        if (!exec->device->ops->supports(exec->device, node))
            return gm_error_set(err, GM_UNSUPPORTED,
                                "operation %" PRIu32 " (%s) does not run on this device", n,
                                gm_op_find(node->op)->name);
    }
    return GM_OK;
}

static enum gm_status set_up(struct gm_exec *exec, struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    struct gm_device *device = exec->device;
    GM_TRY(check_supported(exec, err));
    GM_TRY(make_records(exec, err));
    GM_TRY(gm_plan_new(program, false, &exec->plan, err));
    GM_TRY(device->ops->prepare(device, exec->plan, &exec->prepared, err));
    exec->memory.arena_bytes = exec->plan->arena_bytes;
    exec->memory.overhead_bytes = device->ops->overhead_bytes(device, exec->plan);
    for (uint32_t i = 0; i < program->input_count; i++)
        exec->memory.input_bytes += gm_tensor_size_bytes(&program->inputs[i].desc);
    for (uint32_t j = 0; j < program->output_count; j++)
        exec->memory.output_bytes += output_bytes(program, j);
    return make_buffers(exec, err);
}

enum gm_status gm_exec_new(struct gm_device *device, const struct gm_program *program,
                           struct gm_exec **out, struct gm_error *err)
{
    struct gm_exec *exec = gm_mem_new(1, sizeof *exec);
    if (exec == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory to run a program");
    exec->device = device;
    exec->program = program;
    enum gm_status status = set_up(exec, err);
    if (status != GM_OK) {
        gm_exec_free(exec);
        return status;
    }
    *out = exec;
    return GM_OK;
}

static void free_buffers(struct gm_exec *exec, struct gm_buffer **buffers, uint32_t count)
{
    for (uint32_t i = 0; buffers != NULL && i < count; i++)
        exec->device->ops->buffer_free(buffers[i]);
    gm_mem_free(buffers);
}

void gm_exec_free(struct gm_exec *exec)
{
    if (exec == NULL)
        return;
    free_buffers(exec, exec->made, exec->program->input_count);
    free_buffers(exec, exec->shadows, exec->program->output_count);
    gm_mem_free(exec->inputs);
    gm_mem_free(exec->outputs);
    exec->device->ops->prepared_free(exec->prepared);
    gm_plan_free(exec->plan);
    gm_mem_free(exec);
}

struct gm_exec_memory gm_exec_memory(const struct gm_exec *exec)
{
    return exec->memory;
}

/* ---- one run ---- */

static enum gm_status check_args(const struct gm_exec *exec, const struct gm_exec_args *args,
                                 struct gm_buffer *const *inputs, struct gm_buffer *const *outputs,
                                 struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    if (args->iterations == 0 || args->iterations - 1 > UINT32_MAX - args->step)
        return gm_error_set(err, GM_INVALID,
                            "%" PRIu32 " iterations from step %" PRIu32
                            ", expected at least 1 and steps below 2^32",
                            args->iterations, args->step);
    for (uint32_t i = 0; i < program->input_count; i++) {
        uint64_t size = gm_tensor_size_bytes(&program->inputs[i].desc);
        if (made_by_exec(&program->inputs[i]))
            continue;
        if (inputs[i] == NULL || inputs[i]->size_bytes != size)
            return gm_error_set(
                err, GM_INVALID, "input %s has %" PRIu64 " bytes, expected %" PRIu64,
                program->inputs[i].name, inputs[i] == NULL ? 0 : inputs[i]->size_bytes, size);
    }
    for (uint32_t j = 0; j < program->output_count; j++) {
        uint64_t size = output_bytes(program, j);
        if (outputs[j] == NULL || outputs[j]->size_bytes != size)
            return gm_error_set(
                err, GM_INVALID, "output %s has room for %" PRIu64 " bytes, expected %" PRIu64,
                program->outputs[j].name, outputs[j] == NULL ? 0 : outputs[j]->size_bytes, size);
    }
    return GM_OK;
}

static enum gm_status write_u32(struct gm_exec *exec, uint32_t input, const uint32_t *words,
                                uint64_t size_bytes, struct gm_error *err)
{
    struct gm_buffer *buffer = exec->made[input];
    assert(buffer->size_bytes == size_bytes);
    return exec->device->ops->write(buffer, 0, words, size_bytes, err);
}

static enum gm_status write_made(struct gm_exec *exec, const struct gm_exec_args *args,
                                 uint32_t iteration, struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    const uint32_t step = args->step + iteration;
    const uint32_t seed[2] = {(uint32_t)args->seed, (uint32_t)(args->seed >> 32)};
    for (uint32_t i = 0; i < program->input_count; i++) {
        switch (program->inputs[i].source) {
        case GM_SOURCE_STEP:
            GM_TRY(write_u32(exec, i, &step, sizeof step, err));
            break;
        case GM_SOURCE_ITERATION:
            GM_TRY(write_u32(exec, i, &iteration, sizeof iteration, err));
            break;
        case GM_SOURCE_SEED:
            GM_TRY(write_u32(exec, i, seed, sizeof seed, err));
            break;
        case GM_SOURCE_TENSOR:
        case GM_SOURCE_DATA:
            break;
        }
    }
    return GM_OK;
}

/* Which buffers this iteration reads and writes. The last one writes the caller's. */
static void choose_buffers(struct gm_exec *exec, const struct gm_exec_args *args,
                           uint32_t iteration, struct gm_buffer *const *inputs,
                           struct gm_buffer *const *outputs)
{
    const struct gm_program *program = exec->program;
    bool to_shadow = (args->iterations - 1 - iteration) % 2 != 0;
    for (uint32_t j = 0; j < program->output_count; j++)
        exec->outputs[j] = to_shadow && exec->shadows[j] != NULL ? exec->shadows[j] : outputs[j];
    for (uint32_t i = 0; i < program->input_count; i++)
        exec->inputs[i] = exec->made[i] != NULL ? exec->made[i] : inputs[i];
    for (uint32_t c = 0; iteration > 0 && c < program->carry_count; c++) {
        uint32_t output = program->carries[c].output;
        exec->inputs[program->carries[c].input] =
            to_shadow ? outputs[output] : exec->shadows[output];
    }
}

/* Outputs that the device does not write: the value is an input, or was named before. */
static enum gm_status copy_outputs(struct gm_exec *exec, struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    for (uint32_t j = 0; j < program->output_count; j++) {
        const struct gm_plan_value *at = &exec->plan->values[program->outputs[j].value];
        struct gm_buffer *source = NULL;
        if (at->place == GM_PLACE_INPUT)
            source = exec->inputs[at->index];
        else if (at->place == GM_PLACE_OUTPUT && at->index != j)
            source = exec->outputs[at->index];
        if (source != NULL)
            GM_TRY(
                exec->device->ops->copy(exec->outputs[j], source, output_bytes(program, j), err));
    }
    return GM_OK;
}

/* Whether output j, an f32 tensor, is finite throughout; without a copy where the host sees it. */
static enum gm_status output_finite(struct gm_exec *exec, struct gm_buffer *buffer, bool *finite,
                                    struct gm_error *err)
{
    enum { PIECE = 4096 };
    const struct gm_device_ops *ops = exec->device->ops;
    const float *host = ops->host(buffer);
    uint64_t count = buffer->size_bytes / sizeof(float);
    *finite = true;
    if (host != NULL) {
        *finite = gm_exec_all_finite(host, count);
        return GM_OK;
    }
    float piece[PIECE];
    for (uint64_t i = 0; i < count && *finite; i += PIECE) {
        uint64_t size = count - i < PIECE ? count - i : PIECE;
        GM_TRY(ops->read(buffer, i * sizeof(float), piece, size * sizeof(float), err));
        *finite = gm_exec_all_finite(piece, size);
    }
    return GM_OK;
}

static enum gm_status check_finite(struct gm_exec *exec, struct gm_buffer *const *outputs,
                                   uint32_t *bad_output, struct gm_error *err)
{
    const struct gm_program *program = exec->program;
    for (uint32_t j = 0; j < program->output_count; j++) {
        if (program->values[program->outputs[j].value].dtype != GM_DTYPE_F32)
            continue;
        bool finite;
        GM_TRY(output_finite(exec, outputs[j], &finite, err));
        if (finite)
            continue;
        if (bad_output != NULL)
            *bad_output = j;
        return gm_error_set(err, GM_DIVERGED, "output %s holds NaN or infinity",
                            program->outputs[j].name);
    }
    return GM_OK;
}

enum gm_status gm_exec_run(struct gm_exec *exec, const struct gm_exec_args *args,
                           struct gm_buffer *const *inputs, struct gm_buffer *const *outputs,
                           uint32_t *bad_output, struct gm_error *err)
{
    GM_TRY(check_args(exec, args, inputs, outputs, err));
    for (uint32_t iteration = 0; iteration < args->iterations; iteration++) {
        GM_TRY(write_made(exec, args, iteration, err));
        choose_buffers(exec, args, iteration, inputs, outputs);
        GM_TRY(exec->device->ops->run(exec->prepared, exec->inputs, exec->outputs, err));
        GM_TRY(copy_outputs(exec, err));
    }
    GM_TRY(exec->device->ops->wait(exec->device, err));
    return check_finite(exec, outputs, bad_output, err);
}
