/* Places, lifetimes and sharing; the packing itself is plan_fit.h's. A block is the room of one
   value, or of a chain of values of which each is written in the place of the one before. */
#include "core/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "core/plan_fit.h"

#define NO_BLOCK UINT32_MAX

static const uint64_t TOTAL_BYTES_MAX = UINT64_C(1) << 62;

struct work {
    const struct gm_program *program;
    bool *read;         /* per value: some operation reads it */
    bool *kept;         /* per value: its bytes stay to the end */
    uint32_t *last;     /* per value: the last node that needs it */
    uint32_t *block_of; /* per value in the arena */
    struct gm_plan_block *blocks;
    struct gm_plan_block *second; /* for the second way of packing */
    uint32_t block_count;
};

static uint64_t aligned_size(const struct gm_tensor_desc *desc)
{
    uint64_t align = GM_PLAN_ALIGN_BYTES;
    return (gm_tensor_size_bytes(desc) + align - 1) / align * align;
}

static uint32_t output_count_of(const struct gm_node *node)
{
    return gm_op_find(node->op)->output_count;
}

static void find_lifetimes(struct work *work, bool pin_committed)
{
    const struct gm_program *program = work->program;
    for (uint32_t n = 0; n < program->node_count; n++) {
        const struct gm_node *node = &program->nodes[n];
        for (uint32_t i = 0; i < node->input_count; i++) {
            work->read[node->inputs[i]] = true;
            work->last[node->inputs[i]] = n;
        }
        for (uint32_t j = 0; j < output_count_of(node); j++) {
            gm_value value = node->output_first + j;
            work->last[value] = n;
            work->kept[value] = pin_committed && (node->commit >> j & 1) != 0;
        }
    }
    for (uint32_t v = 0; v < program->value_count; v++)
        if (work->kept[v])
            work->last[v] = program->node_count - 1;
}

static void find_places(const struct work *work, struct gm_plan *plan)
{
    const struct gm_program *program = work->program;
    for (uint32_t v = 0; v < program->value_count; v++)
        plan->values[v].place = work->read[v] || work->kept[v] ? GM_PLACE_ARENA : GM_PLACE_NOWHERE;
    /* Backwards, so that the first output that names a value wins. */
    for (uint32_t i = program->output_count; i-- > 0;) {
        gm_value value = program->outputs[i].value;
        plan->values[value] = (struct gm_plan_value){GM_PLACE_OUTPUT, i, 0};
        plan->output_bytes += gm_tensor_size_bytes(&program->values[value]);
    }
    for (uint32_t i = 0; i < program->input_count; i++) {
        plan->values[i] = (struct gm_plan_value){GM_PLACE_INPUT, i, 0};
        plan->input_bytes += gm_tensor_size_bytes(&program->values[i]);
    }
}

static bool in_arena(const struct gm_plan *plan, gm_value value)
{
    enum gm_place place = plan->values[value].place;
    return place == GM_PLACE_ARENA || place == GM_PLACE_NOWHERE;
}

/* The block that output j of node n may take over, NO_BLOCK if none: the operation allows it, the
   input ends here, is no second operand as well, and has the same size. */
static uint32_t inherit(const struct work *work, const struct gm_plan *plan, uint32_t n, uint32_t j)
{
    const struct gm_node *node = &work->program->nodes[n];
    uint32_t which = gm_op_find(node->op)->inplace[j];
    if (which == 0 || which > node->input_count)
        return NO_BLOCK;
    gm_value source = node->inputs[which - 1];
    if (!in_arena(plan, source) || work->kept[source] || work->last[source] != n)
        return NO_BLOCK;
    for (uint32_t i = 0; i < node->input_count; i++)
        if (i != which - 1 && node->inputs[i] == source)
            return NO_BLOCK;
    gm_value target = node->output_first + j;
    if (aligned_size(&work->program->values[source]) !=
        aligned_size(&work->program->values[target]))
        return NO_BLOCK;
    return work->block_of[source];
}

static void make_blocks(struct work *work, const struct gm_plan *plan)
{
    const struct gm_program *program = work->program;
    for (uint32_t n = 0; n < program->node_count; n++) {
        const struct gm_node *node = &program->nodes[n];
        for (uint32_t j = 0; j < output_count_of(node); j++) {
            gm_value value = node->output_first + j;
            if (!in_arena(plan, value))
                continue;
            uint32_t block = inherit(work, plan, n, j);
            if (block == NO_BLOCK) {
                block = work->block_count++;
                work->blocks[block].size_bytes = aligned_size(&program->values[value]);
                work->blocks[block].first = n;
            }
            work->blocks[block].last = work->last[value];
            work->block_of[value] = block;
        }
    }
}

