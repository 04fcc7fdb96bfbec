/* Inside the job layer: does a recipe fit its programs? */
#ifndef GM_JOB_RECIPE_CHECK_H
#define GM_JOB_RECIPE_CHECK_H

#include "job/recipe.h"

/* Every program the graph of the recipe runs must be there. */
enum gm_status gm_recipe_programs_check(const struct gm_recipe *recipe,
                                        const struct gm_recipe_programs *programs,
                                        struct gm_error *err) GM_MUST_USE;

#endif
