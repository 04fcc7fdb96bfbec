/* A task beside its program: whether they agree, and the root of what goes in. */
#include "core/task.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "trust/blake3.h"
#include "trust/record.h"

#define SLICE_CONTEXT "gradmill 2026-11-22 data slice 1"

/* What the slice becomes in this input: src/data/slice.h. */
static struct gm_tensor_desc slice_result(const struct gm_slice *slice, enum gm_dtype wanted)
{
    struct gm_tensor_desc result = slice->desc;
    result.dims[0] = slice->count;
    if (slice->kind == GM_SLICE_ROWS) {
        if (slice->desc.dtype == GM_DTYPE_U8 && (wanted == GM_DTYPE_F32 || wanted == GM_DTYPE_U32))
            result.dtype = wanted;
        return result;
    }
    result.dtype = GM_DTYPE_U32;
    result.rank = 2;
    result.dims[1] = slice->seq;
    return result;
}

static enum gm_status check_slice(const struct gm_slice *slice, const struct gm_input *input,
                                  struct gm_error *err)
{
    GM_TRY(gm_slice_check(slice, err));
    struct gm_tensor_desc result = slice_result(slice, input->desc.dtype);
    if (gm_tensor_desc_equal(&result, &input->desc))
        return GM_OK;
    char have[GM_TENSOR_TEXT_CHARS];
    char want[GM_TENSOR_TEXT_CHARS];
    return gm_error_set(err, GM_INVALID, "the slice gives %s, the program reads %s",
                        gm_tensor_desc_text(have, &result),
                        gm_tensor_desc_text(want, &input->desc));
}

static enum gm_task_input_kind kind_of(enum gm_source source)
{
    switch (source) {
    case GM_SOURCE_TENSOR:
        return GM_TASK_INPUT_TENSOR;
    case GM_SOURCE_DATA:
        return GM_TASK_INPUT_SLICE;
    default:
        return GM_TASK_INPUT_GENERATED;
    }
}

static enum gm_status check_input(const struct gm_task_input *given, const struct gm_input *input,
                                  struct gm_error *err)
{
    static const char *const KINDS[] = {"generated", "a tensor", "a slice of data"};
    enum gm_task_input_kind kind = kind_of(input->source);
    if (given->kind != kind)
        return gm_error_set(err, GM_INVALID, "it is %s, the program reads %s", KINDS[given->kind],
                            KINDS[kind]);
    return kind == GM_TASK_INPUT_SLICE ? check_slice(&given->slice, input, err) : GM_OK;
}

enum gm_status gm_task_check(const struct gm_task *task, const struct gm_program *program,
                             struct gm_error *err)
{
    if (task->input_count != program->input_count)
        return gm_error_set(err, GM_INVALID,
                            "task: %" PRIu32 " inputs, expected the program's %" PRIu32,
                            task->input_count, program->input_count);
    if (task->iterations == 0 || task->iterations - 1 > UINT32_MAX - task->step)
        return gm_error_set(err, GM_INVALID,
                            "task: %" PRIu32 " iterations from step %" PRIu32
                            ", expected 1 or more and steps below 2^32",
                            task->iterations, task->step);
    for (uint32_t i = 0; i < task->input_count; i++) {
        enum gm_status status = check_input(&task->inputs[i], &program->inputs[i], err);
        if (status != GM_OK)
            return gm_error_at(err, status, "task: input %s", program->inputs[i].name);
    }
    return GM_OK;
}

static enum gm_status slice_hash(const struct gm_slice *slice, struct gm_hash *hash)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_TASK_ENCODED_MAX);
    gm_slice_encode(slice, &bytes);
    enum gm_status status = bytes.status;
    if (status == GM_OK)
        *hash = gm_blake3_derive(SLICE_CONTEXT, bytes.data, bytes.size_bytes);
    gm_buf_fini(&bytes);
    return status;
}

static enum gm_status make_records(const struct gm_task *task, const struct gm_program *program,
                                   struct gm_record *records)
{
    for (uint32_t i = 0; i < task->input_count; i++) {
        const struct gm_tensor_desc *desc = &program->inputs[i].desc;
        records[i] = (struct gm_record){.output = i, .dtype = desc->dtype, .rank = desc->rank};
        memcpy(records[i].dims, desc->dims, sizeof(records[i].dims));
        if (task->inputs[i].kind == GM_TASK_INPUT_TENSOR)
            records[i].root = task->inputs[i].root;
        else if (task->inputs[i].kind == GM_TASK_INPUT_SLICE)
            GM_TRY(slice_hash(&task->inputs[i].slice, &records[i].root));
    }
    return GM_OK;
}

enum gm_status gm_task_inputs_root(const struct gm_task *task, const struct gm_program *program,
                                   struct gm_hash *root)
{
    if (task->input_count != program->input_count)
        return GM_INVALID;
    struct gm_record *records = gm_mem_new(task->input_count, sizeof(*records));
    if (records == NULL)
        return GM_NO_MEMORY;
    enum gm_status status = make_records(task, program, records);
    if (status == GM_OK)
        status = gm_tensor_list_root(records, task->input_count, root, NULL);
    gm_mem_free(records);
    return status;
}
