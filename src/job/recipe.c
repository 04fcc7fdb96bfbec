#include "job/recipe.h"

#include <string.h>

#include "base/mem.h"
#include "job/graph.h"
#include "job/recipe_check.h"

void gm_recipe_fini(struct gm_recipe *recipe)
{
    gm_mem_free(recipe->given);
    *recipe = (struct gm_recipe){0};
}

/* Which arities the graph of this recipe has. */
static void arities_find(const struct gm_recipe *recipe, bool used[GM_RECIPE_FANIN + 1])
{
    memset(used, 0, (GM_RECIPE_FANIN + 1) * sizeof *used);
    for (uint32_t level = 1; level <= gm_graph_levels(recipe); level++) {
        for (uint32_t i = 0; i < gm_graph_width(recipe, level); i++) {
            uint32_t first;
            uint32_t count;
            gm_graph_operands(recipe, (struct gm_task_id){GM_TASK_REDUCE, 0, level, i}, &first,
                              &count);
            used[count] = true;
        }
    }
    used[1] = false;
}

static enum gm_status program_load(const struct gm_blob_lookup *lookup, const struct gm_hash *name,
                                   const char *what, struct gm_program **out, struct gm_error *err)
{
    struct gm_bytes bytes;
    enum gm_status status = lookup->bytes(lookup->ctx, name, &bytes, err);
    if (status == GM_OK)
        status = gm_program_decode(bytes, out, err);
    return status == GM_OK ? GM_OK : gm_error_at(err, status, "the %s program", what);
}

static enum gm_status programs_load(const struct gm_recipe *recipe,
                                    const struct gm_blob_lookup *lookup,
                                    struct gm_recipe_programs *out, struct gm_error *err)
{
    static const struct gm_hash none = {{0}};
    bool used[GM_RECIPE_FANIN + 1];
    arities_find(recipe, used);
    GM_TRY(program_load(lookup, &recipe->init_program, "init", &out->init, err));
    GM_TRY(program_load(lookup, &recipe->gradient_program, "gradient", &out->gradient, err));
    GM_TRY(program_load(lookup, &recipe->update_program, "update", &out->update, err));
    for (uint32_t k = 2; k <= GM_RECIPE_FANIN; k++) {
        if (used[k])
            GM_TRY(
                program_load(lookup, &recipe->reduce_programs[k], "reduce", &out->reduce[k], err));
    }
    if (!gm_hash_equal(&recipe->evaluate_program, &none))
        GM_TRY(program_load(lookup, &recipe->evaluate_program, "evaluate", &out->evaluate, err));
    else if (recipe->evaluate_every != 0)
        return gm_error_set(err, GM_INVALID, "recipe: evaluations without a program for them");
    return gm_recipe_programs_check(recipe, out, err);
}

enum gm_status gm_recipe_programs_load(const struct gm_recipe *recipe,
                                       const struct gm_blob_lookup *lookup,
                                       struct gm_recipe_programs *out, struct gm_error *err)
{
    *out = (struct gm_recipe_programs){0};
    enum gm_status status = programs_load(recipe, lookup, out, err);
    if (status != GM_OK)
        gm_recipe_programs_fini(out);
    return status;
}

void gm_recipe_programs_fini(struct gm_recipe_programs *programs)
{
    gm_program_free(programs->init);
    gm_program_free(programs->gradient);
    for (uint32_t k = 0; k <= GM_RECIPE_FANIN; k++)
        gm_program_free(programs->reduce[k]);
    gm_program_free(programs->update);
    gm_program_free(programs->evaluate);
    *programs = (struct gm_recipe_programs){0};
}
