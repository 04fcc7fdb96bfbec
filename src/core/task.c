#include "core/task.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "core/format.h"
#include "trust/blake3.h"

/* Keys of a task's map. Stable. */
enum {
    KEY_VERSION = 1,
    KEY_PROFILE = 2,
    KEY_PROGRAM = 3,
    KEY_SEED = 4,
    KEY_STEP = 5,
    KEY_ITERATIONS = 6,
    KEY_INPUTS = 7,
    KEY_LIMIT
};

enum gm_status gm_task_init(struct gm_task *task, uint32_t input_count)
{
    *task = (struct gm_task){.iterations = 1, .input_count = input_count};
    task->inputs = gm_mem_new(input_count, sizeof(task->inputs[0]));
    return task->inputs != NULL ? GM_OK : GM_NO_MEMORY;
}

void gm_task_fini(struct gm_task *task)
{
    gm_mem_free(task->inputs);
    *task = (struct gm_task){0};
}

/* null, the root's bytes, or the slice's map: what it is shows by its type. */
static void put_input(struct gm_buf *out, const struct gm_task_input *input)
{
    switch (input->kind) {
    case GM_TASK_INPUT_GENERATED:
        gm_cbor_put_null(out);
        break;
    case GM_TASK_INPUT_TENSOR:
        gm_cbor_put_bytes(out, input->root.bytes, sizeof(input->root.bytes));
        break;
    case GM_TASK_INPUT_SLICE:
        gm_slice_encode(&input->slice, out);
        break;
    }
}

enum gm_status gm_task_encode(const struct gm_task *task, struct gm_buf *out)
{
    size_t start_bytes = out->size_bytes;
    gm_cbor_put_map(out, KEY_LIMIT - 1);
    gm_cbor_put_u64(out, KEY_VERSION);
    gm_cbor_put_u64(out, GM_TASK_FORMAT);
    gm_cbor_put_u64(out, KEY_PROFILE);
    gm_cbor_put_text(out, GM_PROFILE_EXACT_F32);
    gm_cbor_put_u64(out, KEY_PROGRAM);
    gm_cbor_put_bytes(out, task->program.bytes, sizeof(task->program.bytes));
    gm_cbor_put_u64(out, KEY_SEED);
    gm_cbor_put_u64(out, task->seed);
    gm_cbor_put_u64(out, KEY_STEP);
    gm_cbor_put_u64(out, task->step);
    gm_cbor_put_u64(out, KEY_ITERATIONS);
    gm_cbor_put_u64(out, task->iterations);
    gm_cbor_put_u64(out, KEY_INPUTS);
    gm_cbor_put_array(out, task->input_count);
    for (uint32_t i = 0; i < task->input_count; i++)
        put_input(out, &task->inputs[i]);
    if (out->status == GM_OK && out->size_bytes - start_bytes > GM_TASK_ENCODED_MAX)
        return GM_LIMIT;
    return out->status;
}

static enum gm_status read_number(struct gm_cbor_reader *reader, int64_t key, const char *field,
                                  uint64_t max, uint64_t *out)
{
    GM_TRY(gm_cbor_map_key(reader, key, field));
    return gm_cbor_read_u64_max(reader, field, max, out);
}

