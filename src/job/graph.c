#include "job/graph.h"

#include <assert.h>
#include <string.h>

#include "kernels/num/philox.h"

const char *gm_task_kind_name(enum gm_task_kind kind)
{
    static const char *const names[] = {"?", "init", "gradient", "reduce", "update", "evaluate"};
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : names[0];
}

bool gm_task_id_equal(struct gm_task_id a, struct gm_task_id b)
{
    return a.kind == b.kind && a.step == b.step && a.level == b.level && a.index == b.index;
}

uint32_t gm_graph_width(const struct gm_recipe *recipe, uint32_t level)
{
    uint32_t width = recipe->shard_count;
    for (uint32_t i = 0; i < level; i++)
        width = (width + recipe->fanin - 1) / recipe->fanin;
    return width;
}

uint32_t gm_graph_levels(const struct gm_recipe *recipe)
{
    uint32_t levels = 0;
    while (gm_graph_width(recipe, levels) > 1)
        levels++;
    return levels;
}

void gm_graph_operands(const struct gm_recipe *recipe, struct gm_task_id id, uint32_t *first,
                       uint32_t *count)
{
    assert(id.kind == GM_TASK_REDUCE && id.level >= 1);
    uint32_t below = gm_graph_width(recipe, id.level - 1);
    *first = id.index * recipe->fanin;
    assert(*first < below);
    *count = below - *first < recipe->fanin ? below - *first : recipe->fanin;
}

struct gm_task_id gm_graph_result(const struct gm_recipe *recipe, uint32_t step, uint32_t level,
                                  uint32_t index)
{
    while (level > 0) {
        struct gm_task_id reduce = {GM_TASK_REDUCE, step, level, index};
        uint32_t first;
        uint32_t count;
        gm_graph_operands(recipe, reduce, &first, &count);
        if (count > 1)
            return reduce;
        level--;
        index = first;
    }
    return (struct gm_task_id){GM_TASK_GRADIENT, step, 0, index};
}

const struct gm_hash *gm_graph_program_name(const struct gm_recipe *recipe, struct gm_task_id id)
{
    switch (id.kind) {
    case GM_TASK_INIT:
        return &recipe->init_program;
    case GM_TASK_GRADIENT:
        return &recipe->gradient_program;
    case GM_TASK_REDUCE: {
        uint32_t first;
        uint32_t count;
        gm_graph_operands(recipe, id, &first, &count);
        return &recipe->reduce_programs[count];
    }
    case GM_TASK_UPDATE:
        return &recipe->update_program;
    case GM_TASK_EVALUATE:
        return &recipe->evaluate_program;
    }
    assert(false);
    return NULL;
}

const struct gm_program *gm_graph_program(const struct gm_recipe *recipe,
                                          const struct gm_recipe_programs *programs,
                                          struct gm_task_id id)
{
    switch (id.kind) {
    case GM_TASK_INIT:
        return programs->init;
    case GM_TASK_GRADIENT:
        return programs->gradient;
    case GM_TASK_REDUCE: {
        uint32_t first;
        uint32_t count;
        gm_graph_operands(recipe, id, &first, &count);
        return programs->reduce[count];
    }
    case GM_TASK_UPDATE:
        return programs->update;
    case GM_TASK_EVALUATE:
        return programs->evaluate;
    }
    assert(false);
    return NULL;
}

bool gm_graph_evaluates(const struct gm_recipe *recipe, uint32_t step)
{
    if (recipe->evaluate_every == 0)
        return false;
    return step % recipe->evaluate_every == 0 || step == recipe->step_count;
}

/* Every task has a seed of its own, so that whatever a program draws is drawn once. The initial
   weights' seed is the job's: it is what a person wrote into the job file. */
static uint64_t task_seed(const struct gm_recipe *recipe, struct gm_task_id id)
{
    if (id.kind == GM_TASK_INIT)
        return recipe->seed;
    uint64_t purpose = (uint64_t)id.kind << 48 | (uint64_t)id.level << 32 | id.index;
    struct gm_philox words = gm_philox(recipe->seed, purpose, id.step);
    return (uint64_t)words.word[1] << 32 | words.word[0];
}

static struct gm_slice task_slice(const struct gm_recipe *recipe, struct gm_task_id id,
                                  size_t field)
{
    if (id.kind == GM_TASK_EVALUATE)
        return recipe->evaluate[field];
    struct gm_slice slice = recipe->train[field];
    uint32_t per_shard = recipe->samples_per_step / recipe->shard_count;
    slice.position = (uint64_t)id.step * recipe->samples_per_step + (uint64_t)id.index * per_shard;
    slice.count = per_shard;
    return slice;
}

enum gm_status gm_graph_task(const struct gm_recipe *recipe,
                             const struct gm_recipe_programs *programs, struct gm_task_id id,
                             const struct gm_hash *tensors, size_t tensor_count,
                             struct gm_task *out)
{
    const struct gm_program *program = gm_graph_program(recipe, programs, id);
    if (program == NULL)
        return GM_INTERNAL;
    GM_TRY(gm_task_init(out, program->input_count));
    out->program = *gm_graph_program_name(recipe, id);
    out->seed = task_seed(recipe, id);
    out->step = id.step;
    out->iterations = 1;

    size_t tensor = 0;
    size_t field = 0;
    for (uint32_t i = 0; i < program->input_count; i++) {
        struct gm_task_input *input = &out->inputs[i];
        if (program->inputs[i].source == GM_SOURCE_TENSOR && tensor < tensor_count) {
            input->kind = GM_TASK_INPUT_TENSOR;
            input->root = tensors[tensor++];
        } else if (program->inputs[i].source == GM_SOURCE_DATA && field < GM_RECIPE_DATA_FIELDS) {
            input->kind = GM_TASK_INPUT_SLICE;
            input->slice = task_slice(recipe, id, field++);
        } else if (program->inputs[i].source == GM_SOURCE_TENSOR ||
                   program->inputs[i].source == GM_SOURCE_DATA) {
            gm_task_fini(out);
            return GM_INTERNAL;
        }
    }
    if (tensor != tensor_count) {
        gm_task_fini(out);
        return GM_INTERNAL;
    }
    return GM_OK;
}
