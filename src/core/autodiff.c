#include "core/autodiff.h"

#include <assert.h>

#include "base/mem.h"
#include "core/builder.h"

/* How the uses of a value that lead to the loss cut it: see tile_uses. */
struct tiling {
    uint64_t end; /* columns covered so far */
    uint32_t slice_count;
    bool broken; /* another use, a gap, an overlap, or a slice out of order */
};

/* Values and nodes that were there before the first backward operation. */
struct walk {
    struct gm_builder *builder;
    uint32_t value_count;
    uint32_t node_count;
    bool *depends;    /* per value: a wanted value flows into it */
    bool *influences; /* per value: it flows into the loss */
    struct tiling *tilings;
    gm_value *gradients;   /* per value: the sum so far */
    gm_value *slice_first; /* per value: the earliest of its slices that were visited */
    gm_value *slice_next;  /* per value that is a slice: the next one of the same value */
};

static bool is_f32(const struct walk *walk, gm_value value)
{
    return gm_builder_values(walk->builder)[value].desc.dtype == GM_DTYPE_F32;
}

static bool depends_input(const struct walk *walk, const struct gm_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        if (walk->depends[node->inputs[i]])
            return true;
    return false;
}

static bool influences_output(const struct walk *walk, const struct gm_node *node)
{
    for (uint32_t j = 0; j < gm_op_find(node->op)->output_count; j++)
        if (walk->influences[node->output_first + j])
            return true;
    return false;
}

/* A gradient flows through the node. */
static bool is_active(const struct walk *walk, const struct gm_node *node)
{
    return depends_input(walk, node) && influences_output(walk, node);
}

static void mark(struct walk *walk, gm_value loss, uint32_t wanted_count, const gm_value *wanted)
{
    const struct gm_node *nodes = gm_builder_nodes(walk->builder);
    for (uint32_t i = 0; i < wanted_count; i++)
        walk->depends[wanted[i]] = true;
    for (uint32_t n = 0; n < walk->node_count; n++) {
        if (!depends_input(walk, &nodes[n]))
            continue;
        for (uint32_t j = 0; j < gm_op_find(nodes[n].op)->output_count; j++)
            if (is_f32(walk, nodes[n].output_first + j))
                walk->depends[nodes[n].output_first + j] = true;
    }
    walk->influences[loss] = true;
    for (uint32_t n = walk->node_count; n-- > 0;) {
        if (!influences_output(walk, &nodes[n]))
            continue;
        for (uint32_t i = 0; i < nodes[n].input_count; i++)
            if (is_f32(walk, nodes[n].inputs[i]))
                walk->influences[nodes[n].inputs[i]] = true;
    }
}

/* Finds the values whose uses are slices that cover them, left to right, once each. */
static void tile_uses(struct walk *walk)
{
    const struct gm_node *nodes = gm_builder_nodes(walk->builder);
    for (uint32_t n = 0; n < walk->node_count; n++) {
        const struct gm_node *node = &nodes[n];
        if (!is_active(walk, node))
            continue;
        for (uint32_t i = 0; i < node->input_count; i++) {
            struct tiling *tiling = &walk->tilings[node->inputs[i]];
            if (node->op != GM_OP_SLICE_COLS || node->attrs[0] != tiling->end) {
                tiling->broken = true;
                continue;
            }
            tiling->end += node->attrs[1];
            tiling->slice_count++;
        }
    }
}

static bool is_tiled(const struct walk *walk, gm_value value)
{
    const struct tiling *tiling = &walk->tilings[value];
    return !tiling->broken && tiling->slice_count >= 1 && tiling->slice_count <= GM_OP_INPUTS_MAX &&
           tiling->end == gm_tensor_cols(&gm_builder_values(walk->builder)[value].desc);
}

/* The whole gradient of a value whose uses were all visited. */
static gm_value resolve(struct walk *walk, gm_value value)
{
    if (walk->gradients[value] != GM_VALUE_NONE || walk->slice_first[value] == GM_VALUE_NONE)
        return walk->gradients[value];
    gm_value parts[GM_OP_INPUTS_MAX];
    uint32_t count = 0;
    for (gm_value s = walk->slice_first[value]; s != GM_VALUE_NONE; s = walk->slice_next[s])
        parts[count++] = walk->gradients[s];
    walk->gradients[value] =
        count == 1 ? parts[0]
                   : gm_builder_node(walk->builder, GM_OP_CONCAT_COLS, count, parts, NULL, 0, NULL);
    return walk->gradients[value];
}

static void accumulate(struct walk *walk, gm_value value, gm_value gradient)
{
    gm_value *sum = &walk->gradients[value];
    if (walk->builder->fault.status != GM_OK)
        return;
    assert(gradient != GM_VALUE_NONE && "a rule answers what is wanted");
    assert(gm_tensor_desc_equal(gm_builder_desc(walk->builder, gradient),
                                gm_builder_desc(walk->builder, value)));
    *sum = *sum == GM_VALUE_NONE ? gradient
                                 : gm_builder_node(walk->builder, GM_OP_ADD, 2,
                                                   (gm_value[]){*sum, gradient}, NULL, 0, NULL);
}

