#include "kit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "gm_test.h"
#include "kernels/num/philox.h"

uint32_t kit_configs(struct kit_config out[KIT_CONFIGS_MAX])
{
    uint32_t count = 0;
    out[count++] = (struct kit_config){"reference", 1};
    for (int level = 0; level < GM_CPU_LEVEL_COUNT; level++) {
        for (uint32_t threads = 1; threads <= 3; threads++) {
            if (gm_cpu_level_available((enum gm_cpu_level)level))
                out[count++] =
                    (struct kit_config){gm_cpu_level_name((enum gm_cpu_level)level), threads};
        }
    }
    return count;
}

struct gm_device *kit_open(const char *level, uint32_t thread_count)
{
    struct gm_device_options options = {.level = level, .thread_count = thread_count};
    struct gm_device *device = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_device_open("cpu", &options, &device, &err), GM_OK, "%s", err.text);
    return device;
}

uint32_t kit_random_u32(struct kit_random *random)
{
    return gm_philox(random->seed, 0, random->next++).word[0];
}

uint64_t kit_random_range(struct kit_random *random, uint64_t low, uint64_t high)
{
    return low + kit_random_u32(random) % (high - low + 1);
}

static float uniform(struct kit_random *random)
{
    return (float)(kit_random_u32(random) >> 8) * 0x1p-24f;
}

static float hostile(struct kit_random *random)
{
    static const float values[] = {NAN,       INFINITY,   -INFINITY, 0.0f,    -0.0f,
                                   0x1p-149f, -0x1p-140f, 3e38f,     -3e38f,  0x1p-126f,
                                   1e-20f,    1e20f,      88.7f,     -103.9f, 1.0f};
    return values[kit_random_u32(random) % (sizeof values / sizeof *values)];
}

static void fill_f32(struct gm_tensor *tensor, struct kit_random *random, enum kit_fill fill)
{
    float *x = tensor->data;
    uint64_t count = gm_tensor_count(&tensor->desc);
    for (uint64_t i = 0; i < count; i++) {
        if (fill == KIT_POSITIVE)
            x[i] = 0.25f + 3.75f * uniform(random);
        else if (fill == KIT_DISTINCT)
            x[i] = (float)i * 0.25f - (float)count / 8.0f;
        else
            x[i] = 3.0f * (uniform(random) + uniform(random) - 1.0f);
    }
    for (uint64_t i = count; fill == KIT_DISTINCT && i > 1; i--) {
        uint64_t j = kit_random_range(random, 0, i - 1);
        float swapped = x[i - 1];
        x[i - 1] = x[j];
        x[j] = swapped;
    }
}

void kit_tensor_fill(struct gm_tensor *tensor, struct kit_random *random, enum kit_fill fill,
                     uint64_t limit)
{
    if (tensor->desc.dtype == GM_DTYPE_F32) {
        fill_f32(tensor, random, fill);
        return;
    }
    uint32_t *x = tensor->data;
    uint64_t count = gm_tensor_count(&tensor->desc);
    for (uint64_t i = 0; i < count; i++) {
        x[i] = (uint32_t)kit_random_range(random, 0, limit - 1);
        if (fill == KIT_TARGET && kit_random_u32(random) % 5 == 0)
            x[i] = UINT32_MAX;
    }
}

struct gm_tensor kit_tensor_new(const struct gm_tensor_desc *desc)
{
    struct gm_tensor tensor = {*desc, gm_mem_new((size_t)gm_tensor_size_bytes(desc), 1)};
    cr_assert_not_null(tensor.data);
    return tensor;
}

/* ---- descriptions ---- */

uint64_t kit_dim(struct kit_case *c, uint64_t small, uint64_t large)
{
    if (c->flavour == KIT_LARGE)
        return kit_random_range(&c->random, small, large);
    if (c->flavour == KIT_HOSTILE && kit_random_u32(&c->random) % 4 == 0)
        return 1;
    return kit_random_range(&c->random, 1, small);
}

void kit_input(struct kit_case *c, enum kit_fill fill, uint64_t limit, uint32_t rank,
               const uint64_t *dims)
{
    bool whole = fill == KIT_INDEX || fill == KIT_TARGET || fill == KIT_SMALL_U32;
    struct gm_tensor_desc desc =
        gm_tensor_desc_make(whole ? GM_DTYPE_U32 : GM_DTYPE_F32, rank, dims);
    struct gm_tensor *tensor = &c->inputs[c->input_count++];
    *tensor = kit_tensor_new(&desc);
    kit_tensor_fill(tensor, &c->random, fill, limit);
    if (whole || c->flavour != KIT_HOSTILE)
        return;
    /* One case in three has NaN and infinity everywhere, the others here and there. */
    uint64_t rarity = kit_random_u32(&c->random) % 3 == 0 ? 2 : 23;
    float *x = tensor->data;
    for (uint64_t i = 0; i < gm_tensor_count(&desc); i++) {
        if (kit_random_u32(&c->random) % rarity == 0)
            x[i] = hostile(&c->random);
    }
}

void kit_attr(struct kit_case *c, uint64_t value)
{
    c->attrs[c->attr_count++] = value;
}

void kit_attr_f32(struct kit_case *c, float value)
{
    kit_attr(c, gm_attr_from_f32(value));
}

