/* What must agree inside a recipe, and between a recipe and its programs. Everything that comes
   from a requester is checked here once, so that the graph can rely on it. */
#include "job/recipe_check.h"
#include "job/graph.h"

static enum gm_status fault(struct gm_error *err, const char *field, uint64_t value,
                            const char *expected)
{
    return gm_error_set(err, GM_INVALID, "recipe: %s: %llu, expected %s", field,
                        (unsigned long long)value, expected);
}

enum gm_status gm_recipe_check(const struct gm_recipe *recipe, struct gm_error *err)
{
    if (recipe->name[0] == '\0')
        return gm_error_set(err, GM_INVALID, "recipe: name: empty");
    if (recipe->step_count == 0 || recipe->step_count > INT32_MAX)
        return fault(err, "steps", recipe->step_count, "1 to 2147483647");
    if (recipe->shard_count == 0 || recipe->shard_count > GM_RECIPE_SHARDS_MAX)
        return fault(err, "shards", recipe->shard_count, "1 to 4096");
    if (recipe->fanin != 2 && recipe->fanin != 4 && recipe->fanin != 8)
        return fault(err, "fan-in", recipe->fanin, "2, 4 or 8");
    if (recipe->samples_per_step == 0 || recipe->samples_per_step % recipe->shard_count != 0)
        return fault(err, "samples per step", recipe->samples_per_step, "a multiple of the shards");
    if (recipe->param_count == 0 || recipe->state_count < recipe->param_count ||
        recipe->state_count > GM_RECIPE_TENSORS_MAX)
        return fault(err, "state", recipe->state_count, "the parameters and what follows them");
    if (recipe->given_count != 0 && recipe->given_count != recipe->param_count)
        return fault(err, "given", recipe->given_count, "none, or every parameter");
    if (recipe->checkpoint_every == 0)
        return fault(err, "checkpoint every", 0, "at least 1");
    if (recipe->tokens_per_sample == 0)
        return fault(err, "tokens", 0, "at least 1");
    if (recipe->replay_ppm > GM_PPM)
        return fault(err, "replay", recipe->replay_ppm, "at most 1000000");
    if (recipe->replicate_ppm > GM_PPM)
        return fault(err, "replicate", recipe->replicate_ppm, "at most 1000000");
    for (size_t i = 0; i < GM_RECIPE_DATA_FIELDS; i++) {
        GM_TRY(gm_slice_check(&recipe->train[i], err));
        GM_TRY(gm_slice_check(&recipe->evaluate[i], err));
    }
    return GM_OK;
}

/* How many inputs of one source a program has. */
static uint32_t source_count(const struct gm_program *program, enum gm_source source)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->input_count; i++)
        count += program->inputs[i].source == source;
    return count;
}

static enum gm_status counts_check(const struct gm_program *program, const char *name,
                                   uint32_t tensors, uint32_t slices, uint32_t outputs,
                                   struct gm_error *err)
{
    if (source_count(program, GM_SOURCE_TENSOR) != tensors ||
        source_count(program, GM_SOURCE_DATA) != slices || program->output_count != outputs)
        return gm_error_set(err, GM_INVALID,
                            "recipe: the %s program takes %u tensors and %u slices and gives %u "
                            "outputs; expected %u, %u and %u",
                            name, source_count(program, GM_SOURCE_TENSOR),
                            source_count(program, GM_SOURCE_DATA), program->output_count, tensors,
                            slices, outputs);
    if (program->carry_count != 0)
        return gm_error_set(err, GM_INVALID, "recipe: the %s program has carries", name);
    return GM_OK;
}

/* Input number `index` among the program's TENSOR inputs. */
static const struct gm_tensor_desc *tensor_input(const struct gm_program *program, uint32_t index)
{
    for (uint32_t i = 0; i < program->input_count; i++) {
        if (program->inputs[i].source == GM_SOURCE_TENSOR && index-- == 0)
            return &program->inputs[i].desc;
    }
    return NULL;
}

static const struct gm_tensor_desc *output_desc(const struct gm_program *program, uint32_t index)
{
    return &program->values[program->outputs[index].value];
}

