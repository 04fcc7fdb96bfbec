/* A program made ready: an arena, scratch memory for its neediest operation, and one pointer per
   value. Running walks the nodes; nothing is allocated. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "backends/cpu/device.h"
#include "backends/cpu/fpmode.h"
#include "base/mem.h"

struct cpu_prepared {
    struct gm_prepared base; /* first */
    const struct gm_plan *plan;
    struct gm_cpu_memory arena;
    struct gm_cpu_memory scratch;
    struct gm_cpu_memory pointers; /* void * per value */
};

static struct gm_cpu_call call_of(struct gm_cpu_device *device, const struct gm_program *program,
                                  const struct gm_node *node)
{
    struct gm_cpu_call call = {.ops = device->ops,
                               .pool = device->pool,
                               .gemm = device->gemm,
                               .node = node,
                               .values = program->values,
                               .outputs = &program->values[node->output_first]};
    for (uint32_t i = 0; i < node->input_count; i++)
        call.inputs[i] = &program->values[node->inputs[i]];
    return call;
}

static uint64_t scratch_bytes(struct gm_cpu_device *device, const struct gm_program *program)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < program->node_count; i++) {
        struct gm_cpu_call call = call_of(device, program, &program->nodes[i]);
        uint64_t size = gm_cpu_scratch_bytes(&call);
        most = size > most ? size : most;
    }
    return most;
}

static uint64_t pointer_bytes(const struct gm_program *program)
{
    return program->value_count * sizeof(void *);
}

uint64_t gm_cpu_overhead_bytes(const struct gm_device *device, const struct gm_plan *plan)
{
    return scratch_bytes(gm_cpu_device_of(device), plan->program) + pointer_bytes(plan->program);
}

enum gm_status gm_cpu_prepare(struct gm_device *device, const struct gm_plan *plan,
                              struct gm_prepared **out, struct gm_error *err)
{
    struct gm_cpu_device *cpu = gm_cpu_device_of(device);
    struct cpu_prepared *p = gm_mem_new(1, sizeof *p);
    if (p == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "cpu: no memory for a program's record");
    p->base.device = device;
    p->plan = plan;
    cpu->object_count++;
    enum gm_status status;
    GM_TRY_GOTO(status, gm_cpu_memory_new(cpu, plan->arena_bytes, "arena", &p->arena, err), fail);
    GM_TRY_GOTO(
        status,
        gm_cpu_memory_new(cpu, scratch_bytes(cpu, plan->program), "scratch area", &p->scratch, err),
        fail);
    GM_TRY_GOTO(
        status,
        gm_cpu_memory_new(cpu, pointer_bytes(plan->program), "table of values", &p->pointers, err),
        fail);
    *out = &p->base;
    return GM_OK;
fail:
    gm_cpu_prepared_free(&p->base);
    return status;
}

void gm_cpu_prepared_free(struct gm_prepared *prepared)
{
    if (prepared == NULL)
        return;
    struct cpu_prepared *p = (struct cpu_prepared *)prepared;
    struct gm_cpu_device *cpu = gm_cpu_device_of(prepared->device);
    gm_cpu_memory_free(cpu, &p->arena);
    gm_cpu_memory_free(cpu, &p->scratch);
    gm_cpu_memory_free(cpu, &p->pointers);
    cpu->object_count--;
    gm_mem_free(p);
}

static void *buffer_data(struct gm_buffer *buffer, uint64_t size_bytes)
{
    assert(buffer != NULL && buffer->size_bytes >= size_bytes);
    (void)size_bytes;
    return ((struct gm_cpu_buffer *)buffer)->memory.data;
}

static void place_values(struct cpu_prepared *p, struct gm_buffer *const *inputs,
                         struct gm_buffer *const *outputs)
{
    const struct gm_program *program = p->plan->program;
    void **pointers = p->pointers.data;
    for (uint32_t v = 0; v < program->value_count; v++) {
        const struct gm_plan_value *at = &p->plan->values[v];
        uint64_t size_bytes = gm_tensor_size_bytes(&program->values[v]);
        if (at->place == GM_PLACE_INPUT)
            pointers[v] = buffer_data(inputs[at->index], size_bytes);
        else if (at->place == GM_PLACE_OUTPUT)
            pointers[v] = buffer_data(outputs[at->index], size_bytes);
        else
            pointers[v] = (unsigned char *)p->arena.data + at->offset_bytes;
    }
}

/* Nothing is read by an index that came from outside before it was looked at. */
static enum gm_status check_indices(const struct gm_cpu_call *call, struct gm_error *err)
{
    struct gm_index_check check;
    if (!gm_lower_index_check(call->node, call->values, &check))
        return GM_OK;
    const uint32_t *indices = call->in[check.input];
    uint64_t count = gm_tensor_count(call->inputs[check.input]);
    for (uint64_t i = 0; i < count; i++) {
        if (!gm_index_allowed(&check, indices[i]))
            return gm_error_set(err, GM_INVALID,
                                "%s: index %" PRIu32 " at position %" PRIu64
                                " is beyond the table, expected less than %" PRIu64,
                                gm_op_find(call->node->op)->name, indices[i], i, check.limit);
    }
    return GM_OK;
}

static enum gm_status run_nodes(struct cpu_prepared *p, struct gm_error *err)
{
    const struct gm_program *program = p->plan->program;
    void *const *pointers = p->pointers.data;
    for (uint32_t n = 0; n < program->node_count; n++) {
        const struct gm_node *node = &program->nodes[n];
        struct gm_cpu_call call = call_of(gm_cpu_device_of(p->base.device), program, node);
        for (uint32_t i = 0; i < node->input_count; i++)
            call.in[i] = pointers[node->inputs[i]];
        for (uint32_t j = 0; j < gm_op_find(node->op)->output_count; j++)
            call.out[j] = pointers[node->output_first + j];
        call.scratch = p->scratch.data;
        enum gm_status status = check_indices(&call, err);
        if (status != GM_OK)
            return gm_error_at(err, status, "operation %" PRIu32, n);
        gm_cpu_call_run(&call);
    }
    return GM_OK;
}

enum gm_status gm_cpu_run(struct gm_prepared *prepared, struct gm_buffer *const *inputs,
                          struct gm_buffer *const *outputs, struct gm_error *err)
{
    struct cpu_prepared *p = (struct cpu_prepared *)prepared;
    place_values(p, inputs, outputs);
    uint64_t mode = gm_fpmode_enter();
    enum gm_status status = run_nodes(p, err);
    gm_fpmode_restore(mode);
    return status;
}
