/* What a device and the runner of programs promise besides bits: memory that is counted, inputs
   that stay, iterations that carry, and refusals that say why. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "kit.h"

#define DIMS(...)                                                                                  \
    (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)), (uint64_t[])                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static gm_value input(struct gm_builder *b, enum gm_source source, const char *name,
                      enum gm_dtype dtype, uint64_t count)
{
    return gm_builder_input(b, source, name, gm_tensor_desc_make(dtype, 1, &count));
}

static struct gm_program *finish(struct gm_builder *b)
{
    struct gm_program *program = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_builder_finish(b, &program, &err), GM_OK, "%s", err.text);
    return program;
}

/* x' = x + 1 and count' = count + step: two carries, and one output that is not carried. */
static struct gm_program *carrying_program(void)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = input(b, GM_SOURCE_TENSOR, "x", GM_DTYPE_F32, 3);
    gm_value count = input(b, GM_SOURCE_TENSOR, "count", GM_DTYPE_U32, 1);
    gm_value step = input(b, GM_SOURCE_STEP, "step", GM_DTYPE_U32, 1);
    uint64_t one = gm_attr_from_f32(1), three = 3;
    gm_value ones = gm_builder_node(b, GM_OP_FILL, 0, NULL, &one, 1, &three);
    gm_value x1 = gm_builder_node(b, GM_OP_ADD, 2, (gm_value[]){x, ones}, NULL, 0, NULL);
    gm_value count1 = gm_builder_node(b, GM_OP_ADD, 2, (gm_value[]){count, step}, NULL, 0, NULL);
    gm_builder_output(b, "x", x1);
    gm_builder_output(b, "count", count1);
    gm_builder_output(b, "before", x);
    gm_builder_output(b, "again", x1);
    gm_builder_carry(b, 0, 0);
    gm_builder_carry(b, 1, 1);
    return finish(b);
}

Test(exec, iterations_carry_and_leave_the_inputs_alone)
{
    struct gm_device *device = kit_open(NULL, 1);
    struct gm_program *program = carrying_program();
    float x[3] = {1, 2, 3};
    uint32_t count = 100;
    struct gm_tensor inputs[2] = {{program->inputs[0].desc, x}, {program->inputs[1].desc, &count}};
    for (uint32_t iterations = 1; iterations <= 4; iterations++) {
        struct gm_exec_args args = {.iterations = iterations, .step = 10};
        struct gm_tensor outputs[4];
        struct gm_error err = {0};
        cr_assert_eq(kit_run(device, program, &args, inputs, outputs, &err), GM_OK, "%s", err.text);
        const float *after = outputs[0].data, *before = outputs[2].data, *again = outputs[3].data;
        uint32_t steps = 0;
        for (uint32_t i = 0; i < iterations; i++)
            steps += 10 + i;
        for (int i = 0; i < 3; i++) {
            cr_assert_float_eq(after[i], x[i] + (float)iterations, 0.0f);
            cr_assert_float_eq(before[i], x[i] + (float)iterations - 1, 0.0f);
            cr_assert_float_eq(again[i], after[i], 0.0f);
        }
        cr_assert_eq(*(const uint32_t *)outputs[1].data, 100 + steps);
        for (int j = 0; j < 4; j++)
            gm_mem_free(outputs[j].data);
    }
    cr_assert_eq(count, 100);
    gm_program_free(program);
    device->ops->close(device);
}

/* With as many bytes as gm_exec_memory says the program runs, with one less it does not. */
Test(exec, memory_is_exactly_what_it_says)
{
    struct gm_program *program = carrying_program();
    struct gm_device *roomy = kit_open(NULL, 2);
    struct gm_exec *exec = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_exec_new(roomy, program, &exec, &err), GM_OK, "%s", err.text);
    struct gm_exec_memory memory = gm_exec_memory(exec);
    gm_exec_free(exec);
    roomy->ops->close(roomy);
    cr_assert_eq(memory.input_bytes, 12 + 4 + 4);
    cr_assert_eq(memory.output_bytes, 12 + 4 + 12 + 12);

    uint64_t total =
        memory.arena_bytes + memory.input_bytes + memory.output_bytes + memory.overhead_bytes;
    for (uint64_t missing = 0; missing < 2; missing++) {
        struct gm_device_options options = {.thread_count = 2, .memory_bytes_max = total - missing};
        struct gm_device *device = NULL;
        cr_assert_eq(gm_device_open("cpu", &options, &device, &err), GM_OK, "%s", err.text);
        struct gm_buffer *buffers[6] = {NULL};
        static const uint64_t sizes[6] = {12, 4, 12, 4, 12, 12};
        enum gm_status status = gm_exec_new(device, program, &exec, &err);
        for (int i = 0; status == GM_OK && i < 6; i++)
            status = device->ops->buffer_new(device, sizes[i], &buffers[i], &err);
        cr_assert_eq(status, missing == 0 ? GM_OK : GM_LIMIT, "%s", err.text);
        for (int i = 0; i < 6; i++)
            device->ops->buffer_free(buffers[i]);
        gm_exec_free(exec);
        exec = NULL;
        device->ops->close(device);
    }
    gm_program_free(program);
}

