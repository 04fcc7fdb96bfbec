/* The executor on the CPU device: what it computes is what the numbers say, its memory keeps to
   its limit, and it believes no source. */
#include "gm_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/registry.h"
#include "base/mem.h"
#include "blobs.h"
#include "trust/record.h"
#include "trust/root.h"

enum { ROWS = 24, INNER = 20, COLS = 33 };

struct bench {
    struct blobs blobs;
    struct gm_device *device;
    struct gm_executor *executor;
};

static void bench_open(struct bench *bench, uint64_t memory_bytes_max)
{
    struct gm_error err = {.status = GM_OK};
    struct gm_device_options options = {.thread_count = 1, .memory_bytes_max = memory_bytes_max};
    enum gm_status status = gm_device_open("cpu", &options, &bench->device, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    struct gm_task_source source = blobs_source(&bench->blobs);
    status = gm_executor_new(bench->device, &source, &bench->executor, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
}

/* The device asserts that nothing of it is left. */
static void bench_close(struct bench *bench)
{
    gm_executor_free(bench->executor);
    bench->device->ops->close(bench->device);
}

/* ---- programs ---- */

/* product = x . w, doubled = product * 2 */
static struct gm_hash program_product(struct blobs *blobs)
{
    struct gm_builder *b = gm_builder_new();
    struct gm_program *program = NULL;
    const float two = 2.0f;
    uint32_t bits;
    memcpy(&bits, &two, sizeof bits);
    gm_value x = gm_builder_input(b, GM_SOURCE_TENSOR, "x", shape_f32(ROWS, INNER));
    gm_value w = gm_builder_input(b, GM_SOURCE_TENSOR, "w", shape_f32(INNER, COLS));
    gm_value y =
        gm_builder_node(b, GM_OP_MATMUL, 2, (gm_value[]){x, w}, (uint64_t[]){0, 0, 0}, 0, NULL);
    gm_value z = gm_builder_node(b, GM_OP_SCALE, 1, &y, (uint64_t[]){bits}, 0, NULL);
    gm_builder_output(b, "product", y);
    gm_builder_output(b, "doubled", z);
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    return blobs_put_program(blobs, program);
}

/* y = (x op x) * factor; the factor makes programs differ */
static struct gm_hash program_of_factor(struct blobs *blobs, enum gm_op op, float factor,
                                        enum gm_source source, uint64_t rows, uint64_t cols)
{
    struct gm_builder *b = gm_builder_new();
    struct gm_program *program = NULL;
    uint32_t bits;
    memcpy(&bits, &factor, sizeof bits);
    gm_value x = gm_builder_input(b, source, "x", shape_f32(rows, cols));
    gm_value s = gm_builder_node(b, op, 2, (gm_value[]){x, x}, NULL, 0, NULL);
    gm_value y = gm_builder_node(b, GM_OP_SCALE, 1, &s, (uint64_t[]){bits}, 0, NULL);
    gm_builder_output(b, "y", y);
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    return blobs_put_program(blobs, program);
}

/* ---- tasks ---- */

static void fill(float *data, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (float)(int32_t)seed * 0x1p-31f;
    }
}

static struct gm_hash tensor_put(struct blobs *blobs, uint64_t rows, uint64_t cols, uint32_t seed)
{
    struct gm_tensor_desc desc = shape_f32(rows, cols);
    float *data = gm_mem_new(rows * cols, sizeof *data);
    cr_assert_not_null(data);
    fill(data, rows * cols, seed);
    struct gm_hash root = blobs_put_tensor(blobs, &desc, data);
    gm_mem_free(data);
    return root;
}

static struct gm_task task_make(const struct gm_hash *program, const struct gm_hash *roots,
                                uint32_t count)
{
    struct gm_task task;
    cr_assert_eq(gm_task_init(&task, count), GM_OK);
    task.program = *program;
    task.iterations = 1;
    for (uint32_t i = 0; i < count; i++) {
        task.inputs[i].kind = GM_TASK_INPUT_TENSOR;
        task.inputs[i].root = roots[i];
    }
    return task;
}

/* The roots of the outputs; drops the result. */
static void run(struct bench *bench, const struct gm_task *task, struct gm_hash *roots)
{
    struct gm_task_result result;
    struct gm_error err = {.status = GM_OK};
    enum gm_status status = gm_executor_run(bench->executor, task, &result, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    for (uint32_t i = 0; i < result.output_count; i++)
        roots[i] = result.outputs[i].root;
    gm_task_result_drop(bench->executor, &result);
}

static struct gm_hash root_of(const struct gm_tensor_desc *desc, const void *data)
{
    struct gm_tile_layout layout;
    cr_assert_eq(gm_tile_layout_init(&layout, 4, desc->rank, desc->dims, NULL), GM_OK);
    return gm_tensor_root(&layout, data);
}

static struct gm_task product_task(struct blobs *blobs)
{
    struct gm_hash program = program_product(blobs);
    struct gm_hash roots[2] = {tensor_put(blobs, ROWS, INNER, 1),
                               tensor_put(blobs, INNER, COLS, 2)};
    return task_make(&program, roots, 2);
}

/* The product by the numeric profile: one chain of fma from +0, k upwards. */
static void product_direct(float *product, float *doubled)
{
    float x[ROWS * INNER];
    float w[INNER * COLS];
    fill(x, ROWS * INNER, 1);
    fill(w, INNER * COLS, 2);
    for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < COLS; c++) {
            float sum = 0.0f;
            for (int k = 0; k < INNER; k++)
                sum = fmaf(x[r * INNER + k], w[k * COLS + c], sum);
            product[r * COLS + c] = 0.0f + sum;
            doubled[r * COLS + c] = sum * 2.0f;
        }
    }
}

