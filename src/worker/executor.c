#include "worker/executor.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data/slice.h"
#include "trust/record.h"
#include "trust/root.h"
#include "worker/program_cache.h"
#include "worker/tensor_cache.h"

enum { FETCH_BYTES = 1 << 20 };

struct gm_executor {
    struct gm_device *device;
    struct gm_task_source source;
    struct gm_tensor_cache tensors;
    struct gm_program_cache programs;
    bool lying;
};

/* The buffers of one run. */
struct run {
    struct gm_executor *executor;
    const struct gm_task *task;
    struct gm_cached_program *program;
    struct gm_buffer **inputs;  /* owned when the input is a slice, else the cache's */
    struct gm_buffer **outputs; /* owned until they are in the cache */
    bool *held;                 /* input i holds a tensor of the cache */
};

/* ---- life ---- */

static bool tensor_spared(void *ctx)
{
    return gm_tensor_cache_drop_one(ctx);
}

enum gm_status gm_executor_new(struct gm_device *device, const struct gm_task_source *source,
                               struct gm_executor **out, struct gm_error *err)
{
    struct gm_executor *executor = gm_mem_new(1, sizeof *executor);
    if (executor == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    executor->device = device;
    executor->source = *source;
    gm_tensor_cache_init(&executor->tensors, device);
    gm_program_cache_init(&executor->programs, device);
    executor->programs.make_room = tensor_spared;
    executor->programs.make_room_ctx = &executor->tensors;
    *out = executor;
    return GM_OK;
}

void gm_executor_free(struct gm_executor *executor)
{
    if (executor == NULL)
        return;
    gm_program_cache_fini(&executor->programs);
    gm_tensor_cache_fini(&executor->tensors);
    gm_mem_free(executor);
}

/* ---- tensors in and out ---- */

static enum gm_status layout_of(const struct gm_tensor_desc *desc, struct gm_tile_layout *layout,
                                struct gm_error *err)
{
    return gm_tile_layout_init(layout, (uint32_t)gm_dtype_size_bytes(desc->dtype), desc->rank,
                               desc->dims, err);
}

/* Room on the device; programs that are not in use give way last. */
static enum gm_status buffer_make(struct gm_executor *executor, uint64_t size_bytes,
                                  struct gm_buffer **out, struct gm_error *err)
{
    for (;;) {
        enum gm_status status = gm_tensor_cache_buffer(&executor->tensors, size_bytes, out, err);
        if (status != GM_LIMIT && status != GM_NO_MEMORY)
            return status;
        if (!gm_program_cache_drop_one(&executor->programs))
            return status;
    }
}

/* Puts host bytes on the device and into the cache, held. */
static enum gm_status tensor_keep(struct gm_executor *executor, const struct gm_hash *root,
                                  const struct gm_tensor_desc *desc, const void *data,
                                  struct gm_error *err)
{
    struct gm_buffer *buffer;
    uint64_t size_bytes = gm_tensor_size_bytes(desc);
    GM_TRY(buffer_make(executor, size_bytes, &buffer, err));
    enum gm_status status = executor->device->ops->write(buffer, 0, data, size_bytes, err);
    if (status != GM_OK) {
        gm_tensor_cache_buffer_free(&executor->tensors, buffer);
        return status;
    }
    if (gm_tensor_cache_add(&executor->tensors, root, desc, buffer) != GM_OK)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    return GM_OK;
}

/* Blob bytes into row-major memory, and the proof that they have the name asked for. */
static enum gm_status tensor_read(struct gm_executor *executor, const struct gm_hash *root,
                                  const struct gm_tile_layout *layout, void *data,
                                  struct gm_error *err)
{
    uint8_t *piece = gm_mem_new(FETCH_BYTES, 1);
    if (piece == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    enum gm_status status = GM_OK;
    for (uint64_t at = 0; at < layout->blob_bytes && status == GM_OK; at += FETCH_BYTES) {
        uint64_t size = layout->blob_bytes - at;
        if (size > FETCH_BYTES)
            size = FETCH_BYTES;
        status = executor->source.read(executor->source.ctx, root, at, piece, size, err);
        if (status == GM_OK)
            status = gm_tile_unpack(layout, data, at, piece, size, err);
    }
    gm_mem_free(piece);
    if (status != GM_OK)
        return status;
    struct gm_hash found = gm_tensor_root(layout, data);
    if (!gm_hash_equal(&found, root))
        return gm_error_set(err, GM_UNTRUSTED, "a tensor's bytes do not have its name");
    return GM_OK;
}

static enum gm_status tensor_fetch(struct gm_executor *executor, const struct gm_hash *root,
                                   const struct gm_tensor_desc *desc, struct gm_error *err)
{
    struct gm_tile_layout layout;
    GM_TRY(layout_of(desc, &layout, err));
    void *data = gm_mem_new(layout.data_bytes, 1);
    if (data == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "a tensor of %llu bytes: not enough memory",
                            (unsigned long long)layout.data_bytes);
    enum gm_status status = tensor_read(executor, root, &layout, data, err);
    if (status == GM_OK)
        status = tensor_keep(executor, root, desc, data, err);
    gm_mem_free(data);
    return status;
}

enum gm_status gm_executor_hold(struct gm_executor *executor, const struct gm_hash *root,
                                const struct gm_tensor_desc *desc)
{
    struct gm_cached_tensor *entry = gm_tensor_cache_find(&executor->tensors, root, desc);
    if (entry == NULL)
        return GM_NOT_FOUND;
    entry->holds++;
    return GM_OK;
}

enum gm_status gm_executor_load(struct gm_executor *executor, const struct gm_hash *root,
                                const struct gm_tensor_desc *desc, struct gm_error *err)
{
    if (gm_executor_hold(executor, root, desc) == GM_OK)
        return GM_OK;
    return tensor_fetch(executor, root, desc, err);
}

void gm_executor_release(struct gm_executor *executor, const struct gm_hash *root,
                         const struct gm_tensor_desc *desc)
{
    gm_tensor_cache_release(&executor->tensors, root, desc);
}

enum gm_status gm_executor_put(struct gm_executor *executor, const struct gm_tensor *tensor,
                               struct gm_hash *root, struct gm_error *err)
{
    struct gm_tile_layout layout;
    GM_TRY(layout_of(&tensor->desc, &layout, err));
    *root = gm_tensor_root(&layout, tensor->data);
    GM_TRY(tensor_keep(executor, root, &tensor->desc, tensor->data, err));
    gm_executor_release(executor, root, &tensor->desc);
    return GM_OK;
}

enum gm_status gm_executor_get(struct gm_executor *executor, const struct gm_hash *root,
                               const struct gm_tensor_desc *desc, void *out, struct gm_error *err)
{
    struct gm_cached_tensor *entry = gm_tensor_cache_find(&executor->tensors, root, desc);
    if (entry == NULL)
        return gm_error_set(err, GM_NOT_FOUND, "the tensor is not kept on the device");
    return executor->device->ops->read(entry->buffer, 0, out, gm_tensor_size_bytes(desc), err);
}

enum gm_status gm_executor_read_blob(struct gm_executor *executor, const struct gm_hash *root,
                                     uint64_t offset_bytes, void *out, uint64_t size_bytes,
                                     struct gm_error *err)
{
    struct gm_cached_tensor *entry = gm_tensor_cache_find_root(&executor->tensors, root);
    struct gm_tile_layout layout;
    if (entry == NULL)
        return gm_error_set(err, GM_NOT_FOUND, "the tensor is not kept on the device");
    GM_TRY(layout_of(&entry->desc, &layout, err));
    if (offset_bytes > layout.blob_bytes || size_bytes > layout.blob_bytes - offset_bytes)
        return gm_error_set(err, GM_INVALID, "a range beyond the tensor's end");
    const void *host = executor->device->ops->host(entry->buffer);
    if (host != NULL) {
        gm_tile_pack(&layout, host, offset_bytes, out, size_bytes);
        return GM_OK;
    }
    void *copy = gm_mem_new(layout.data_bytes, 1);
    if (copy == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    enum gm_status status =
        executor->device->ops->read(entry->buffer, 0, copy, layout.data_bytes, err);
    if (status == GM_OK)
        gm_tile_pack(&layout, copy, offset_bytes, out, size_bytes);
    gm_mem_free(copy);
    return status;
}

/* ---- a run ---- */

static enum gm_status slice_load(struct run *run, uint32_t index, struct gm_error *err)
{
    struct gm_executor *executor = run->executor;
    const struct gm_tensor_desc *desc = &run->program->program->inputs[index].desc;
    uint64_t size_bytes = gm_tensor_size_bytes(desc);
    void *data = gm_mem_new(size_bytes, 1);
    if (data == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "a slice of %llu bytes: not enough memory",
                            (unsigned long long)size_bytes);
    struct gm_slice_reader reader = {executor->source.ctx, executor->source.data};
    enum gm_status status =
        gm_slice_read(&run->task->inputs[index].slice, &reader, desc, data, err);
    if (status == GM_OK)
        status = buffer_make(executor, size_bytes, &run->inputs[index], err);
    if (status == GM_OK)
        status = executor->device->ops->write(run->inputs[index], 0, data, size_bytes, err);
    gm_mem_free(data);
    return status;
}

/* Tells the source which tensors will be asked for. */
static enum gm_status inputs_announce(struct run *run, struct gm_error *err)
{
    struct gm_executor *executor = run->executor;
    if (executor->source.announce == NULL)
        return GM_OK;
    struct gm_hash *roots = gm_mem_new(run->task->input_count, sizeof *roots);
    if (roots == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    size_t count = 0;
    for (uint32_t i = 0; i < run->task->input_count; i++) {
        const struct gm_task_input *input = &run->task->inputs[i];
        if (input->kind == GM_TASK_INPUT_TENSOR &&
            gm_tensor_cache_find(&executor->tensors, &input->root,
                                 &run->program->program->inputs[i].desc) == NULL)
            roots[count++] = input->root;
    }
    enum gm_status status = executor->source.announce(executor->source.ctx, roots, count, err);
    gm_mem_free(roots);
    return status;
}

static enum gm_status inputs_load(struct run *run, struct gm_error *err)
{
    struct gm_executor *executor = run->executor;
    GM_TRY(inputs_announce(run, err));
    for (uint32_t i = 0; i < run->task->input_count; i++) {
        const struct gm_task_input *input = &run->task->inputs[i];
        const struct gm_tensor_desc *desc = &run->program->program->inputs[i].desc;
        if (input->kind == GM_TASK_INPUT_SLICE)
            GM_TRY(slice_load(run, i, err));
        if (input->kind != GM_TASK_INPUT_TENSOR)
            continue;
        GM_TRY(gm_executor_load(executor, &input->root, desc, err));
        run->held[i] = true;
    }
    /* Looked up when all are there: fetching may have moved the cache's entries. */
    for (uint32_t i = 0; i < run->task->input_count; i++) {
        if (run->held[i])
            run->inputs[i] = gm_tensor_cache_find(&executor->tensors, &run->task->inputs[i].root,
                                                  &run->program->program->inputs[i].desc)
                                 ->buffer;
    }
    return GM_OK;
}

static const struct gm_tensor_desc *output_desc(const struct run *run, uint32_t index)
{
    const struct gm_program *program = run->program->program;
    return &program->values[program->outputs[index].value];
}

static enum gm_status outputs_make(struct run *run, struct gm_error *err)
{
    for (uint32_t i = 0; i < run->program->program->output_count; i++)
        GM_TRY(buffer_make(run->executor, gm_tensor_size_bytes(output_desc(run, i)),
                           &run->outputs[i], err));
    return GM_OK;
}

static enum gm_status output_root(const struct run *run, uint32_t index, struct gm_hash *root,
                                  struct gm_error *err)
{
    const struct gm_device_ops *ops = run->executor->device->ops;
    struct gm_tile_layout layout;
    GM_TRY(layout_of(output_desc(run, index), &layout, err));
    const void *host = ops->host(run->outputs[index]);
    if (host != NULL) {
        *root = gm_tensor_root(&layout, host);
        return GM_OK;
    }
    void *copy = gm_mem_new(layout.data_bytes, 1);
    if (copy == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    enum gm_status status = ops->read(run->outputs[index], 0, copy, layout.data_bytes, err);
    if (status == GM_OK)
        *root = gm_tensor_root(&layout, copy);
    gm_mem_free(copy);
    return status;
}

/* Moves the output buffers into the cache, held; counts what it has taken over. */
static enum gm_status outputs_keep(struct run *run, struct gm_task_result *out,
                                   struct gm_error *err)
{
    uint32_t count = run->program->program->output_count;
    for (uint32_t i = 0; i < count; i++) {
        out->outputs[i].desc = *output_desc(run, i);
        GM_TRY(output_root(run, i, &out->outputs[i].root, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct gm_buffer *buffer = run->outputs[i];
        run->outputs[i] = NULL;
        if (gm_tensor_cache_add(&run->executor->tensors, &out->outputs[i].root,
                                &out->outputs[i].desc, buffer) != GM_OK)
            return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
        out->output_count = i + 1;
    }
    return GM_OK;
}

static enum gm_status roots_of_lists(struct run *run, struct gm_task_result *out,
                                     struct gm_error *err)
{
    GM_TRY(gm_task_inputs_root(run->task, run->program->program, &out->inputs_root));
    struct gm_record *records = gm_mem_new(out->output_count, sizeof *records);
    if (records == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    for (uint32_t i = 0; i < out->output_count; i++) {
        const struct gm_task_output *output = &out->outputs[i];
        records[i] = (struct gm_record){.output = i,
                                        .dtype = output->desc.dtype,
                                        .rank = output->desc.rank,
                                        .root = output->root};
        memcpy(records[i].dims, output->desc.dims, sizeof records[i].dims);
    }
    enum gm_status status =
        gm_tensor_list_root(records, out->output_count, &out->outputs_root, err);
    gm_mem_free(records);
    return status;
}

/* The drill of gm_executor_set_lying: one element of the last output with room for it, which in a
   gradient task is a gradient. */
static enum gm_status outputs_falsify(struct run *run, struct gm_error *err)
{
    static const float wrong = 0.125f;
    for (uint32_t i = run->program->program->output_count; i-- > 0;) {
        if (gm_tensor_size_bytes(output_desc(run, i)) >= 64)
            return run->executor->device->ops->write(run->outputs[i], 4, &wrong, sizeof wrong, err);
    }
    return GM_OK;
}

/* What is kept from task to task: as much as the largest task took in and gave out. So weights stay
   for the next shard, a house worker's optimizer state for the next update, and memory does not
   grow with the length of a job. */
static void cache_bound(struct run *run)
{
    const struct gm_program *program = run->program->program;
    struct gm_tensor_cache *cache = &run->executor->tensors;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < program->input_count; i++) {
        if (run->task->inputs[i].kind == GM_TASK_INPUT_TENSOR)
            bytes += gm_tensor_size_bytes(&program->inputs[i].desc);
    }
    for (uint32_t i = 0; i < program->output_count; i++)
        bytes += gm_tensor_size_bytes(output_desc(run, i));
    if (bytes > cache->bytes_max)
        cache->bytes_max = bytes;
}

static enum gm_status run_compute(struct run *run, struct gm_task_result *out, struct gm_error *err)
{
    const struct gm_task *task = run->task;
    cache_bound(run);
    GM_TRY(inputs_load(run, err));
    GM_TRY(outputs_make(run, err));
    struct gm_exec_args args = {task->seed, task->step, task->iterations};
    out->first_kernel_ns = gm_clock_monotonic_ns();
    enum gm_status status =
        gm_exec_run(run->program->exec, &args, run->inputs, run->outputs, &out->bad_output, err);
    out->busy_ns = gm_clock_monotonic_ns() - out->first_kernel_ns;
    out->diverged = status == GM_DIVERGED;
    if (status != GM_OK && status != GM_DIVERGED)
        return status;
    if (run->executor->lying)
        GM_TRY(outputs_falsify(run, err));
    GM_TRY(outputs_keep(run, out, err));
    GM_TRY(roots_of_lists(run, out, err));
    out->root_ns = gm_clock_monotonic_ns();
    if (!gm_u64_mul(run->program->flops, task->iterations, &out->flops))
        out->flops = UINT64_MAX;
    return GM_OK;
}

static enum gm_status run_init(struct run *run, struct gm_task_result *out, struct gm_error *err)
{
    const struct gm_program *program = run->program->program;
    GM_TRY(gm_task_check(run->task, program, err));
    run->inputs = gm_mem_new(program->input_count, sizeof(struct gm_buffer *));
    run->outputs = gm_mem_new(program->output_count, sizeof(struct gm_buffer *));
    run->held = gm_mem_new(program->input_count, sizeof *run->held);
    out->outputs = gm_mem_new(program->output_count, sizeof *out->outputs);
    if (run->inputs == NULL || run->outputs == NULL || run->held == NULL || out->outputs == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "executor: not enough memory");
    return GM_OK;
}

static void run_fini(struct run *run)
{
    const struct gm_program *program = run->program->program;
    for (uint32_t i = 0; run->held != NULL && i < program->input_count; i++) {
        if (run->held[i])
            gm_executor_release(run->executor, &run->task->inputs[i].root,
                                &program->inputs[i].desc);
        else if (run->inputs != NULL)
            gm_tensor_cache_buffer_free(&run->executor->tensors, run->inputs[i]);
    }
    for (uint32_t i = 0; run->outputs != NULL && i < program->output_count; i++)
        gm_tensor_cache_buffer_free(&run->executor->tensors, run->outputs[i]);
    gm_mem_free(run->inputs);
    gm_mem_free(run->outputs);
    gm_mem_free(run->held);
}

enum gm_status gm_executor_run(struct gm_executor *executor, const struct gm_task *task,
                               struct gm_task_result *out, struct gm_error *err)
{
    struct run run = {.executor = executor, .task = task};
    *out = (struct gm_task_result){0};
    GM_TRY(gm_program_cache_get(&executor->programs, &executor->source, &task->program,
                                &run.program, err));
    enum gm_status status = run_init(&run, out, err);
    if (status == GM_OK)
        status = run_compute(&run, out, err);
    run_fini(&run);
    if (status != GM_OK)
        gm_task_result_drop(executor, out);
    return status;
}

void gm_task_result_drop(struct gm_executor *executor, struct gm_task_result *result)
{
    for (uint32_t i = 0; i < result->output_count; i++)
        gm_executor_release(executor, &result->outputs[i].root, &result->outputs[i].desc);
    gm_mem_free(result->outputs);
    *result = (struct gm_task_result){0};
}

void gm_executor_set_lying(struct gm_executor *executor, bool lying)
{
    executor->lying = lying;
}

enum gm_status gm_executor_memory(struct gm_executor *executor, const struct gm_hash *program,
                                  struct gm_exec_memory *out, struct gm_error *err)
{
    struct gm_cached_program *entry;
    GM_TRY(gm_program_cache_get(&executor->programs, &executor->source, program, &entry, err));
    *out = gm_exec_memory(entry->exec);
    return GM_OK;
}