static enum gm_status read_head(struct gm_cbor_reader *reader, struct gm_task *task,
                                struct gm_error *err)
{
    uint64_t version;
    uint64_t step;
    uint64_t iterations;
    char profile[32];
    GM_TRY(read_number(reader, KEY_VERSION, "version", UINT64_MAX, &version));
    if (version != GM_TASK_FORMAT)
        return gm_error_set(err, GM_UNSUPPORTED, "format version %" PRIu64 ", expected %d", version,
                            GM_TASK_FORMAT);
    GM_TRY(gm_cbor_map_key(reader, KEY_PROFILE, "profile"));
    GM_TRY(gm_cbor_read_string(reader, "profile", profile, sizeof(profile)));
    if (strcmp(profile, GM_PROFILE_EXACT_F32) != 0)
        return gm_error_set(err, GM_UNSUPPORTED, "unknown profile, expected %s",
                            GM_PROFILE_EXACT_F32);
    GM_TRY(gm_cbor_map_key(reader, KEY_PROGRAM, "program"));
    GM_TRY(gm_cbor_read_exact(reader, "program", task->program.bytes, sizeof(task->program.bytes)));
    GM_TRY(read_number(reader, KEY_SEED, "seed", UINT64_MAX, &task->seed));
    GM_TRY(read_number(reader, KEY_STEP, "step", UINT32_MAX, &step));
    GM_TRY(read_number(reader, KEY_ITERATIONS, "iterations", UINT32_MAX, &iterations));
    task->step = (uint32_t)step;
    task->iterations = (uint32_t)iterations;
    return GM_OK;
}

static enum gm_status read_input(struct gm_cbor_reader *reader, struct gm_task_input *input)
{
    switch (gm_cbor_peek(reader)) {
    case GM_CBOR_SIMPLE:
        input->kind = GM_TASK_INPUT_GENERATED;
        return gm_cbor_read_null(reader, "input");
    case GM_CBOR_MAP:
        input->kind = GM_TASK_INPUT_SLICE;
        return gm_slice_decode(reader, &input->slice);
    default:
        input->kind = GM_TASK_INPUT_TENSOR;
        return gm_cbor_read_exact(reader, "input", input->root.bytes, sizeof(input->root.bytes));
    }
}

static enum gm_status read_inputs(struct gm_cbor_reader *reader, struct gm_task *task,
                                  struct gm_error *err)
{
    uint64_t count;
    GM_TRY(gm_cbor_map_key(reader, KEY_INPUTS, "inputs"));
    GM_TRY(gm_cbor_array_begin(reader, "inputs", &count));
    if (count > GM_PROGRAM_INPUTS_MAX)
        return gm_error_set(err, GM_LIMIT, "%" PRIu64 " inputs, expected at most %d", count,
                            GM_PROGRAM_INPUTS_MAX);
    task->inputs = gm_mem_new((size_t)count, sizeof(task->inputs[0]));
    if (task->inputs == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for %" PRIu64 " inputs", count);
    task->input_count = (uint32_t)count;
    for (uint32_t i = 0; i < task->input_count; i++)
        GM_TRY(read_input(reader, &task->inputs[i]));
    return gm_cbor_end(reader);
}

static enum gm_status read_task(struct gm_cbor_reader *reader, struct gm_task *task,
                                struct gm_error *err)
{
    GM_TRY(gm_cbor_map_begin(reader, "map", NULL));
    GM_TRY(read_head(reader, task, err));
    GM_TRY(read_inputs(reader, task, err));
    GM_TRY(gm_cbor_end(reader));
    return gm_cbor_read_done(reader);
}

enum gm_status gm_task_decode(struct gm_bytes bytes, struct gm_task *out, struct gm_error *err)
{
    if (bytes.size_bytes > GM_TASK_ENCODED_MAX)
        return gm_error_set(err, GM_LIMIT, "task: %zu bytes, expected at most %d", bytes.size_bytes,
                            GM_TASK_ENCODED_MAX);
    struct gm_task task = {0};
    struct gm_cbor_reader reader;
    gm_cbor_reader_init(&reader, bytes, err);
    enum gm_status status = read_task(&reader, &task, err);
    if (status != GM_OK) {
        gm_task_fini(&task);
        return gm_error_at(err, status, "task");
    }
    *out = task;
    return GM_OK;
}

enum gm_status gm_task_hash(const struct gm_task *task, struct gm_hash *hash)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_TASK_ENCODED_MAX);
    enum gm_status status = gm_task_encode(task, &bytes);
    if (status == GM_OK)
        *hash = gm_blake3(bytes.data, bytes.size_bytes);
    gm_buf_fini(&bytes);
    return status;
}