static void visit(struct walk *walk, const struct gm_node *node)
{
    const struct gm_op_desc *desc = gm_op_find(node->op);
    struct gm_grad grad = {.builder = walk->builder, .node = node};
    for (uint32_t j = 0; j < GM_OP_OUTPUTS_MAX; j++)
        grad.output_gradients[j] =
            j < desc->output_count ? resolve(walk, node->output_first + j) : GM_VALUE_NONE;
    for (uint32_t i = 0; i < GM_OP_INPUTS_MAX; i++) {
        grad.input_gradients[i] = GM_VALUE_NONE;
        grad.wanted[i] = i < node->input_count && walk->depends[node->inputs[i]];
    }
    if (node->op == GM_OP_SLICE_COLS && is_tiled(walk, node->inputs[0])) {
        walk->slice_next[node->output_first] = walk->slice_first[node->inputs[0]];
        walk->slice_first[node->inputs[0]] = node->output_first;
        return;
    }
    if (desc->grad == NULL) {
        gm_builder_fail(walk->builder, GM_UNSUPPORTED,
                        "%s: the loss depends on it, and it has no gradient", desc->name);
        return;
    }
    struct gm_error err = {GM_OK, ""};
    enum gm_status status = desc->grad(&grad, &err);
    if (status != GM_OK)
        gm_builder_fail(walk->builder, status, "%s", err.text);
    for (uint32_t i = 0; i < node->input_count; i++)
        if (grad.wanted[i])
            accumulate(walk, node->inputs[i], grad.input_gradients[i]);
}

static gm_value fill(struct gm_builder *builder, const struct gm_tensor_desc *desc, float value)
{
    return gm_builder_node(builder, GM_OP_FILL, 0, NULL, (uint64_t[]){gm_attr_from_f32(value)},
                           desc->rank, desc->dims);
}

static void run(struct walk *walk, gm_value loss, uint32_t wanted_count, const gm_value *wanted,
                gm_value *gradients)
{
    struct gm_builder *builder = walk->builder;
    mark(walk, loss, wanted_count, wanted);
    tile_uses(walk);
    struct gm_tensor_desc one = *gm_builder_desc(builder, loss);
    walk->gradients[loss] = fill(builder, &one, 1.0F);
    for (uint32_t n = walk->node_count; n-- > 0 && builder->fault.status == GM_OK;) {
        /* A copy: rules add nodes, which may move the list. */
        struct gm_node node = gm_builder_nodes(builder)[n];
        if (is_active(walk, &node))
            visit(walk, &node);
    }
    for (uint32_t i = 0; i < wanted_count; i++) {
        gradients[i] = resolve(walk, wanted[i]);
        if (gradients[i] == GM_VALUE_NONE && builder->fault.status == GM_OK) {
            struct gm_tensor_desc desc = *gm_builder_desc(builder, wanted[i]);
            gradients[i] = fill(builder, &desc, 0.0F);
        }
    }
}

/* False, with the fault noted, when the call makes no sense. */
static bool check(struct gm_builder *builder, gm_value loss, uint32_t wanted_count,
                  const gm_value *wanted)
{
    uint64_t one = 1;
    struct gm_tensor_desc scalar = gm_tensor_desc_make(GM_DTYPE_F32, 1, &one);
    const struct gm_tensor_desc *desc = gm_builder_desc(builder, loss);
    char text[GM_TENSOR_TEXT_CHARS];
    if (desc == NULL || !gm_tensor_desc_equal(desc, &scalar)) {
        gm_builder_fail(builder, GM_INVALID, "the loss is %s, expected f32 (1)",
                        desc == NULL ? "no value" : gm_tensor_desc_text(text, desc));
        return false;
    }
    for (uint32_t i = 0; i < wanted_count; i++) {
        desc = gm_builder_desc(builder, wanted[i]);
        if (desc == NULL || desc->dtype != GM_DTYPE_F32) {
            gm_builder_fail(builder, GM_INVALID, "a gradient is wanted of %s, expected f32",
                            desc == NULL ? "no value" : gm_tensor_desc_text(text, desc));
            return false;
        }
    }
    return true;
}

void gm_autodiff(struct gm_builder *builder, gm_value loss, uint32_t wanted_count,
                 const gm_value *wanted, gm_value *gradients)
{
    for (uint32_t i = 0; i < wanted_count; i++)
        gradients[i] = GM_VALUE_NONE;
    if (!check(builder, loss, wanted_count, wanted))
        return;
    size_t count = builder->values.count;
    struct walk walk = {
        .builder = builder,
        .value_count = builder->values.count,
        .node_count = builder->nodes.count,
        .depends = gm_mem_new(count, sizeof(bool)),
        .influences = gm_mem_new(count, sizeof(bool)),
        .tilings = gm_mem_new(count, sizeof(struct tiling)),
        .gradients = gm_mem_new(count, sizeof(gm_value)),
        .slice_first = gm_mem_new(count, sizeof(gm_value)),
        .slice_next = gm_mem_new(count, sizeof(gm_value)),
    };
    if (walk.depends == NULL || walk.influences == NULL || walk.tilings == NULL ||
        walk.gradients == NULL || walk.slice_first == NULL || walk.slice_next == NULL) {
        gm_builder_fail(builder, GM_NO_MEMORY, "no memory for the gradients of %zu values", count);
    } else {
        for (size_t v = 0; v < count; v++)
            walk.gradients[v] = walk.slice_first[v] = walk.slice_next[v] = GM_VALUE_NONE;
        run(&walk, loss, wanted_count, wanted, gradients);
    }
    gm_mem_free(walk.depends);
    gm_mem_free(walk.influences);
    gm_mem_free(walk.tilings);
    gm_mem_free(walk.gradients);
    gm_mem_free(walk.slice_first);
    gm_mem_free(walk.slice_next);
}
