/* Model configs: good ones give the parameters that Hugging Face's library would have; a field that
   would change the maths is refused by name, value and what was expected. */
#include "gm_test.h"

#include "gm_folder.h"
#include "model/weights.h"

#define GPT2                                                                                       \
    "\"model_type\":\"gpt2\",\"n_layer\":2,\"n_head\":4,\"n_embd\":8,\"n_positions\":16,"          \
    "\"vocab_size\":11"
#define NO_DROPOUT ",\"resid_pdrop\":0,\"embd_pdrop\":0,\"attn_pdrop\":0"
#define LLAMA                                                                                      \
    "\"model_type\":\"llama\",\"hidden_size\":12,\"intermediate_size\":20,"                        \
    "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":11,"                         \
    "\"max_position_embeddings\":32"
#define CONVNET                                                                                    \
    "\"model_type\":\"gradmill-convnet\",\"input\":[1,9,9],\"channels\":[3,4],"                    \
    "\"outputs\":5"

static enum gm_status load(const char *text, bool dropout_off, struct gm_model **out,
                           struct gm_error *err)
{
    *out = NULL;
    struct gm_json *doc;
    GM_TRY(gm_json_parse("config.json", (struct gm_bytes){(const uint8_t *)text, strlen(text)},
                         &doc, err));
    enum gm_status status = gm_model_new(doc, dropout_off, out, err);
    gm_json_free(doc);
    return status;
}

static const struct gm_param *param(const struct gm_model *model, const char *name)
{
    uint32_t index = gm_model_param_find(model, name);
    cr_assert_neq(index, UINT32_MAX, "no parameter %s", name);
    return &model->params[index];
}

static void shape_check(const struct gm_model *model, const char *name, uint64_t a, uint64_t b)
{
    const struct gm_param *p = param(model, name);
    cr_assert(p->desc.rank == (b == 0 ? 1u : 2u) && p->desc.dims[0] == a && p->desc.dims[1] == b,
              "%s", name);
}

Test(config, gpt2_has_the_parameters_of_its_files)
{
    struct gm_error err = {0};
    struct gm_model *model;
    cr_assert_eq(load("{" GPT2 NO_DROPOUT ",\"architectures\":[\"GPT2LMHeadModel\"],\"n_ctx\":16,"
                      "\"use_cache\":true,\"n_inner\":null}",
                      false, &model, &err),
                 GM_OK, "%s", err.text);
    cr_assert_eq(model->param_count, 2 + 2 * 12 + 2);
    shape_check(model, "transformer.h.1.attn.c_attn.weight", 8, 24); /* (in, out) */
    shape_check(model, "transformer.h.0.mlp.c_fc.bias", 32, 0);
    shape_check(model, "transformer.wpe.weight", 16, 8);
    cr_assert_eq(gm_model_param_find(model, "lm_head.weight"), UINT32_MAX);
    for (uint32_t i = 0; i + 1 < model->param_count; i++)
        cr_assert_lt(strcmp(model->params[i].name, model->params[i + 1].name), 0);
    for (uint32_t i = 0; i < model->param_count; i++)
        cr_assert_eq(model->params[i].decay, model->params[i].desc.rank == 2);
    cr_assert_float_eq(param(model, "transformer.h.0.mlp.c_proj.weight")->scale, 0.01, 1e-12);
    gm_model_free(model);
}

Test(config, llama_has_the_parameters_of_its_files)
{
    struct gm_error err = {0};
    struct gm_model *model;
    cr_assert_eq(load("{" LLAMA ",\"num_key_value_heads\":1,\"attention_bias\":true,"
                      "\"rope_scaling\":null,\"rope_parameters\":{\"rope_type\":\"default\","
                      "\"rope_theta\":5000.0}}",
                      false, &model, &err),
                 GM_OK, "%s", err.text);
    shape_check(model, "model.layers.0.self_attn.k_proj.weight", 6, 12); /* (out, in) */
    shape_check(model, "model.layers.0.self_attn.q_proj.bias", 12, 0);
    shape_check(model, "model.layers.0.mlp.down_proj.weight", 12, 20);
    shape_check(model, "lm_head.weight", 11, 12);
    cr_assert_eq(gm_model_param_find(model, "model.layers.0.mlp.up_proj.bias"), UINT32_MAX);
    cr_assert(!param(model, "model.norm.weight")->decay);
    gm_model_free(model);
}