static enum gm_status desc_check(const struct gm_tensor_desc *have,
                                 const struct gm_tensor_desc *want, const char *program,
                                 uint32_t index, struct gm_error *err)
{
    if (gm_tensor_desc_equal(have, want))
        return GM_OK;
    char have_text[GM_TENSOR_TEXT_CHARS];
    char want_text[GM_TENSOR_TEXT_CHARS];
    return gm_error_set(err, GM_INVALID, "recipe: the %s program: tensor %u is %s, expected %s",
                        program, index, gm_tensor_desc_text(have_text, have),
                        gm_tensor_desc_text(want_text, want));
}

/* The state's shapes are those the update program takes; all others must follow it. */
static enum gm_status state_check(const struct gm_recipe *recipe,
                                  const struct gm_recipe_programs *programs, struct gm_error *err)
{
    const struct gm_program *update = programs->update;
    for (uint32_t i = 0; i < recipe->state_count; i++) {
        const struct gm_tensor_desc *want = tensor_input(update, i);
        GM_TRY(desc_check(output_desc(update, i), want, "update", i, err));
        if (i >= recipe->given_count)
            GM_TRY(desc_check(output_desc(programs->init, i - recipe->given_count), want, "init", i,
                              err));
        if (i < recipe->param_count)
            GM_TRY(desc_check(tensor_input(programs->gradient, i), want, "gradient", i, err));
        if (i < recipe->param_count && programs->evaluate != NULL)
            GM_TRY(desc_check(tensor_input(programs->evaluate, i), want, "evaluate", i, err));
    }
    return GM_OK;
}

/* A reduction's operands and result look like a gradient task's outputs, and so does what the
   update takes after the state. */
static enum gm_status gradients_check(const struct gm_recipe *recipe,
                                      const struct gm_recipe_programs *programs,
                                      struct gm_error *err)
{
    uint32_t outputs = recipe->param_count + GM_OUTPUT_GRADIENTS;
    for (uint32_t j = 0; j < outputs; j++) {
        const struct gm_tensor_desc *want = output_desc(programs->gradient, j);
        GM_TRY(desc_check(tensor_input(programs->update, recipe->state_count + j), want, "update",
                          recipe->state_count + j, err));
        for (uint32_t k = 2; k <= GM_RECIPE_FANIN; k++) {
            if (programs->reduce[k] == NULL)
                continue;
            GM_TRY(desc_check(output_desc(programs->reduce[k], j), want, "reduce", j, err));
            for (uint32_t operand = 0; operand < k; operand++)
                GM_TRY(desc_check(tensor_input(programs->reduce[k], operand * outputs + j), want,
                                  "reduce", operand * outputs + j, err));
        }
    }
    return GM_OK;
}

enum gm_status gm_recipe_programs_check(const struct gm_recipe *recipe,
                                        const struct gm_recipe_programs *programs,
                                        struct gm_error *err)
{
    uint32_t gradients = recipe->param_count + GM_OUTPUT_GRADIENTS;
    GM_TRY(
        counts_check(programs->init, "init", 0, 0, recipe->state_count - recipe->given_count, err));
    GM_TRY(counts_check(programs->gradient, "gradient", recipe->param_count, GM_RECIPE_DATA_FIELDS,
                        gradients, err));
    GM_TRY(counts_check(programs->update, "update", recipe->state_count + gradients, 0,
                        recipe->state_count + GM_UPDATE_FIGURES, err));
    for (uint32_t k = 2; k <= GM_RECIPE_FANIN; k++) {
        if (programs->reduce[k] != NULL)
            GM_TRY(counts_check(programs->reduce[k], "reduce", k * gradients, 0, gradients, err));
    }
    if (programs->evaluate != NULL)
        GM_TRY(counts_check(programs->evaluate, "evaluate", recipe->param_count,
                            GM_RECIPE_DATA_FIELDS, GM_OUTPUT_GRADIENTS, err));
    GM_TRY(state_check(recipe, programs, err));
    return gradients_check(recipe, programs, err);
}