/* ---- what is computed ---- */

Test(executor, a_result_is_what_the_numbers_say)
{
    static struct bench bench;
    static float product[ROWS * COLS];
    static float doubled[ROWS * COLS];
    static float copy[ROWS * COLS];
    struct gm_tensor_desc desc = shape_f32(ROWS, COLS);
    struct gm_task_result result;
    struct gm_error err = {.status = GM_OK};
    blobs_init(&bench.blobs);
    bench_open(&bench, 0);
    struct gm_task task = product_task(&bench.blobs);
    product_direct(product, doubled);
    cr_assert_eq(gm_executor_run(bench.executor, &task, &result, &err), GM_OK, "%s", err.text);
    cr_assert_eq(result.output_count, 2);
    cr_assert_not(result.diverged);
    cr_assert_ge(result.flops, 2 * ROWS * COLS * INNER);
    cr_assert_le(result.first_kernel_ns, result.root_ns);
    struct gm_hash expected[2] = {root_of(&desc, product), root_of(&desc, doubled)};
    struct gm_record records[2];
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert(gm_hash_equal(&result.outputs[i].root, &expected[i]), "output %u", i);
        records[i] = (struct gm_record){.output = i, .dtype = GM_DTYPE_F32, .rank = 2};
        memcpy(records[i].dims, desc.dims, sizeof desc.dims);
        records[i].root = expected[i];
    }
    struct gm_hash list;
    cr_assert_eq(gm_tensor_list_root(records, 2, &list, NULL), GM_OK);
    cr_assert(gm_hash_equal(&result.outputs_root, &list));
    /* The outputs are there to be read, as tensors and as blobs to send. */
    cr_assert_eq(gm_executor_get(bench.executor, &expected[1], &desc, copy, NULL), GM_OK);
    cr_assert_arr_eq(copy, doubled, sizeof copy);
    struct gm_hash again = blobs_put_tensor(&bench.blobs, &desc, doubled);
    const struct gm_buf *blob = blobs_find(&bench.blobs, &again);
    uint8_t part[1000];
    cr_assert_eq(gm_executor_read_blob(bench.executor, &expected[1], 1500, part, sizeof part, NULL),
                 GM_OK);
    cr_assert_arr_eq(part, blob->data + 1500, sizeof part);
    cr_assert_eq(gm_executor_read_blob(bench.executor, &expected[1], blob->size_bytes - 999, part,
                                       sizeof part, NULL),
                 GM_INVALID);
    gm_task_result_drop(bench.executor, &result);
    gm_task_fini(&task);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

Test(executor, the_same_task_gives_the_same_roots_and_fetches_its_weights_once)
{
    static struct bench bench;
    struct gm_hash first[2];
    struct gm_hash second[2];
    blobs_init(&bench.blobs);
    bench_open(&bench, 0);
    struct gm_task task = product_task(&bench.blobs);
    run(&bench, &task, first);
    uint64_t reads = bench.blobs.reads;
    run(&bench, &task, second);
    cr_assert_arr_eq(first, second, sizeof first);
    cr_assert_eq(bench.blobs.reads, reads, "program and tensors are still there");
    gm_task_fini(&task);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

Test(executor, a_slice_of_a_data_set_is_read_where_it_is)
{
    static struct bench bench;
    static float rows[10 * 16];
    static float expected[3 * 16];
    struct gm_hash root;
    blobs_init(&bench.blobs);
    bench_open(&bench, 0);
    fill(rows, 10 * 16, 5);
    struct gm_hash data = blobs_put(&bench.blobs, rows, sizeof rows);
    struct gm_hash program =
        program_of_factor(&bench.blobs, GM_OP_ADD, 0.5f, GM_SOURCE_DATA, 3, 16);
    struct gm_task task = task_make(&program, &data, 1);
    task.inputs[0] = (struct gm_task_input){
        .kind = GM_TASK_INPUT_SLICE,
        .slice = {.kind = GM_SLICE_ROWS,
                  .root = data,
                  .desc = gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){10, 16}),
                  .samples_first = 2,
                  .samples_total = 8,
                  .position = 1,
                  .count = 3},
    };
    for (int i = 0; i < 3 * 16; i++)
        expected[i] = (rows[3 * 16 + i] + rows[3 * 16 + i]) * 0.5f;
    run(&bench, &task, &root);
    struct gm_tensor_desc desc = shape_f32(3, 16);
    struct gm_hash wanted = root_of(&desc, expected);
    cr_assert(gm_hash_equal(&root, &wanted));
    gm_task_fini(&task);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