Test(config, a_convnet_keeps_its_sides_until_it_pools)
{
    struct gm_error err = {0};
    struct gm_model *model;
    cr_assert_eq(load("{" CONVNET ",\"hidden\":[6]}", false, &model, &err), GM_OK, "%s", err.text);
    shape_check(model, "fc.0.weight", 6, 4 * 2 * 2); /* 9 -> 4 -> 2 */
    struct gm_tensor_desc x = gm_model_x_desc(model, 7, 0);
    cr_assert(x.dtype == GM_DTYPE_F32 && x.rank == 4 && x.dims[0] == 7 && x.dims[3] == 9);
    gm_model_free(model);
}

Test(config, what_cannot_be_computed_is_refused_by_name)
{
    /* clang-format off */
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "config.json:1: model_type: is missing (expected gpt2, llama, gradmill-mlp or "
         "gradmill-convnet)"},
        {"{\"model_type\":\"bert\"}",
         "config.json:1: model_type: \"bert\" is not supported (expected gpt2, llama, "
         "gradmill-mlp or gradmill-convnet)"},
        {"{" GPT2 "}",
         "config.json:1: resid_pdrop: 0.1: dropout is not supported (expected 0, or "
         "\"dropout\": 0 in the job's \"train\")"},
        {"{" GPT2 NO_DROPOUT ",\n\"n_embed\":8}",
         "config.json:2: n_embed: unknown field, did you mean \"n_embd\"?"},
        {"{" GPT2 NO_DROPOUT ",\n\n\"activation_function\":\"tanh\"}",
         "config.json:3: activation_function: \"tanh\" is not supported (expected "
         "relu|gelu|gelu_new|gelu_pytorch_tanh|silu)"},
        {"{" GPT2 NO_DROPOUT ",\"add_cross_attention\":true}",
         "config.json:1: add_cross_attention: true is not supported (expected false)"},
        {"{" GPT2 NO_DROPOUT ",\"layer_norm_epsilon\":-1}",
         "config.json:1: layer_norm_epsilon: -1 is out of range (expected 1e-12 to 1)"},
        {"{\"model_type\":\"gpt2\",\n\"n_layer\":2,\n\"n_head\":3,\n\"n_embd\":8,\n"
         "\"n_positions\":16,\"vocab_size\":11" NO_DROPOUT "}",
         "config.json:4: n_embd: 8 is not a multiple of n_head, 3"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":0,\"n_head\":3,\"n_embd\":8,"
         "\"n_positions\":16,\"vocab_size\":11}",
         "config.json:1: n_layer: 0 is out of range (expected 1 to 128)"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":1e9,\"n_head\":3,\"n_embd\":8,"
         "\"n_positions\":16,\"vocab_size\":11}",
         "config.json:1: n_layer: 1e9 is not a whole number"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":1,\"n_head\":3,\"n_embd\":6,\"n_positions\":16}",
         "config.json:1: vocab_size: is missing"},
        {"{" LLAMA ",\"num_key_value_heads\":3}",
         "config.json:1: num_key_value_heads: 3 does not divide num_attention_heads, 2"},
        {"{" LLAMA ",\"head_dim\":5}",
         "config.json:1: head_dim: 5 is odd, and rotary positions turn pairs"},
        {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\"}}",
         "config.json:1: rope_scaling.rope_type: \"llama3\" is not supported (expected "
         "default)"},
        {"{" LLAMA ",\"attention_dropout\":0.2}",
         "config.json:1: attention_dropout: 0.2: dropout is not supported (expected 0, or "
         "\"dropout\": 0 in the job's \"train\")"},
        {"{" LLAMA ",\"sliding_window\":128}", "config.json:1: sliding_window: unknown field"},
        {"{\"model_type\":\"gradmill-mlp\",\"inputs\":4,\"outputs\":2,\"hidden\":[3,0]}",
         "config.json:1: hidden[1]: 0 is out of range (expected 1 to 1048576)"},
        {"{" CONVNET ",\"kernel\":4}",
         "config.json:1: kernel: 4 is even (expected an odd size, which keeps height and "
         "width)"},
        {"{" CONVNET ",\"pool\":4}",
         "config.json:1: channels: 2 poolings by 4 leave nothing of an image of 9 by 9"},
        {"{\"model_type\":\"gpt2\" \"n_layer\":1}",
         "config.json:1: not valid JSON: '}' expected near '\"n_layer\"'"},
        {"[]", "config.json:1: expected a JSON object: { ... }"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gm_error err = {0};
        struct gm_model *model;
        cr_assert_neq(load(cases[i].text, false, &model, &err), GM_OK, "%s", cases[i].text);
        cr_assert_null(model);
        cr_assert_str_eq(err.text, cases[i].message);
    }
    struct gm_error err = {0};
    struct gm_model *model;
    cr_assert_eq(load("{" GPT2 "}", true, &model, &err), GM_OK, "the job may switch dropout off");
    gm_model_free(model);
}

