#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/family.h"

static const struct gm_model_family *const families[] = {
    &gm_family_gpt2,
    &gm_family_llama,
    &gm_family_mlp,
    &gm_family_convnet,
};
enum { FAMILY_COUNT = sizeof families / sizeof *families };

static enum gm_status family_find(const struct gm_json *doc, const struct gm_model_family **out,
                                  struct gm_error *err)
{
    const json_t *type = json_object_get(doc->root, "model_type");
    if (type == NULL)
        return gm_json_fail(doc, "model_type", GM_INVALID, err,
                            "is missing (expected gpt2, llama, gradmill-mlp or gradmill-convnet)");
    for (size_t i = 0; i < FAMILY_COUNT && json_is_string(type); i++) {
        if (strcmp(json_string_value(type), families[i]->model_type) == 0) {
            *out = families[i];
            return GM_OK;
        }
    }
    return gm_json_fail(doc, "model_type", GM_UNSUPPORTED, err,
                        "\"%.40s\" is not supported (expected gpt2, llama, gradmill-mlp or "
                        "gradmill-convnet)",
                        json_is_string(type) ? json_string_value(type) : "?");
}

enum gm_status gm_model_param_add(struct gm_model *model, struct gm_param_init init, uint64_t dim0,
                                  uint64_t dim1, uint64_t dim2, uint64_t dim3, struct gm_error *err,
                                  const char *format, ...)
{
    if (model->param_count == GM_MODEL_PARAMS_MAX)
        return gm_error_set(err, GM_LIMIT, "the model has more than %d parameter tensors",
                            GM_MODEL_PARAMS_MAX);
    struct gm_param *param = &model->params[model->param_count];
    uint64_t dims[4] = {dim0, dim1, dim2, dim3};
    uint32_t rank = dim1 == 0 ? 1 : dim2 == 0 ? 2 : dim3 == 0 ? 3 : 4;
    param->desc = gm_tensor_desc_make(GM_DTYPE_F32, rank, dims);
    param->init = init.init;
    param->scale = init.scale;
    param->decay = init.decay;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(param->name, sizeof param->name, format, args);
    va_end(args);
    if (!gm_tensor_desc_valid(&param->desc))
        return gm_error_set(err, GM_LIMIT, "parameter %s is larger than 2^48 bytes", param->name);
    model->param_count++;
    return GM_OK;
}

enum gm_status gm_linear_add(struct gm_model *model, uint64_t in, uint64_t out,
                             struct gm_error *err, const char *group, size_t index)
{
    const double bound = 1.0 / sqrt((double)in);
    const struct gm_param_init weight = {GM_INIT_UNIFORM, bound, true};
    const struct gm_param_init bias = {GM_INIT_UNIFORM, bound, false};
    GM_TRY(gm_model_param_add(model, weight, out, in, 0, 0, err, "%s.%zu.weight", group, index));
    return gm_model_param_add(model, bias, out, 0, 0, 0, err, "%s.%zu.bias", group, index);
}

static int param_by_name(const void *left, const void *right)
{
    const struct gm_param *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static enum gm_status model_fill(struct gm_model *model, const struct gm_json *doc,
                                 bool dropout_off, struct gm_error *err)
{
    void *config = gm_mem_new(1, model->family->config_bytes);
    model->config = config;
    model->config_text = gm_mem_copy_text(doc->text);
    model->params = gm_mem_new(GM_MODEL_PARAMS_MAX, sizeof *model->params);
    if (config == NULL || model->config_text == NULL || model->params == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", doc->name);
    GM_TRY(model->family->parse(doc, dropout_off, config, err));
    enum gm_status status = model->family->describe(model, err);
    if (status != GM_OK)
        return gm_error_at(err, status, "%s", doc->name);
    qsort(model->params, model->param_count, sizeof *model->params, param_by_name);
    return GM_OK;
}

enum gm_status gm_model_new(const struct gm_json *config, bool dropout_off, struct gm_model **out,
                            struct gm_error *err)
{
    *out = NULL;
    const struct gm_model_family *family = NULL;
    GM_TRY(family_find(config, &family, err));
    struct gm_model *model = gm_mem_new(1, sizeof *model);
    if (model == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", config->name);
    model->family = family;
    enum gm_status status = model_fill(model, config, dropout_off, err);
    if (status != GM_OK) {
        gm_model_free(model);
        return status;
    }
    *out = model;
    return GM_OK;
}

enum gm_status gm_model_load(const char *config_path, bool dropout_off, struct gm_model **out,
                             struct gm_error *err)
{
    *out = NULL;
    struct gm_json *doc;
    GM_TRY(gm_json_load(config_path, &doc, err));
    enum gm_status status = gm_model_new(doc, dropout_off, out, err);
    gm_json_free(doc);
    return status;
}

void gm_model_free(struct gm_model *model)
{
    if (model == NULL)
        return;
    gm_mem_free((void *)model->config);
    gm_mem_free(model->config_text);
    gm_mem_free(model->params);
    gm_mem_free(model);
}

uint32_t gm_model_param_find(const struct gm_model *model, const char *name)
{
    uint32_t low = 0, high = model->param_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(model->params[middle].name, name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

uint64_t gm_model_element_count(const struct gm_model *model)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < model->param_count; i++)
        count += gm_tensor_count(&model->params[i].desc);
    return count;
}

uint64_t gm_model_size_bytes(const struct gm_model *model)
{
    return gm_model_element_count(model) * sizeof(float);
}

struct gm_tensor_desc gm_model_x_desc(const struct gm_model *model, uint64_t batch, uint64_t seq)
{
    if (model->tokens)
        return gm_tensor_desc_make(GM_DTYPE_U32, 2, (uint64_t[]){batch, seq});
    uint64_t dims[GM_RANK_MAX] = {batch};
    for (uint32_t i = 0; i < model->input_rank; i++)
        dims[i + 1] = model->input_dims[i];
    return gm_tensor_desc_make(GM_DTYPE_F32, model->input_rank + 1, dims);
}

struct gm_tensor_desc gm_model_y_desc(const struct gm_model *model, uint64_t batch, uint64_t seq)
{
    if (model->tokens)
        return gm_tensor_desc_make(GM_DTYPE_U32, 2, (uint64_t[]){batch, seq});
    if (model->loss == GM_LOSS_CROSS_ENTROPY)
        return gm_tensor_desc_make(GM_DTYPE_U32, 1, (uint64_t[]){batch});
    return gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){batch, model->vocab});
}

gm_value gm_model_forward(const struct gm_model *model, struct gm_builder *builder,
                          const gm_value *params, gm_value x)
{
    return model->family->forward(model, builder, params, x);
}