/* Bytes alive at the fullest step. `change` has room for one number per step and one more. */
static uint64_t find_peak(const struct work *work, uint64_t *change)
{
    for (uint32_t b = 0; b < work->block_count; b++) {
        change[work->blocks[b].first] += work->blocks[b].size_bytes;
        change[work->blocks[b].last + 1] -= work->blocks[b].size_bytes; /* modulo 2^64 */
    }
    uint64_t alive = 0;
    uint64_t peak = 0;
    for (uint32_t n = 0; n < work->program->node_count; n++) {
        alive += change[n];
        peak = alive > peak ? alive : peak;
    }
    return peak;
}

static enum gm_status pack(struct work *work, struct gm_plan *plan)
{
    size_t size_bytes = work->block_count * sizeof(work->blocks[0]);
    memcpy(work->second, work->blocks, size_bytes);
    GM_TRY(gm_plan_fit_by_time(work->blocks, work->block_count, work->program->node_count,
                               &plan->arena_bytes));
    if (work->block_count > GM_PLAN_BY_SIZE_MAX || plan->arena_bytes == plan->peak_bytes)
        return GM_OK;
    uint64_t arena_bytes;
    GM_TRY(gm_plan_fit_by_size(work->second, work->block_count, &arena_bytes));
    if (arena_bytes < plan->arena_bytes) {
        memcpy(work->blocks, work->second, size_bytes);
        plan->arena_bytes = arena_bytes;
    }
    return GM_OK;
}

/* So that no sum of sizes or offsets below can overflow. */
static enum gm_status check_total(const struct gm_program *program, struct gm_error *err)
{
    uint64_t total = 0;
    for (uint32_t v = 0; v < program->value_count; v++)
        total += total < TOTAL_BYTES_MAX ? aligned_size(&program->values[v]) : 0;
    for (uint32_t i = 0; i < program->output_count; i++)
        total += total < TOTAL_BYTES_MAX
                     ? gm_tensor_size_bytes(&program->values[program->outputs[i].value])
                     : 0;
    if (total < TOTAL_BYTES_MAX)
        return GM_OK;
    return gm_error_set(err, GM_LIMIT, "the program's tensors take 2^62 bytes or more");
}

static enum gm_status make_plan(struct work *work, bool pin_committed, struct gm_plan *plan)
{
    const struct gm_program *program = work->program;
    size_t value_count = program->value_count;
    work->read = gm_mem_new(value_count, sizeof(bool));
    work->kept = gm_mem_new(value_count, sizeof(bool));
    work->last = gm_mem_new(value_count, sizeof(uint32_t));
    work->block_of = gm_mem_new(value_count, sizeof(uint32_t));
    work->blocks = gm_mem_new(value_count, sizeof(struct gm_plan_block));
    work->second = gm_mem_new(value_count, sizeof(struct gm_plan_block));
    uint64_t *change = gm_mem_new((size_t)program->node_count + 1, sizeof(*change));
    plan->values = gm_mem_new(value_count, sizeof(struct gm_plan_value));
    if (work->read == NULL || work->kept == NULL || work->last == NULL || work->block_of == NULL ||
        work->blocks == NULL || work->second == NULL || change == NULL || plan->values == NULL) {
        gm_mem_free(change);
        return GM_NO_MEMORY;
    }
    find_lifetimes(work, pin_committed);
    find_places(work, plan);
    make_blocks(work, plan);
    plan->peak_bytes = find_peak(work, change);
    gm_mem_free(change);
    GM_TRY(pack(work, plan));
    for (uint32_t v = 0; v < program->value_count; v++)
        if (in_arena(plan, v))
            plan->values[v].offset_bytes = work->blocks[work->block_of[v]].offset_bytes;
    return GM_OK;
}

enum gm_status gm_plan_new(const struct gm_program *program, bool pin_committed,
                           struct gm_plan **out, struct gm_error *err)
{
    GM_TRY(check_total(program, err));
    struct work work = {.program = program};
    struct gm_plan *plan = gm_mem_new(1, sizeof(*plan));
    enum gm_status status = GM_NO_MEMORY;
    if (plan != NULL) {
        plan->program = program;
        status = make_plan(&work, pin_committed, plan);
    }
    gm_mem_free(work.read);
    gm_mem_free(work.kept);
    gm_mem_free(work.last);
    gm_mem_free(work.block_of);
    gm_mem_free(work.blocks);
    gm_mem_free(work.second);
    if (status != GM_OK) {
        gm_plan_free(plan);
        return gm_error_set(err, status, "no memory to plan %" PRIu32 " values",
                            program->value_count);
    }
    *out = plan;
    return GM_OK;
}

void gm_plan_free(struct gm_plan *plan)
{
    if (plan == NULL)
        return;
    gm_mem_free(plan->values);
    gm_mem_free(plan);
}