Test(exec, the_seed_is_an_input)
{
    struct gm_builder *b = gm_builder_new();
    gm_value seed = input(b, GM_SOURCE_SEED, "seed", GM_DTYPE_U32, 2);
    gm_value iteration = input(b, GM_SOURCE_ITERATION, "iteration", GM_DTYPE_U32, 1);
    uint64_t attrs[] = {1, gm_attr_from_f32(0), gm_attr_from_f32(1)}, dims[] = {5};
    gm_builder_output(b, "seed", seed);
    gm_builder_output(b, "iteration", iteration);
    gm_builder_output(b, "noise",
                      gm_builder_node(b, GM_OP_RANDOM_UNIFORM, 1, &seed, attrs, 1, dims));
    struct gm_program *program = finish(b);
    struct gm_device *device = kit_open(NULL, 1);
    struct gm_tensor outputs[3];
    struct gm_exec_args args = {.iterations = 3, .seed = UINT64_C(0x1122334455667788)};
    struct gm_error err = {0};
    cr_assert_eq(kit_run(device, program, &args, NULL, outputs, &err), GM_OK, "%s", err.text);
    const uint32_t *words = outputs[0].data;
    cr_assert_eq(words[0], 0x55667788);
    cr_assert_eq(words[1], 0x11223344);
    cr_assert_eq(*(const uint32_t *)outputs[1].data, 2);
    for (int j = 0; j < 3; j++)
        gm_mem_free(outputs[j].data);
    gm_program_free(program);
    device->ops->close(device);
}

Test(exec, a_nan_or_infinity_is_a_result_that_diverged)
{
    struct gm_builder *b = gm_builder_new();
    gm_value x = input(b, GM_SOURCE_TENSOR, "x", GM_DTYPE_F32, 2000);
    gm_builder_output(b, "fine", gm_builder_node(b, GM_OP_RELU, 1, &x, NULL, 0, NULL));
    uint64_t factor = gm_attr_from_f32(3e38f);
    gm_builder_output(b, "scaled", gm_builder_node(b, GM_OP_SCALE, 1, &x, &factor, 0, NULL));
    struct gm_program *program = finish(b);
    struct gm_device *device = kit_open(NULL, 1);
    float x_data[2000] = {0};
    struct gm_tensor inputs[1] = {{program->inputs[0].desc, x_data}}, outputs[2];
    struct gm_exec_args args = {.iterations = 1};
    for (int hot = 0; hot < 2; hot++) {
        x_data[1777] = hot ? 4.0f : 0.5f;
        struct gm_error err = {0};
        enum gm_status status = kit_run(device, program, &args, inputs, outputs, &err);
        cr_assert_eq(status, hot ? GM_DIVERGED : GM_OK);
        cr_assert(!hot || strstr(err.text, "scaled") != NULL, "%s", err.text);
        cr_assert_eq(isinf(((const float *)outputs[1].data)[1777]) != 0, hot);
        gm_mem_free(outputs[0].data);
        gm_mem_free(outputs[1].data);
    }
    gm_program_free(program);
    device->ops->close(device);
}

static struct gm_program *lookup_program(void)
{
    struct gm_builder *b = gm_builder_new();
    gm_value table = gm_builder_input(b, GM_SOURCE_TENSOR, "table",
                                      gm_tensor_desc_make(GM_DTYPE_F32, DIMS(7, 2)));
    gm_value ids = input(b, GM_SOURCE_DATA, "ids", GM_DTYPE_U32, 4);
    gm_value target = input(b, GM_SOURCE_DATA, "target", GM_DTYPE_U32, 4);
    gm_value x = gm_builder_node(b, GM_OP_EMBEDDING, 2, (gm_value[]){table, ids}, NULL, 0, NULL);
    gm_value loss =
        gm_builder_node(b, GM_OP_CROSS_ENTROPY, 2, (gm_value[]){x, target}, NULL, 0, NULL);
    gm_builder_output(b, "loss", loss);
    return finish(b);
}

