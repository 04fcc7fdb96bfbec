#include "hw/rate.h"

#include "base/clock.h"

enum { SIDE = 512, RUNS_MIN = 3, RUNS_MAX = 64, MEASURE_MS = 100 };

/* One product of SIDE x SIDE matrices. */
static enum gm_status product_build(struct gm_program **out, struct gm_error *err)
{
    struct gm_builder *builder = gm_builder_new();
    if (builder == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "measuring: not enough memory");
    const uint64_t dims[2] = {SIDE, SIDE};
    const uint64_t attrs[3] = {0, 0, 0};
    struct gm_tensor_desc desc = gm_tensor_desc_make(GM_DTYPE_F32, 2, dims);
    gm_value inputs[2] = {
        gm_builder_input(builder, GM_SOURCE_TENSOR, "a", desc),
        gm_builder_input(builder, GM_SOURCE_TENSOR, "b", desc),
    };
    gm_builder_output(builder, "c",
                      gm_builder_node(builder, GM_OP_MATMUL, 2, inputs, attrs, 0, NULL));
    return gm_builder_finish(builder, out, err);
}

static enum gm_status runs_time(struct gm_exec *exec, struct gm_buffer *const *inputs,
                                struct gm_buffer *const *outputs, uint64_t *best_ns,
                                struct gm_error *err)
{
    const struct gm_exec_args args = {.iterations = 1};
    uint64_t start_ns = gm_clock_monotonic_ns();
    *best_ns = UINT64_MAX;
    for (int run = 0; run < RUNS_MAX; run++) {
        uint32_t bad;
        uint64_t from_ns = gm_clock_monotonic_ns();
        GM_TRY(gm_exec_run(exec, &args, inputs, outputs, &bad, err));
        uint64_t to_ns = gm_clock_monotonic_ns();
        if (to_ns - from_ns < *best_ns)
            *best_ns = to_ns - from_ns;
        if (run + 1 >= RUNS_MIN && to_ns - start_ns > (uint64_t)MEASURE_MS * 1000000)
            break;
    }
    return GM_OK;
}

static enum gm_status buffers_time(struct gm_device *device, const struct gm_program *program,
                                   uint64_t *best_ns, struct gm_error *err)
{
    struct gm_buffer *buffers[3] = {NULL, NULL, NULL};
    struct gm_exec *exec = NULL;
    enum gm_status status = gm_exec_new(device, program, &exec, err);
    for (int i = 0; i < 3 && status == GM_OK; i++)
        status = device->ops->buffer_new(device, (uint64_t)SIDE * SIDE * sizeof(float), &buffers[i],
                                         err);
    if (status == GM_OK)
        status = runs_time(exec, buffers, buffers + 2, best_ns, err);
    for (int i = 0; i < 3; i++)
        device->ops->buffer_free(buffers[i]);
    gm_exec_free(exec);
    return status;
}

enum gm_status gm_hw_rate_measure(struct gm_device *device, uint64_t *flops_per_s,
                                  struct gm_error *err)
{
    struct gm_program *program;
    uint64_t best_ns = 0;
    GM_TRY(product_build(&program, err));
    enum gm_status status = buffers_time(device, program, &best_ns, err);
    if (status == GM_OK)
        *flops_per_s = (uint64_t)((double)gm_program_flops(program) * 1e9 /
                                  (double)(best_ns > 0 ? best_ns : 1));
    gm_program_free(program);
    return status;
}