gm_value kit_case_build(const struct kit_case *c, struct gm_builder *builder,
                        gm_value values[GM_OP_INPUTS_MAX])
{
    for (uint32_t i = 0; i < c->input_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%u", i);
        values[i] = gm_builder_input(builder, GM_SOURCE_TENSOR, name, c->inputs[i].desc);
    }
    return gm_builder_node(builder, c->op, c->input_count, values, c->attrs, c->dim_count, c->dims);
}

void kit_case_init(struct kit_case *c, const struct kit_op *op, enum kit_flavour flavour,
                   uint64_t seed)
{
    memset(c, 0, sizeof *c);
    c->op = op->op;
    c->flavour = flavour;
    c->random.seed = seed * 131 + (uint64_t)op->op * 7919 + (uint64_t)flavour;
    op->make(c);

    struct gm_builder *builder = gm_builder_new();
    gm_value values[GM_OP_INPUTS_MAX];
    gm_value first = kit_case_build(c, builder, values);
    c->output_count = gm_op_find(c->op)->output_count;
    for (uint32_t j = 0; j < c->output_count; j++) {
        char name[16];
        snprintf(name, sizeof name, "out%u", j);
        gm_builder_output(builder, name, first + j);
    }
    struct gm_error err = {0};
    cr_assert_eq(gm_builder_finish(builder, &c->program, &err), GM_OK, "%s, seed %llu: %s",
                 gm_op_find(c->op)->name, (unsigned long long)seed, err.text);
}

static void free_outputs(struct kit_case *c)
{
    for (uint32_t j = 0; j < c->output_count; j++) {
        gm_mem_free(c->outputs[j].data);
        c->outputs[j].data = NULL;
    }
}

void kit_case_fini(struct kit_case *c)
{
    for (uint32_t i = 0; i < c->input_count; i++)
        gm_mem_free(c->inputs[i].data);
    free_outputs(c);
    gm_program_free(c->program);
}

void kit_case_run(struct kit_case *c, struct gm_device *device)
{
    free_outputs(c);
    struct gm_exec_args args = {.iterations = 1};
    struct gm_error err = {0};
    enum gm_status status = kit_run(device, c->program, &args, c->inputs, c->outputs, &err);
    cr_assert(status == GM_OK || status == GM_DIVERGED, "%s: %s", kit_case_text(c), err.text);
}

const char *kit_case_text(const struct kit_case *c)
{
    static char text[2048];
    static const char *const flavours[] = {"plain", "large", "hostile"};
    int used = snprintf(text, sizeof text, "%s, %s, random seed %llu:", gm_op_find(c->op)->name,
                        flavours[c->flavour], (unsigned long long)c->random.seed);
    for (uint32_t i = 0; i < c->input_count; i++) {
        char desc[GM_TENSOR_TEXT_CHARS];
        used += snprintf(text + used, sizeof text - (size_t)used, " %.100s",
                         gm_tensor_desc_text(desc, &c->inputs[i].desc));
    }
    for (uint32_t i = 0; i < c->attr_count; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, " %llx",
                         (unsigned long long)c->attrs[i]);
    return text;
}

/* ---- running ---- */

static struct gm_buffer *buffer_of(struct gm_device *device, const struct gm_tensor_desc *desc)
{
    struct gm_buffer *buffer = NULL;
    struct gm_error err = {0};
    enum gm_status status =
        device->ops->buffer_new(device, gm_tensor_size_bytes(desc), &buffer, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    return buffer;
}

enum gm_status kit_run(struct gm_device *device, const struct gm_program *program,
                       const struct gm_exec_args *args, const struct gm_tensor *inputs,
                       struct gm_tensor *outputs, struct gm_error *err)
{
    struct gm_exec *exec = NULL;
    GM_TRY(gm_exec_new(device, program, &exec, err));
    struct gm_buffer **in = gm_mem_new(program->input_count, sizeof *in);
    struct gm_buffer **out = gm_mem_new(program->output_count, sizeof *out);
    for (uint32_t i = 0, given = 0; i < program->input_count; i++) {
        enum gm_source source = program->inputs[i].source;
        if (source != GM_SOURCE_TENSOR && source != GM_SOURCE_DATA)
            continue;
        in[i] = buffer_of(device, &program->inputs[i].desc);
        cr_assert_eq(device->ops->write(in[i], 0, inputs[given++].data, in[i]->size_bytes, NULL),
                     GM_OK);
    }
    for (uint32_t j = 0; j < program->output_count; j++) {
        const struct gm_tensor_desc *desc = &program->values[program->outputs[j].value];
        out[j] = buffer_of(device, desc);
        outputs[j] = kit_tensor_new(desc);
    }
    uint32_t bad = 0;
    enum gm_status status = gm_exec_run(exec, args, in, out, &bad, err);
    for (uint32_t j = 0; j < program->output_count; j++) {
        cr_assert_eq(device->ops->read(out[j], 0, outputs[j].data, out[j]->size_bytes, NULL),
                     GM_OK);
        device->ops->buffer_free(out[j]);
    }
    for (uint32_t i = 0; i < program->input_count; i++)
        device->ops->buffer_free(in[i]);
    gm_mem_free(in);
    gm_mem_free(out);
    gm_exec_free(exec);
    return status;
}