Test(executor, a_task_that_diverges_is_a_result_that_says_where)
{
    static struct bench bench;
    struct gm_task_result result;
    struct gm_error err = {.status = GM_OK};
    struct gm_tensor_desc desc = shape_f32(4, 16);
    static const float zeros[4 * 16];
    blobs_init(&bench.blobs);
    bench_open(&bench, 0);
    struct gm_hash program =
        program_of_factor(&bench.blobs, GM_OP_DIV, 1.0f, GM_SOURCE_TENSOR, 4, 16);
    struct gm_hash x = blobs_put_tensor(&bench.blobs, &desc, zeros);
    struct gm_task task = task_make(&program, &x, 1);
    cr_assert_eq(gm_executor_run(bench.executor, &task, &result, &err), GM_OK, "%s", err.text);
    cr_assert(result.diverged);
    cr_assert_eq(result.bad_output, 0);
    cr_assert_eq(result.output_count, 1);
    gm_task_result_drop(bench.executor, &result);
    gm_task_fini(&task);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

/* ---- who is believed ---- */

Test(executor, wrong_bytes_are_named_and_nothing_is_kept_of_them)
{
    static struct bench bench;
    struct gm_task_result result;
    struct gm_error err;
    struct gm_hash roots[2];
    blobs_init(&bench.blobs);
    bench_open(&bench, 0);
    struct gm_task task = product_task(&bench.blobs);
    bench.blobs.lies = true;
    cr_assert_eq(gm_executor_run(bench.executor, &task, &result, &err), GM_UNTRUSTED);
    cr_assert_not_null(strstr(err.text, "program"), "%s", err.text);
    struct gm_exec_memory memory;
    bench.blobs.lies = false;
    cr_assert_eq(gm_executor_memory(bench.executor, &task.program, &memory, &err), GM_OK);
    bench.blobs.lies = true;
    cr_assert_eq(gm_executor_run(bench.executor, &task, &result, &err), GM_UNTRUSTED);
    cr_assert_not_null(strstr(err.text, "tensor"), "%s", err.text);
    bench.blobs.lies = false;
    run(&bench, &task, roots);
    task.inputs[1].root.bytes[0] ^= 1;
    cr_assert_eq(gm_executor_run(bench.executor, &task, &result, &err), GM_NOT_FOUND);
    gm_task_fini(&task);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

Test(executor, the_drill_changes_one_output_and_only_while_it_is_on)
{
    static struct bench bench;
    struct gm_hash honest[2];
    struct gm_hash lie[2];
    struct gm_hash again[2];
    blobs_init(&bench.blobs);
    bench_open(&bench, 0);
    struct gm_task task = product_task(&bench.blobs);
    run(&bench, &task, honest);
    gm_executor_set_lying(bench.executor, true);
    run(&bench, &task, lie);
    gm_executor_set_lying(bench.executor, false);
    run(&bench, &task, again);
    cr_assert_arr_eq(honest, again, sizeof honest);
    cr_assert(gm_hash_equal(&honest[0], &lie[0]) != gm_hash_equal(&honest[1], &lie[1]),
              "one of the two");
    gm_task_fini(&task);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

/* ---- memory ---- */

static uint64_t memory_of(struct blobs *blobs, const struct gm_hash *program)
{
    struct bench bench = {.blobs = *blobs}; /* shares the blobs, for reading */
    struct gm_exec_memory memory;
    bench_open(&bench, 0);
    cr_assert_eq(gm_executor_memory(bench.executor, program, &memory, NULL), GM_OK);
    bench_close(&bench);
    return memory.arena_bytes + memory.input_bytes + memory.output_bytes + memory.overhead_bytes;
}

Test(executor, what_fits_alone_runs_however_much_was_kept_before)
{
    enum { PROGRAMS = 5, TENSORS = 12 };
    static struct bench bench;
    struct gm_hash programs[PROGRAMS];
    struct gm_hash roots[TENSORS];
    struct gm_hash results[PROGRAMS][TENSORS];
    blobs_init(&bench.blobs);
    for (int p = 0; p < PROGRAMS; p++)
        programs[p] =
            program_of_factor(&bench.blobs, GM_OP_ADD, 1.0f + (float)p, GM_SOURCE_TENSOR, 64, 64);
    for (uint32_t t = 0; t < TENSORS; t++)
        roots[t] = tensor_put(&bench.blobs, 64, 64, t);
    bench_open(&bench, memory_of(&bench.blobs, &programs[0]));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PROGRAMS * TENSORS; i++) {
            struct gm_hash root;
            int p = i % PROGRAMS;
            int t = i * 7 % TENSORS;
            struct gm_task task = task_make(&programs[p], &roots[t], 1);
            run(&bench, &task, &root);
            if (round == 0)
                results[p][t] = root;
            else
                cr_assert(gm_hash_equal(&results[p][t], &root));
            gm_task_fini(&task);
        }
    }
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

/* y = sum(gelu(fill)) + sum(x): a large arena between small ends */
static struct gm_hash program_of_arena(struct blobs *blobs)
{
    struct gm_builder *b = gm_builder_new();
    struct gm_program *program = NULL;
    gm_value x = gm_builder_input(b, GM_SOURCE_TENSOR, "x", shape_f32(1, 16));
    gm_value f = gm_builder_node(b, GM_OP_FILL, 0, NULL, (uint64_t[]){0x3f000000}, 2,
                                 (uint64_t[]){256, 256});
    gm_value g = gm_builder_node(b, GM_OP_GELU, 1, &f, NULL, 0, NULL);
    gm_value s = gm_builder_node(b, GM_OP_SUM, 1, &g, NULL, 0, NULL);
    gm_value t = gm_builder_node(b, GM_OP_SUM, 1, &x, NULL, 0, NULL);
    gm_builder_output(b, "y", gm_builder_node(b, GM_OP_ADD, 2, (gm_value[]){s, t}, NULL, 0, NULL));
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    return blobs_put_program(blobs, program);
}

Test(executor, tensors_give_way_to_an_arena_and_arenas_to_tensors)
{
    static struct bench bench;
    struct gm_hash root;
    blobs_init(&bench.blobs);
    struct gm_hash wide =
        program_of_factor(&bench.blobs, GM_OP_ADD, 3.0f, GM_SOURCE_TENSOR, 256, 256);
    struct gm_hash deep = program_of_arena(&bench.blobs);
    struct gm_hash x = tensor_put(&bench.blobs, 256, 256, 1);
    struct gm_hash y = tensor_put(&bench.blobs, 1, 16, 2);
    uint64_t wide_bytes = memory_of(&bench.blobs, &wide);
    uint64_t deep_bytes = memory_of(&bench.blobs, &deep);
    cr_assert_gt(deep_bytes, 200 << 10, "the arena is what it is about");
    bench_open(&bench, wide_bytes > deep_bytes ? wide_bytes : deep_bytes);
    for (int round = 0; round < 3; round++) {
        struct gm_task task = task_make(&wide, &x, 1);
        run(&bench, &task, &root);
        gm_task_fini(&task);
        task = task_make(&deep, &y, 1);
        run(&bench, &task, &root);
        gm_task_fini(&task);
    }
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}

Test(executor, what_cannot_fit_is_a_limit_and_leaves_the_rest_working)
{
    static struct bench bench;
    struct gm_task_result result;
    struct gm_error err;
    struct gm_hash root;
    blobs_init(&bench.blobs);
    struct gm_hash small =
        program_of_factor(&bench.blobs, GM_OP_ADD, 3.0f, GM_SOURCE_TENSOR, 16, 16);
    struct gm_hash large =
        program_of_factor(&bench.blobs, GM_OP_ADD, 3.0f, GM_SOURCE_TENSOR, 256, 256);
    struct gm_hash x = tensor_put(&bench.blobs, 16, 16, 1);
    struct gm_hash y = tensor_put(&bench.blobs, 256, 256, 2);
    bench_open(&bench, memory_of(&bench.blobs, &small));
    struct gm_task fits = task_make(&small, &x, 1);
    struct gm_task does_not = task_make(&large, &y, 1);
    for (int round = 0; round < 3; round++) {
        enum gm_status status = gm_executor_run(bench.executor, &does_not, &result, &err);
        cr_assert(status == GM_LIMIT || status == GM_NO_MEMORY, "%s", gm_status_name(status));
        run(&bench, &fits, &root);
    }
    gm_task_fini(&fits);
    gm_task_fini(&does_not);
    bench_close(&bench);
    blobs_fini(&bench.blobs);
}
