/* Tasks and slices as data. */
#include "core/task.h"
#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

static struct gm_slice tokens(void)
{
    struct gm_slice slice = {
        .kind = GM_SLICE_TOKENS_X,
        .desc = gm_tensor_desc_make(GM_DTYPE_U16, 1, (uint64_t[]){1001}),
        .seq = 10,
        .samples_first = 5,
        .samples_total = 95,
        .position = 1000,
        .count = 4,
        .shuffle = true,
        .order_seed = UINT64_MAX,
    };
    memset(slice.root.bytes, 7, sizeof(slice.root.bytes));
    return slice;
}

static struct gm_program *program_of(struct gm_tensor_desc data)
{
    struct gm_builder *b = gm_builder_new();
    gm_value w = gm_builder_input(b, GM_SOURCE_TENSOR, "w",
                                  gm_tensor_desc_make(GM_DTYPE_F32, 1, (uint64_t[]){3}));
    gm_builder_output(b, "w", w);
    gm_builder_output(b, "x", gm_builder_input(b, GM_SOURCE_DATA, "x", data));
    gm_builder_input(b, GM_SOURCE_SEED, "seed",
                     gm_tensor_desc_make(GM_DTYPE_U32, 1, (uint64_t[]){2}));
    struct gm_program *program = NULL;
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    return program;
}

static struct gm_task task_of(void)
{
    struct gm_task task;
    cr_assert_eq(gm_task_init(&task, 3), GM_OK);
    task.seed = 99;
    task.step = 7;
    task.iterations = 2;
    memset(task.program.bytes, 1, sizeof(task.program.bytes));
    task.inputs[0].kind = GM_TASK_INPUT_TENSOR;
    memset(task.inputs[0].root.bytes, 2, sizeof(task.inputs[0].root.bytes));
    task.inputs[1].kind = GM_TASK_INPUT_SLICE;
    task.inputs[1].slice = tokens();
    return task;
}

static struct gm_buf encode(const struct gm_task *task)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_TASK_ENCODED_MAX);
    cr_assert_eq(gm_task_encode(task, &bytes), GM_OK);
    return bytes;
}

Test(task, comes_back_as_it_was_and_its_name_is_frozen)
{
    struct gm_task task = task_of();
    struct gm_buf bytes = encode(&task);
    struct gm_task again;
    struct gm_error err = {GM_OK, ""};
    cr_assert_eq(gm_task_decode(gm_buf_view(&bytes), &again, &err), GM_OK, "%s", err.text);
    cr_assert_eq(again.seed, 99);
    cr_assert_eq(again.step, 7);
    cr_assert_eq(again.iterations, 2);
    cr_assert_eq(again.input_count, 3);
    cr_assert_eq(again.inputs[2].kind, GM_TASK_INPUT_GENERATED);
    cr_assert_eq(again.inputs[1].slice.order_seed, UINT64_MAX);
    struct gm_buf second = encode(&again);
    cr_assert(gm_bytes_equal(gm_buf_view(&bytes), gm_buf_view(&second)));
    struct gm_hash hash;
    char hex[GM_HASH_HEX_SIZE];
    cr_assert_eq(gm_task_hash(&task, &hash), GM_OK);
    cr_assert_str_eq(gm_hash_hex(hex, &hash),
                     "c540e167425ad99c97e7f519cc2d0515d223e08db55230d8e1c6e0f21edd1c8f");
    gm_buf_fini(&bytes);
    gm_buf_fini(&second);
    gm_task_fini(&task);
    gm_task_fini(&again);
}

Test(task, flipped_bits_and_missing_ends_are_refused_or_mean_another_task)
{
    struct gm_task task = task_of();
    struct gm_buf bytes = encode(&task);
    for (size_t bit = 0; bit < 8 * bytes.size_bytes; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct gm_task other;
        if (gm_task_decode(gm_buf_view(&bytes), &other, NULL) == GM_OK) {
            struct gm_buf again = encode(&other);
            cr_assert(gm_bytes_equal(gm_buf_view(&bytes), gm_buf_view(&again)), "bit %zu", bit);
            gm_buf_fini(&again);
            gm_task_fini(&other);
        }
        bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t size = 0; size < bytes.size_bytes; size++) {
        struct gm_task other;
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, bytes.data, size);
        cr_assert_neq(gm_task_decode((struct gm_bytes){exact, size}, &other, NULL), GM_OK);
        free(exact);
    }
    gm_buf_fini(&bytes);
    gm_task_fini(&task);
}

