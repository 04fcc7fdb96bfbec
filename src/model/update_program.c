#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/train_programs.h"

enum { STATE_MAX = 2, CONCAT_MAX = 8 };

struct draft {
    const struct gm_model *model;
    const struct gm_update_config *config;
    struct gm_builder *builder;
    gm_value *params;           /* all arrays: param_count values */
    gm_value *state[STATE_MAX]; /* the first gm_optimizer_state_count are used */
    gm_value *gradients;
    gm_value *squares;
};

uint32_t gm_optimizer_state_count(enum gm_optimizer kind)
{
    return kind == GM_OPTIMIZER_ADAMW ? 2 : 1;
}

const char *gm_optimizer_state_prefix(enum gm_optimizer kind, uint32_t index)
{
    if (kind == GM_OPTIMIZER_SGD)
        return "b.";
    return index == 0 ? "m." : "v.";
}

static void draft_free(struct draft *draft)
{
    gm_mem_free(draft->params);
    gm_mem_free(draft->gradients);
    gm_mem_free(draft->squares);
    for (int s = 0; s < STATE_MAX; s++)
        gm_mem_free(draft->state[s]);
}

static bool draft_init(struct draft *draft, const struct gm_model *model,
                       const struct gm_update_config *config)
{
    const size_t count = model->param_count;
    *draft = (struct draft){.model = model, .config = config};
    draft->params = gm_mem_new(count, sizeof(gm_value));
    draft->gradients = gm_mem_new(count, sizeof(gm_value));
    draft->squares = gm_mem_new(count, sizeof(gm_value));
    bool whole = draft->params != NULL && draft->gradients != NULL && draft->squares != NULL;
    for (int s = 0; s < STATE_MAX; s++) {
        draft->state[s] = gm_mem_new(count, sizeof(gm_value));
        whole = whole && draft->state[s] != NULL;
    }
    draft->builder = whole ? gm_builder_new() : NULL;
    if (draft->builder == NULL)
        draft_free(draft);
    return draft->builder != NULL;
}

static gm_value scalar_input(struct draft *draft, enum gm_source source, const char *name,
                             enum gm_dtype dtype)
{
    const uint64_t one = 1;
    return gm_builder_input(draft->builder, source, name, gm_tensor_desc_make(dtype, 1, &one));
}

/* One TENSOR input per parameter, named with a prefix. */
static void group_input(struct draft *draft, const char *prefix, gm_value *values)
{
    for (uint32_t i = 0; i < draft->model->param_count; i++) {
        const struct gm_param *param = &draft->model->params[i];
        char name[GM_PROGRAM_NAME_MAX + 1];
        (void)snprintf(name, sizeof name, "%s%s", prefix, param->name);
        values[i] = gm_builder_input(draft->builder, GM_SOURCE_TENSOR, name, param->desc);
    }
}

static void group_output(struct draft *draft, const char *prefix, const gm_value *values)
{
    for (uint32_t i = 0; i < draft->model->param_count; i++) {
        char name[GM_PROGRAM_NAME_MAX + 1];
        (void)snprintf(name, sizeof name, "%s%s", prefix, draft->model->params[i].name);
        gm_builder_output(draft->builder, name, values[i]);
    }
}

static gm_value node1(struct draft *draft, enum gm_op op, gm_value x, const uint64_t *attrs)
{
    return gm_builder_node(draft->builder, op, 1, &x, attrs, 0, NULL);
}

static gm_value node2(struct draft *draft, enum gm_op op, gm_value a, gm_value b)
{
    return gm_builder_node(draft->builder, op, 2, (gm_value[]){a, b}, NULL, 0, NULL);
}

/* Squared norm of all mean gradients. The tensors' own sums are put side by side, eight at a time,
   until they are one vector, which the Sum rule adds: no chain that grows with the model. */
static gm_value squares_sum(struct draft *draft)
{
    uint32_t count = draft->model->param_count;
    for (uint32_t i = 0; i < count; i++)
        draft->squares[i] = node1(draft, GM_OP_SUM_SQUARES, draft->gradients[i], NULL);
    while (count > 1) {
        uint32_t joined = 0;
        for (uint32_t i = 0; i < count; i += CONCAT_MAX) {
            uint32_t part = count - i < CONCAT_MAX ? count - i : CONCAT_MAX;
            gm_value *first = &draft->squares[i];
            draft->squares[joined++] = part == 1
                                           ? *first
                                           : gm_builder_node(draft->builder, GM_OP_CONCAT_COLS,
                                                             part, first, NULL, 0, NULL);
        }
        count = joined;
    }
    return node1(draft, GM_OP_SUM, draft->squares[0], NULL);
}

