/* The graph of tasks: every shard is used once, and no grouping of a reduction changes the tree. */
#include <stdio.h>
#include <string.h>

#include "gm_test.h"
#include "job/graph.h"

enum { TEXT_MAX = 1 << 16, SHARDS_TRIED = 70 };

static void add_text(char *out, const char *text)
{
    size_t at = strlen(out);
    (void)snprintf(out + at, TEXT_MAX - at, "%s", text);
}

static void add_number(char *out, uint32_t number)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", number);
    add_text(out, text);
}

/* The balanced tree over leaves [first, first + count), as text: the definition, written again. */
static void tree_text(uint32_t first, uint32_t count, char *out)
{
    if (count == 1) {
        add_number(out, first);
        return;
    }
    uint32_t left = 1;
    while (left * 2 < count)
        left *= 2;
    add_text(out, "(");
    tree_text(first, left, out);
    add_text(out, "+");
    tree_text(first + left, count - left, out);
    add_text(out, ")");
}

/* The same for what the graph computes: a reduction of k operands is the tree over them. */
static void result_text(const struct gm_recipe *recipe, uint32_t level, uint32_t index, char *out);

static void operands_text(const struct gm_recipe *recipe, uint32_t level, uint32_t first,
                          uint32_t count, char *out)
{
    if (count == 1) {
        result_text(recipe, level, first, out);
        return;
    }
    uint32_t left = 1;
    while (left * 2 < count)
        left *= 2;
    add_text(out, "(");
    operands_text(recipe, level, first, left, out);
    add_text(out, "+");
    operands_text(recipe, level, first + left, count - left, out);
    add_text(out, ")");
}

static void result_text(const struct gm_recipe *recipe, uint32_t level, uint32_t index, char *out)
{
    struct gm_task_id id = gm_graph_result(recipe, 7, level, index);
    uint32_t first;
    uint32_t count;
    cr_assert_eq(id.step, 7);
    if (id.kind == GM_TASK_GRADIENT) {
        add_number(out, id.index);
        return;
    }
    gm_graph_operands(recipe, id, &first, &count);
    cr_assert(count >= 2 && count <= recipe->fanin);
    operands_text(recipe, id.level - 1, first, count, out);
}

Test(graph, reductions_of_any_fan_in_are_the_same_balanced_tree)
{
    static char expected[TEXT_MAX];
    static char found[TEXT_MAX];
    for (uint32_t fanin = 2; fanin <= GM_RECIPE_FANIN; fanin *= 2) {
        for (uint32_t shards = 1; shards <= SHARDS_TRIED; shards++) {
            struct gm_recipe recipe = {.shard_count = shards, .fanin = fanin};
            expected[0] = found[0] = '\0';
            tree_text(0, shards, expected);
            result_text(&recipe, gm_graph_levels(&recipe), 0, found);
            cr_assert_str_eq(found, expected);
        }
    }
}

Test(graph, one_shard_needs_no_reduction)
{
    struct gm_recipe recipe = {.shard_count = 1, .fanin = 8};
    cr_assert_eq(gm_graph_levels(&recipe), 0);
    cr_assert_eq(gm_graph_result(&recipe, 3, 0, 0).kind, GM_TASK_GRADIENT);
}

Test(graph, evaluations_come_at_their_interval_and_at_the_end)
{
    struct gm_recipe recipe = {.step_count = 25, .evaluate_every = 10};
    uint32_t count = 0;
    for (uint32_t step = 0; step <= recipe.step_count; step++)
        count += gm_graph_evaluates(&recipe, step);
    cr_assert_eq(count, 4); /* 0, 10, 20, 25 */
    cr_assert(gm_graph_evaluates(&recipe, 25));
    recipe.evaluate_every = 0;
    cr_assert(!gm_graph_evaluates(&recipe, 25));
}