static const char *slice_refusal(const struct gm_slice *slice)
{
    static struct gm_error err;
    err = (struct gm_error){GM_OK, ""};
    cr_assert_eq(gm_slice_check(slice, &err), GM_INVALID);
    return err.text;
}

Test(task, slices_stay_inside_their_data_set)
{
    struct gm_slice slice = tokens();
    cr_assert_eq(gm_slice_check(&slice, NULL), GM_OK);
    slice.desc.dims[0] = 1000; /* the last window has no token left to predict */
    cr_assert_str_eq(slice_refusal(&slice), "slice: 95 samples from 5, expected 1 or more within "
                                            "the 99 of the data set");
    slice = tokens();
    slice.samples_first = UINT64_MAX;
    slice_refusal(&slice);
    slice = tokens();
    slice.position = UINT64_MAX - 2;
    slice_refusal(&slice);
    slice = tokens();
    slice.count = UINT64_C(1) << 45;
    slice_refusal(&slice);
    slice = tokens();
    slice.seq = 0;
    cr_assert_str_eq(slice_refusal(&slice), "slice: seq 0, expected at least 1");
    slice.kind = GM_SLICE_ROWS;
    slice.samples_total = 996;
    cr_assert_eq(gm_slice_check(&slice, NULL), GM_OK);
    slice.samples_total = 997;
    slice_refusal(&slice);
}

static const char *task_refusal(const struct gm_task *task, const struct gm_program *program)
{
    static struct gm_error err;
    err = (struct gm_error){GM_OK, ""};
    cr_assert_eq(gm_task_check(task, program, &err), GM_INVALID);
    return err.text;
}

Test(task, inputs_must_be_what_the_program_reads)
{
    struct gm_program *program =
        program_of(gm_tensor_desc_make(GM_DTYPE_U32, 2, (uint64_t[]){4, 10}));
    struct gm_task task = task_of();
    cr_assert_eq(gm_task_check(&task, program, NULL), GM_OK);
    task.inputs[1].slice.count = 5;
    cr_assert_str_eq(task_refusal(&task, program),
                     "task: input x: the slice gives u32 (5, 10), the "
                     "program reads u32 (4, 10)");
    task.inputs[1].kind = GM_TASK_INPUT_TENSOR;
    cr_assert_str_eq(task_refusal(&task, program),
                     "task: input x: it is a tensor, the program reads a slice of data");
    task.iterations = 0;
    task_refusal(&task, program);
    task.iterations = 2;
    task.step = UINT32_MAX;
    task_refusal(&task, program);
    gm_program_free(program);
    gm_task_fini(&task);
    /* rows of bytes become numbers or indices */
    program = program_of(gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){4, 9}));
    task = task_of();
    task.inputs[1].slice = (struct gm_slice){
        .kind = GM_SLICE_ROWS,
        .desc = gm_tensor_desc_make(GM_DTYPE_U8, 2, (uint64_t[]){50, 9}),
        .samples_total = 50,
        .count = 4,
    };
    cr_assert_eq(gm_task_check(&task, program, NULL), GM_OK);
    task.inputs[1].slice.desc.dtype = GM_DTYPE_U16;
    cr_assert_str_eq(task_refusal(&task, program), "task: input x: the slice gives u16 (4, 9), the "
                                                   "program reads f32 (4, 9)");
    gm_program_free(program);
    gm_task_fini(&task);
}

Test(task, the_inputs_root_sees_every_input)
{
    struct gm_program *program =
        program_of(gm_tensor_desc_make(GM_DTYPE_U32, 2, (uint64_t[]){4, 10}));
    struct gm_task task = task_of();
    struct gm_hash first;
    struct gm_hash other;
    cr_assert_eq(gm_task_inputs_root(&task, program, &first), GM_OK);
    task.inputs[0].root.bytes[31] ^= 1;
    cr_assert_eq(gm_task_inputs_root(&task, program, &other), GM_OK);
    cr_assert(!gm_hash_equal(&first, &other));
    task.inputs[0].root.bytes[31] ^= 1;
    task.inputs[1].slice.position++;
    cr_assert_eq(gm_task_inputs_root(&task, program, &other), GM_OK);
    cr_assert(!gm_hash_equal(&first, &other));
    task.inputs[1].slice.position--;
    cr_assert_eq(gm_task_inputs_root(&task, program, &other), GM_OK);
    cr_assert(gm_hash_equal(&first, &other));
    gm_program_free(program);
    gm_task_fini(&task);
}
