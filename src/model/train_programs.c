#include "model/train_programs.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/autodiff.h"

/* What every builder function here starts with and what it must give back. */
struct draft {
    const struct gm_model *model;
    struct gm_builder *builder;
    gm_value *params; /* param_count values in canonical order */
};

static enum gm_status draft_init(struct draft *draft, const struct gm_model *model,
                                 struct gm_error *err)
{
    draft->model = model;
    draft->params = gm_mem_new(model->param_count, sizeof *draft->params);
    draft->builder = gm_builder_new();
    if (draft->params != NULL && draft->builder != NULL)
        return GM_OK;
    gm_builder_free(draft->builder);
    gm_mem_free(draft->params);
    return gm_error_set(err, GM_NO_MEMORY, "not enough memory to build a program");
}

static enum gm_status draft_finish(struct draft *draft, struct gm_program **out,
                                   struct gm_error *err)
{
    gm_mem_free(draft->params);
    return gm_builder_finish(draft->builder, out, err);
}

static void params_input(struct draft *draft)
{
    for (uint32_t i = 0; i < draft->model->param_count; i++) {
        const struct gm_param *param = &draft->model->params[i];
        draft->params[i] =
            gm_builder_input(draft->builder, GM_SOURCE_TENSOR, param->name, param->desc);
    }
}

/* Parameters, x, y, and the loss of the forward pass: outputs (loss, count). */
static gm_value loss_build(struct draft *draft, uint64_t batch, uint64_t seq)
{
    const struct gm_model *model = draft->model;
    params_input(draft);
    if (model->tokens && seq > model->positions)
        gm_builder_fail(draft->builder, GM_INVALID,
                        "a sequence of %llu tokens is longer than the model's %u positions",
                        (unsigned long long)seq, model->positions);
    gm_value x =
        gm_builder_input(draft->builder, GM_SOURCE_DATA, "x", gm_model_x_desc(model, batch, seq));
    gm_value y =
        gm_builder_input(draft->builder, GM_SOURCE_DATA, "y", gm_model_y_desc(model, batch, seq));
    gm_value logits = gm_model_forward(model, draft->builder, draft->params, x);
    enum gm_op op = model->loss == GM_LOSS_MSE ? GM_OP_MSE : GM_OP_CROSS_ENTROPY;
    gm_value loss = gm_builder_node(draft->builder, op, 2, (gm_value[]){logits, y}, NULL, 0, NULL);
    gm_builder_output(draft->builder, "loss", loss);
    gm_builder_output(draft->builder, "count", loss == GM_VALUE_NONE ? loss : loss + 1);
    return loss;
}

enum gm_status gm_train_eval_program(const struct gm_model *model, uint64_t batch, uint64_t seq,
                                     struct gm_program **out, struct gm_error *err)
{
    struct draft draft;
    GM_TRY(draft_init(&draft, model, err));
    (void)loss_build(&draft, batch, seq);
    return draft_finish(&draft, out, err);
}

enum gm_status gm_train_grad_program(const struct gm_model *model, uint64_t batch, uint64_t seq,
                                     struct gm_program **out, struct gm_error *err)
{
    struct draft draft;
    GM_TRY(draft_init(&draft, model, err));
    gm_value *gradients = gm_mem_new(model->param_count, sizeof *gradients);
    if (gradients == NULL)
        gm_builder_fail(draft.builder, GM_NO_MEMORY, "not enough memory to build a program");
    gm_value loss = loss_build(&draft, batch, seq);
    if (loss != GM_VALUE_NONE) {
        gm_autodiff(draft.builder, loss, model->param_count, draft.params, gradients);
        for (uint32_t i = 0; i < model->param_count; i++)
            gm_builder_output(draft.builder, model->params[i].name, gradients[i]);
    }
    gm_mem_free(gradients);
    return draft_finish(&draft, out, err);
}

enum gm_status gm_train_logits_program(const struct gm_model *model, uint64_t seq,
                                       struct gm_program **out, struct gm_error *err)
{
    struct draft draft;
    GM_TRY(draft_init(&draft, model, err));
    params_input(&draft);
    gm_value x =
        gm_builder_input(draft.builder, GM_SOURCE_DATA, "x", gm_model_x_desc(model, 1, seq));
    gm_value logits = gm_model_forward(model, draft.builder, draft.params, x);
    const uint64_t dims[2] = {model->tokens ? seq : 1, model->vocab};
    logits = gm_builder_node(draft.builder, GM_OP_RESHAPE, 1, &logits, NULL, 2, dims);
    gm_builder_output(draft.builder, "logits", logits);
    return draft_finish(&draft, out, err);
}

static gm_value param_init(struct draft *draft, gm_value seed, uint32_t index)
{
    const struct gm_param *param = &draft->model->params[index];
    const uint64_t scale = gm_attr_from_f32((float)param->scale);
    uint64_t attrs[3] = {index, 0, 0};
    enum gm_op op = GM_OP_FILL;
    switch (param->init) {
    case GM_INIT_ZERO:
    case GM_INIT_ONE:
        attrs[0] = gm_attr_from_f32(param->init == GM_INIT_ONE ? 1.0f : 0.0f);
        return gm_builder_node(draft->builder, op, 0, NULL, attrs, param->desc.rank,
                               param->desc.dims);
    case GM_INIT_NORMAL:
        op = GM_OP_RANDOM_NORMAL; /* stream, mean, std */
        attrs[2] = scale;
        break;
    case GM_INIT_UNIFORM:
        op = GM_OP_RANDOM_UNIFORM; /* stream, low, high */
        attrs[1] = gm_attr_from_f32(-(float)param->scale);
        attrs[2] = scale;
        break;
    }
    return gm_builder_node(draft->builder, op, 1, &seed, attrs, param->desc.rank, param->desc.dims);
}

/* The optimizer's tensors start as zeros. */
static void state_init(struct draft *draft, const char *prefix)
{
    const uint64_t zero = gm_attr_from_f32(0.0f);
    for (uint32_t i = 0; i < draft->model->param_count; i++) {
        const struct gm_param *param = &draft->model->params[i];
        char name[GM_PROGRAM_NAME_MAX + 1];
        (void)snprintf(name, sizeof name, "%s%s", prefix, param->name);
        gm_builder_output(draft->builder, name,
                          gm_builder_node(draft->builder, GM_OP_FILL, 0, NULL, &zero,
                                          param->desc.rank, param->desc.dims));
    }
}

static bool is_random(const struct gm_model *model)
{
    for (uint32_t i = 0; i < model->param_count; i++) {
        if (model->params[i].init == GM_INIT_NORMAL || model->params[i].init == GM_INIT_UNIFORM)
            return true;
    }
    return false;
}

enum gm_status gm_train_init_program(const struct gm_model *model, enum gm_optimizer optimizer,
                                     bool params_given, struct gm_program **out,
                                     struct gm_error *err)
{
    struct draft draft;
    GM_TRY(draft_init(&draft, model, err));
    const uint64_t words = 2;
    gm_value seed = GM_VALUE_NONE;
    if (!params_given && is_random(model))
        seed = gm_builder_input(draft.builder, GM_SOURCE_SEED, "seed",
                                gm_tensor_desc_make(GM_DTYPE_U32, 1, &words));
    for (uint32_t i = 0; i < model->param_count && !params_given; i++)
        gm_builder_output(draft.builder, model->params[i].name, param_init(&draft, seed, i));
    for (uint32_t s = 0; s < gm_optimizer_state_count(optimizer); s++)
        state_init(&draft, gm_optimizer_state_prefix(optimizer, s));
    return draft_finish(&draft, out, err);
}