Test(exec, indices_beyond_their_table_are_refused_by_value_and_position)
{
    struct gm_device *device = kit_open(NULL, 1);
    struct gm_program *program = lookup_program();
    static const struct {
        uint32_t ids[4], target[4];
        const char *says[2]; /* NULL: accepted */
    } cases[] = {
        {{0, 6, 3, 1}, {0, 1, UINT32_MAX, 1}, {NULL, NULL}},
        {{0, 6, 7, 1}, {0, 1, 0, 1}, {"index 7 ", "position 2 "}},
        {{0, UINT32_MAX, 1, 1}, {0, 1, 0, 1}, {"index 4294967295 ", "position 1 "}},
        {{0, 6, 3, 1}, {0, 1, 1, 2}, {"index 2 ", "position 3 "}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float table[14] = {1, 2, 3};
        uint32_t ids[4], target[4];
        memcpy(ids, cases[i].ids, sizeof ids);
        memcpy(target, cases[i].target, sizeof target);
        struct gm_tensor inputs[3] = {{program->inputs[0].desc, table},
                                      {program->inputs[1].desc, ids},
                                      {program->inputs[2].desc, target}};
        struct gm_tensor outputs[1];
        struct gm_exec_args args = {.iterations = 1};
        struct gm_error err = {0};
        enum gm_status status = kit_run(device, program, &args, inputs, outputs, &err);
        cr_assert_eq(status, cases[i].says[0] == NULL ? GM_OK : GM_INVALID, "%s", err.text);
        for (int k = 0; cases[i].says[0] != NULL && k < 2; k++)
            cr_assert_not_null(strstr(err.text, cases[i].says[k]), "%s", err.text);
        gm_mem_free(outputs[0].data);
    }
    gm_program_free(program);
    device->ops->close(device);
}

Test(exec, wrong_sizes_and_steps_are_refused)
{
    struct gm_device *device = kit_open(NULL, 1);
    struct gm_program *program = lookup_program();
    struct gm_exec *exec = NULL;
    cr_assert_eq(gm_exec_new(device, program, &exec, NULL), GM_OK);
    struct gm_buffer *small = NULL, *in[3] = {NULL}, *out[1] = {NULL};
    cr_assert_eq(device->ops->buffer_new(device, 8, &small, NULL), GM_OK);
    for (int i = 0; i < 3; i++)
        in[i] = small;
    out[0] = small;
    struct gm_error err = {0};
    struct gm_exec_args args = {.iterations = 1};
    cr_assert_eq(gm_exec_run(exec, &args, in, out, NULL, &err), GM_INVALID);
    cr_assert_str_eq(err.text, "input table has 8 bytes, expected 56");
    args = (struct gm_exec_args){.iterations = 0};
    cr_assert_eq(gm_exec_run(exec, &args, in, out, NULL, &err), GM_INVALID);
    args = (struct gm_exec_args){.iterations = 2, .step = UINT32_MAX};
    cr_assert_eq(gm_exec_run(exec, &args, in, out, NULL, &err), GM_INVALID);
    device->ops->buffer_free(small);
    gm_exec_free(exec);
    gm_program_free(program);
    device->ops->close(device);
}

Test(device, buffers_are_zeroed_aligned_and_counted)
{
    struct gm_device_options options = {.thread_count = 1, .memory_bytes_max = 4 << 20};
    struct gm_device *device = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_device_open(NULL, &options, &device, &err), GM_OK, "%s", err.text);
    for (int round = 0; round < 3; round++) {
        struct gm_buffer *large = NULL, *small = NULL, *none = NULL;
        cr_assert_eq(device->ops->buffer_new(device, (4 << 20) - 100, &large, &err), GM_OK);
        cr_assert_eq(device->ops->buffer_new(device, 100, &small, &err), GM_OK);
        cr_assert_eq(device->ops->buffer_new(device, 1, &none, &err), GM_LIMIT);
        cr_assert_not_null(strstr(err.text, "1 bytes"), "%s", err.text);
        const unsigned char *bytes = device->ops->host(large);
        cr_assert_eq((uintptr_t)bytes % 64, 0);
        for (size_t i = 0; i < large->size_bytes; i++)
            cr_assert_eq(bytes[i], 0);
        cr_assert_eq(device->ops->write(large, large->size_bytes - 4, "abc", 4, &err), GM_OK);
        char back[4];
        cr_assert_eq(device->ops->read(large, large->size_bytes - 4, back, 4, &err), GM_OK);
        cr_assert_str_eq(back, "abc");
        device->ops->buffer_free(small);
        device->ops->buffer_free(large);
    }
    device->ops->close(device);
}

Test(device, more_memory_than_exists_is_refused_not_taken)
{
    struct gm_device_options options = {.thread_count = 1, .memory_bytes_max = UINT64_MAX};
    struct gm_device *device = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_device_open("cpu", &options, &device, &err), GM_OK, "%s", err.text);
    struct gm_buffer *buffer = NULL;
    cr_assert_eq(device->ops->buffer_new(device, UINT64_C(1) << 60, &buffer, &err), GM_NO_MEMORY);
    cr_assert_eq(device->ops->buffer_new(device, UINT64_MAX - 5, &buffer, &err), GM_NO_MEMORY);
    device->ops->close(device);
}

Test(device, unknown_names_are_refused_with_what_there_is)
{
    struct gm_device *device = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_device_open("abacus", NULL, &device, &err), GM_NOT_FOUND);
    struct gm_device_options options = {.level = "mmx"};
    cr_assert_eq(gm_device_open("cpu", &options, &device, &err), GM_UNAVAILABLE);
    cr_assert_not_null(strstr(err.text, "reference, scalar"), "%s", err.text);
}

Test(device, the_probe_finds_this_processor)
{
    struct gm_device_list list;
    struct gm_buf notes;
    gm_buf_init(&notes, 1000);
    cr_assert_eq(gm_backend_probe_all(&list, &notes, NULL), GM_OK);
    cr_assert_ge(list.count, 1);
    cr_assert_str_eq(list.devices[0].backend, "cpu");
    cr_assert_ge(list.devices[0].thread_count, 1);
    cr_assert_gt(list.devices[0].memory_bytes, 1 << 20);
    gm_buf_fini(&notes);
}
