/* A recipe's bytes: one encoding, and every number that does not fit the others refused by name. */
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "job/recipe.h"

static struct gm_slice slice_make(enum gm_slice_kind kind)
{
    struct gm_slice slice = {
        .kind = kind, .seq = 8, .samples_total = 10, .count = 2, .shuffle = true, .order_seed = 5};
    const uint64_t bytes = 1000;
    memset(slice.root.bytes, 7, sizeof slice.root.bytes);
    slice.desc = gm_tensor_desc_make(GM_DTYPE_U8, 1, &bytes);
    return slice;
}

static struct gm_recipe recipe_make(struct gm_hash *given)
{
    struct gm_recipe recipe = {
        .name = "a-job",
        .seed = 11,
        .step_count = 100,
        .shard_count = 4,
        .fanin = 8,
        .samples_per_step = 8,
        .param_count = 2,
        .state_count = 6,
        .given_count = 2,
        .given = given,
        .evaluate_every = 10,
        .checkpoint_every = 5,
        .tokens_per_sample = 8,
        .replay_ppm = 50000,
        .replicate_ppm = 10000,
    };
    memset(&recipe.gradient_program, 1, sizeof recipe.gradient_program);
    memset(given, 2, 2 * sizeof *given);
    for (int field = 0; field < GM_RECIPE_DATA_FIELDS; field++) {
        enum gm_slice_kind kind = field == 0 ? GM_SLICE_TOKENS_X : GM_SLICE_TOKENS_Y;
        recipe.train[field] = slice_make(kind);
        recipe.evaluate[field] = slice_make(kind);
    }
    return recipe;
}

static void encode(const struct gm_recipe *recipe, struct gm_buf *out)
{
    gm_buf_init(out, GM_RECIPE_ENCODED_MAX);
    cr_assert_eq(gm_recipe_encode(recipe, out), GM_OK);
}

Test(recipe, comes_back_as_it_was_and_encodes_to_the_same_bytes)
{
    struct gm_hash given[2];
    struct gm_recipe recipe = recipe_make(given);
    struct gm_recipe back;
    struct gm_buf bytes;
    struct gm_buf again;
    struct gm_error err = {.status = GM_OK};
    encode(&recipe, &bytes);
    cr_assert_eq(gm_recipe_decode(gm_buf_view(&bytes), &back, &err), GM_OK, "%s", err.text);
    cr_assert_str_eq(back.name, "a-job");
    cr_assert_eq(back.fanin, 8);
    cr_assert_eq(back.given_count, 2);
    cr_assert(gm_hash_equal(&back.given[1], &given[1]));
    encode(&back, &again);
    cr_assert(gm_bytes_equal(gm_buf_view(&bytes), gm_buf_view(&again)));
    gm_recipe_fini(&back);
    gm_buf_fini(&bytes);
    gm_buf_fini(&again);
}

/* Every byte flipped and every cut: refused, or a recipe that encodes to exactly those bytes. */
Test(recipe, has_one_encoding_and_bears_any_damage)
{
    struct gm_hash given[2];
    struct gm_recipe recipe = recipe_make(given);
    struct gm_buf bytes;
    encode(&recipe, &bytes);
    for (size_t at = 0; at < bytes.size_bytes; at++) {
        struct gm_recipe back;
        struct gm_buf again;
        cr_assert_neq(gm_recipe_decode((struct gm_bytes){bytes.data, at}, &back, NULL), GM_OK);
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[at] ^= (uint8_t)(1 << bit);
            if (gm_recipe_decode(gm_buf_view(&bytes), &back, NULL) == GM_OK) {
                encode(&back, &again);
                cr_assert(gm_bytes_equal(gm_buf_view(&bytes), gm_buf_view(&again)));
                gm_buf_fini(&again);
                gm_recipe_fini(&back);
            }
            bytes.data[at] ^= (uint8_t)(1 << bit);
        }
    }
    gm_buf_fini(&bytes);
}

static void refused(const struct gm_recipe *recipe, const char *field)
{
    struct gm_error err = {.status = GM_OK};
    cr_assert_eq(gm_recipe_check(recipe, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, field), "\"%s\" does not name %s", err.text, field);
}

Test(recipe, names_the_number_that_does_not_fit)
{
    struct gm_hash given[2];
    struct gm_recipe recipe = recipe_make(given);
    cr_assert_eq(gm_recipe_check(&recipe, NULL), GM_OK);
    recipe.step_count = 0;
    refused(&recipe, "steps");
    recipe = recipe_make(given);
    recipe.samples_per_step = 9;
    refused(&recipe, "samples");
    recipe = recipe_make(given);
    recipe.fanin = 3;
    refused(&recipe, "fan-in");
    recipe = recipe_make(given);
    recipe.given_count = 1;
    refused(&recipe, "given");
    recipe = recipe_make(given);
    recipe.state_count = 1;
    refused(&recipe, "state");
    recipe = recipe_make(given);
    recipe.replay_ppm = GM_PPM + 1;
    refused(&recipe, "replay");
    recipe = recipe_make(given);
    recipe.name[0] = '\0';
    refused(&recipe, "name");
}
