/* Recipes: accepted ones have passed their own check. */
#include "again.h"
#include "job/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_recipe recipe;
    enum gm_status status = gm_recipe_decode(input, &recipe, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    struct gm_buf out;
    gm_buf_init(&out, size_bytes);
    status = gm_recipe_check(&recipe, &err);
    assert(status == GM_OK);
    status = gm_recipe_encode(&recipe, &out);
    fuzz_same(status, &out, input);
    gm_recipe_fini(&recipe);
    return 0;
}