/* ---- weights files of others ---- */

static const char tiny[] = "{\"model_type\":\"gpt2\",\"n_layer\":1,\"n_head\":1,\"n_embd\":2,"
                           "\"n_positions\":2,\"vocab_size\":3" NO_DROPOUT "}";

static int item_compare(const void *a, const void *b)
{
    return strcmp(((const struct gm_safetensors_item *)a)->name,
                  ((const struct gm_safetensors_item *)b)->name);
}

/* A file of the tiny model whose names lack `strip` characters, with an extra tensor. */
static void weights_write(const struct gm_folder *folder, const struct gm_model *model,
                          size_t strip, const struct gm_safetensors_item *extra, float extra_value)
{
    struct gm_safetensors_item items[64];
    const void *data[64];
    static float zeros[64], values[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->param_count; i++)
        items[count++] =
            (struct gm_safetensors_item){model->params[i].name + strip, model->params[i].desc};
    if (extra != NULL)
        items[count++] = *extra;
    qsort(items, count, sizeof *items, item_compare);
    for (size_t i = 0; i < 64; i++)
        values[i] = extra_value;
    for (uint32_t i = 0; i < count; i++)
        data[i] = extra != NULL && items[i].name == extra->name ? values : zeros;
    struct gm_error err = {0};
    cr_assert_eq(gm_safetensors_write(gm_folder_path(folder, "w"), count, items, data, &err), GM_OK,
                 "%s", err.text);
}

static enum gm_status weights_open(const struct gm_folder *folder, const struct gm_model *model,
                                   struct gm_error *err)
{
    struct gm_weights *weights;
    enum gm_status status = gm_weights_open(model, gm_folder_path(folder, "w"), &weights, err);
    gm_weights_close(weights);
    return status;
}

Test(config, weights_are_found_under_the_names_that_others_write)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_error err = {0};
    struct gm_model *model;
    cr_assert_eq(load(tiny, false, &model, &err), GM_OK, "%s", err.text);
    const struct gm_tensor_desc table = {GM_DTYPE_F32, 2, {3, 2}};
    const struct gm_safetensors_item head = {"lm_head.weight", table};
    const struct gm_safetensors_item buffer = {"h.0.attn.bias", {GM_DTYPE_U8, 4, {1, 1, 2, 2}}};
    const struct gm_safetensors_item stranger = {"transformer.h.9.ln_1.weight", table};

    weights_write(&folder, model, 0, NULL, 0);
    cr_assert_eq(weights_open(&folder, model, &err), GM_OK, "%s", err.text);
    weights_write(&folder, model, strlen("transformer."), &buffer, 1);
    cr_assert_eq(weights_open(&folder, model, &err), GM_OK, "%s", err.text);
    weights_write(&folder, model, 0, &head, 0);
    cr_assert_eq(weights_open(&folder, model, &err), GM_OK, "%s", err.text);

    weights_write(&folder, model, 0, &head, 1);
    cr_assert_eq(weights_open(&folder, model, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'),
                     "/w: \"lm_head.weight\" differs from \"transformer.wte.weight\", but the "
                     "config's tie_word_embeddings says that they are one");
    weights_write(&folder, model, 0, &stranger, 0);
    cr_assert_eq(weights_open(&folder, model, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'), "/w: tensor \"transformer.h.9.ln_1.weight\" is no "
                                             "parameter of this model");
    model->params[0].desc.dims[0]++;
    weights_write(&folder, model, 0, NULL, 0);
    model->params[0].desc.dims[0]--;
    cr_assert_eq(weights_open(&folder, model, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'),
                     "/w: tensor \"transformer.h.0.attn.c_attn.bias\" has shape (7), the config "
                     "needs (6)");
    model->param_count--;
    weights_write(&folder, model, 0, NULL, 0);
    model->param_count++;
    cr_assert_eq(weights_open(&folder, model, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'), "/w: tensor \"transformer.wte.weight\" is missing");
    gm_model_free(model);
    gm_folder_free(&folder);
}