static gm_value learning_rate(struct draft *draft, gm_value step)
{
    const struct gm_schedule_config *schedule = &draft->config->schedule;
    const uint64_t attrs[5] = {
        schedule->kind,
        gm_attr_from_f32((float)draft->config->optimizer.lr),
        gm_attr_from_f32((float)schedule->min_lr),
        schedule->warmup_steps,
        schedule->total_steps,
    };
    return node1(draft, GM_OP_LEARNING_RATE, step, attrs);
}

/* Replaces parameter and state `i` by their next values. */
static void param_step(struct draft *draft, uint32_t i, gm_value lr, gm_value step)
{
    const struct gm_optimizer_config *config = &draft->config->optimizer;
    const uint64_t decay =
        gm_attr_from_f32(draft->model->params[i].decay ? (float)config->weight_decay : 0.0f);
    gm_value first;
    if (config->kind == GM_OPTIMIZER_ADAMW) {
        const uint64_t attrs[4] = {gm_attr_from_f32((float)config->beta1),
                                   gm_attr_from_f32((float)config->beta2),
                                   gm_attr_from_f32((float)config->eps), decay};
        const gm_value inputs[6] = {draft->params[i],
                                    draft->gradients[i],
                                    draft->state[0][i],
                                    draft->state[1][i],
                                    lr,
                                    step};
        first = gm_builder_node(draft->builder, GM_OP_ADAMW, 6, inputs, attrs, 0, NULL);
    } else {
        const uint64_t attrs[3] = {gm_attr_from_f32((float)config->momentum), decay,
                                   config->nesterov};
        const gm_value inputs[5] = {draft->params[i], draft->gradients[i], draft->state[0][i], lr,
                                    step};
        first = gm_builder_node(draft->builder, GM_OP_SGD, 5, inputs, attrs, 0, NULL);
    }
    if (first == GM_VALUE_NONE)
        return;
    draft->params[i] = first;
    for (uint32_t s = 0; s < gm_optimizer_state_count(config->kind); s++)
        draft->state[s][i] = first + 1 + s;
}

/* grad = sum / count, then clipped by its global norm. Outputs are held back: they come last. */
static gm_value gradients_scale(struct draft *draft, gm_value reciprocal)
{
    for (uint32_t i = 0; i < draft->model->param_count; i++)
        draft->gradients[i] = node2(draft, GM_OP_SCALE_BY, draft->gradients[i], reciprocal);
    gm_value squares = squares_sum(draft);
    if (draft->config->clip_norm <= 0)
        return squares;
    const uint64_t max_norm = gm_attr_from_f32((float)draft->config->clip_norm);
    gm_value factor = node1(draft, GM_OP_CLIP_FACTOR, squares, &max_norm);
    for (uint32_t i = 0; i < draft->model->param_count; i++)
        draft->gradients[i] = node2(draft, GM_OP_SCALE_BY, draft->gradients[i], factor);
    return squares;
}

static void update_build(struct draft *draft)
{
    const enum gm_optimizer kind = draft->config->optimizer.kind;
    const uint32_t state_count = gm_optimizer_state_count(kind);
    group_input(draft, "", draft->params);
    for (uint32_t s = 0; s < state_count; s++)
        group_input(draft, gm_optimizer_state_prefix(kind, s), draft->state[s]);
    gm_value loss = scalar_input(draft, GM_SOURCE_TENSOR, "loss", GM_DTYPE_F32);
    gm_value count = scalar_input(draft, GM_SOURCE_TENSOR, "count", GM_DTYPE_U32);
    group_input(draft, "grad.", draft->gradients);
    gm_value step = scalar_input(draft, GM_SOURCE_STEP, "step", GM_DTYPE_U32);

    gm_value reciprocal = node1(draft, GM_OP_RECIPROCAL_COUNT, count, NULL);
    gm_value squares = gradients_scale(draft, reciprocal);
    gm_value lr = learning_rate(draft, step);
    for (uint32_t i = 0; i < draft->model->param_count; i++)
        param_step(draft, i, lr, step);

    group_output(draft, "", draft->params);
    for (uint32_t s = 0; s < state_count; s++)
        group_output(draft, gm_optimizer_state_prefix(kind, s), draft->state[s]);
    gm_builder_output(draft->builder, "mean_loss", node2(draft, GM_OP_MUL, loss, reciprocal));
    gm_builder_output(draft->builder, "grad_squares", squares);
}

enum gm_status gm_train_update_program(const struct gm_model *model,
                                       const struct gm_update_config *config,
                                       struct gm_program **out, struct gm_error *err)
{
    struct draft draft;
    if (!draft_init(&draft, model, config))
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory to build a program");
    update_build(&draft);
    draft_free(&draft);
    return gm_builder_finish(draft.builder, out, err);
}
