/* Random programs, every operation in any neighbourhood: what shares memory by the plan, or is
   written in place, must not change a bit on any level with any number of threads. The reference
   shares nothing. */
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "kit.h"
#include "program_gen.h"

enum { TENSORS_MAX = 4096, PROGRAMS = 120, ITERATIONS = 3 };

static uint32_t fill_inputs(const struct gm_program *program, uint64_t seed,
                            struct gm_tensor *inputs)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->input_count; i++) {
        enum gm_source source = program->inputs[i].source;
        if (source != GM_SOURCE_TENSOR && source != GM_SOURCE_DATA)
            continue;
        cr_assert_lt(count, TENSORS_MAX);
        inputs[count] = kit_tensor_new(&program->inputs[i].desc);
        gm_program_gen_fill(program, i, seed, inputs[count++].data);
    }
    return count;
}

static void free_tensors(struct gm_tensor *tensors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        gm_mem_free(tensors[i].data);
}

/* The same program with every value an output: nothing shares memory, nothing is in place. The
   arrays that differ are the caller's to free. */
static struct gm_program with_all_outputs(const struct gm_program *program)
{
    struct gm_program all = *program;
    all.outputs = gm_mem_new(program->output_count + program->value_count, sizeof *all.outputs);
    memcpy(all.outputs, program->outputs, program->output_count * sizeof *all.outputs);
    for (uint32_t v = 0; v < program->value_count; v++)
        all.outputs[all.output_count++].value = v;
    return all;
}

static void compare(const struct gm_program *program, uint64_t seed, struct gm_device *reference,
                    struct gm_device *device, const char *level)
{
    static struct gm_tensor inputs[TENSORS_MAX], want[TENSORS_MAX], got[TENSORS_MAX];
    struct gm_program all = with_all_outputs(program);
    cr_assert_le(all.output_count, TENSORS_MAX);
    uint32_t input_count = fill_inputs(program, seed, inputs);
    struct gm_exec_args args = {.iterations = ITERATIONS, .step = 2, .seed = seed};
    struct gm_error err = {0};
    enum gm_status expected = kit_run(reference, &all, &args, inputs, want, &err);
    cr_assert(expected == GM_OK || expected == GM_DIVERGED, "program %llu: %s",
              (unsigned long long)seed, err.text);
    enum gm_status status = kit_run(device, program, &args, inputs, got, &err);
    cr_assert(status == expected || status == GM_OK, "program %llu: %s", (unsigned long long)seed,
              err.text);
    for (uint32_t j = 0; j < program->output_count; j++)
        cr_assert_arr_eq(got[j].data, want[j].data, gm_tensor_size_bytes(&want[j].desc),
                         "program %llu at level %s: output %s differs", (unsigned long long)seed,
                         level, program->outputs[j].name);
    free_tensors(got, program->output_count);
    free_tensors(want, all.output_count);
    gm_mem_free(all.outputs);
    free_tensors(inputs, input_count);
}

Test(random_programs, have_the_same_bits_everywhere)
{
    struct kit_config configs[KIT_CONFIGS_MAX];
    struct gm_device *devices[KIT_CONFIGS_MAX];
    uint32_t count = kit_configs(configs);
    for (uint32_t i = 0; i < count; i++)
        devices[i] = kit_open(configs[i].level, configs[i].thread_count);
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        struct gm_program *program = gm_program_gen(&(struct gm_program_gen_options){
            .seed = seed, .op_count = 12 + (uint32_t)seed, .elements_max = 300});
        uint32_t i = 1 + (uint32_t)seed % (count - 1);
        compare(program, seed, devices[0], devices[i], configs[i].level);
        gm_program_free(program);
    }
    for (uint32_t i = 0; i < count; i++)
        devices[i]->ops->close(devices[i]);
}
