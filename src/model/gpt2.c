/* GPT-2 as Hugging Face's GPT2LMHeadModel: learned positions, layer norm before attention and MLP,
   Conv1D weights stored (in, out), and a head that is usually the token embedding. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "model/family.h"
#include "model/hf_fields.h"

struct gpt2 {
    uint64_t n_layer, n_head, n_embd, n_positions, vocab_size, n_inner;
    uint32_t activation_function;
    double layer_norm_epsilon, initializer_range;
    double resid_pdrop, embd_pdrop, attn_pdrop;
    bool tie_word_embeddings, scale_attn_weights, scale_attn_by_inverse_layer_idx;
};

static const struct gm_field fields[] = {
    GM_COUNT(n_layer, struct gpt2, true, 1, 128),
    GM_COUNT(n_head, struct gpt2, true, 1, 1024),
    GM_COUNT(n_embd, struct gpt2, true, 1, 65536),
    GM_COUNT(n_positions, struct gpt2, true, 1, 1 << 20),
    GM_COUNT(vocab_size, struct gpt2, true, 1, 1 << 24),
    GM_COUNT_OR_NULL(n_inner, struct gpt2, 1, 1 << 20),
    GM_CHOICE(activation_function, struct gpt2, gm_activation_choices),
    GM_REAL(layer_norm_epsilon, struct gpt2, 1e-12, 1),
    GM_REAL(initializer_range, struct gpt2, 0, 10),
    GM_REAL(resid_pdrop, struct gpt2, 0, 1),
    GM_REAL(embd_pdrop, struct gpt2, 0, 1),
    GM_REAL(attn_pdrop, struct gpt2, 0, 1),
    GM_FLAG(tie_word_embeddings, struct gpt2),
    GM_FLAG(scale_attn_weights, struct gpt2),
    GM_FLAG(scale_attn_by_inverse_layer_idx, struct gpt2),
    /* Only says in which precision attention runs; ours is fixed. */
    GM_IGNORED("reorder_and_upcast_attn"),
    GM_IGNORED("n_ctx"),
    GM_IGNORED("summary_type"),
    GM_IGNORED("summary_use_proj"),
    GM_IGNORED("summary_activation"),
    GM_IGNORED("summary_first_dropout"),
    GM_IGNORED("summary_proj_to_labels"),
    GM_HF_COMMON_FIELDS,
};

static enum gm_status gpt2_parse(const struct gm_json *doc, bool dropout_off, void *target,
                                 struct gm_error *err)
{
    struct gpt2 *c = target;
    /* GPT2Config's defaults. */
    *c = (struct gpt2){.activation_function = 2, /* gelu_new */
                       .layer_norm_epsilon = 1e-5,
                       .initializer_range = 0.02,
                       .resid_pdrop = 0.1,
                       .embd_pdrop = 0.1,
                       .attn_pdrop = 0.1,
                       .tie_word_embeddings = true,
                       .scale_attn_weights = true};
    GM_TRY(gm_json_read(doc, doc->root, "", fields, sizeof fields / sizeof *fields, c, err));
    if (c->n_embd % c->n_head != 0)
        return gm_json_fail(doc, "n_embd", GM_INVALID, err,
                            "%" PRIu64 " is not a multiple of n_head, %" PRIu64, c->n_embd,
                            c->n_head);
    if (c->n_inner == 0)
        c->n_inner = 4 * c->n_embd;
    GM_TRY(gm_dropout_check(doc, "resid_pdrop", c->resid_pdrop, dropout_off, err));
    GM_TRY(gm_dropout_check(doc, "embd_pdrop", c->embd_pdrop, dropout_off, err));
    return gm_dropout_check(doc, "attn_pdrop", c->attn_pdrop, dropout_off, err);
}

static enum gm_status norm_add(struct gm_model *model, uint64_t size, const char *name,
                               struct gm_error *err)
{
    const struct gm_param_init one = {.init = GM_INIT_ONE}, zero = {.init = GM_INIT_ZERO};
    GM_TRY(gm_model_param_add(model, one, size, 0, 0, 0, err, "transformer.%s.weight", name));
    return gm_model_param_add(model, zero, size, 0, 0, 0, err, "transformer.%s.bias", name);
}

static enum gm_status conv1d_add(struct gm_model *model, double std, uint64_t in, uint64_t out,
                                 uint64_t layer, const char *name, struct gm_error *err)
{
    const struct gm_param_init weight = {GM_INIT_NORMAL, std, true}, zero = {.init = GM_INIT_ZERO};
    GM_TRY(gm_model_param_add(model, weight, in, out, 0, 0, err,
                              "transformer.h.%" PRIu64 ".%s.weight", layer, name));
    return gm_model_param_add(model, zero, out, 0, 0, 0, err, "transformer.h.%" PRIu64 ".%s.bias",
                              layer, name);
}

static enum gm_status layer_add(struct gm_model *model, const struct gpt2 *c, uint64_t layer,
                                struct gm_error *err)
{
    char norm[32];
    const double std = c->initializer_range;
    /* Residual projections start smaller, as each layer adds two of them (GPT-2, section 2.3). */
    const double residual_std = std / sqrt(2.0 * (double)c->n_layer);
    (void)snprintf(norm, sizeof norm, "h.%" PRIu64 ".ln_1", layer);
    GM_TRY(norm_add(model, c->n_embd, norm, err));
    GM_TRY(conv1d_add(model, std, c->n_embd, 3 * c->n_embd, layer, "attn.c_attn", err));
    GM_TRY(conv1d_add(model, residual_std, c->n_embd, c->n_embd, layer, "attn.c_proj", err));
    (void)snprintf(norm, sizeof norm, "h.%" PRIu64 ".ln_2", layer);
    GM_TRY(norm_add(model, c->n_embd, norm, err));
    GM_TRY(conv1d_add(model, std, c->n_embd, c->n_inner, layer, "mlp.c_fc", err));
    return conv1d_add(model, residual_std, c->n_inner, c->n_embd, layer, "mlp.c_proj", err);
}

static enum gm_status gpt2_describe(struct gm_model *model, struct gm_error *err)
{
    const struct gpt2 *c = model->config;
    const struct gm_param_init table = {GM_INIT_NORMAL, c->initializer_range, true};
    model->tokens = true;
    model->vocab = (uint32_t)c->vocab_size;
    model->positions = (uint32_t)c->n_positions;
    model->loss = GM_LOSS_CROSS_ENTROPY;
    GM_TRY(gm_model_param_add(model, table, c->vocab_size, c->n_embd, 0, 0, err,
                              "transformer.wte.weight"));
    GM_TRY(gm_model_param_add(model, table, c->n_positions, c->n_embd, 0, 0, err,
                              "transformer.wpe.weight"));
    for (uint64_t i = 0; i < c->n_layer; i++)
        GM_TRY(layer_add(model, c, i, err));
    GM_TRY(norm_add(model, c->n_embd, "ln_f", err));
    if (c->tie_word_embeddings)
        return GM_OK;
    return gm_model_param_add(model, table, c->vocab_size, c->n_embd, 0, 0, err, "lm_head.weight");
}

/* x . w + b with the Conv1D parameters of that name. */
static gm_value conv1d(const struct gm_net *g, gm_value x, unsigned layer, const char *name)
{
    return gm_net_linear(g, x, gm_net_param(g, "transformer.h.%u.%s.weight", layer, name), false,
                         gm_net_param(g, "transformer.h.%u.%s.bias", layer, name));
}

static gm_value norm(const struct gm_net *g, const struct gpt2 *c, gm_value x, const char *name)
{
    return gm_net_layernorm(g, x, gm_net_param(g, "transformer.%s.weight", name),
                            gm_net_param(g, "transformer.%s.bias", name), c->layer_norm_epsilon);
}

/* x (B, T, C) -> (B, T, C), without the residual */
static gm_value attention(const struct gm_net *g, const struct gpt2 *c, gm_value x, unsigned layer)
{
    gm_value qkv = conv1d(g, x, layer, "attn.c_attn"); /* (B, T, 3C) */
    gm_value q = gm_net_cols(g, qkv, 0, c->n_embd);
    gm_value k = gm_net_cols(g, qkv, c->n_embd, c->n_embd);
    gm_value v = gm_net_cols(g, qkv, 2 * c->n_embd, c->n_embd);
    double scale = c->scale_attn_weights ? 1.0 / sqrt((double)(c->n_embd / c->n_head)) : 1.0;
    if (c->scale_attn_by_inverse_layer_idx)
        scale /= (double)(layer + 1);
    gm_value o = gm_net_attention(g, q, k, v, c->n_head, c->n_head, scale);
    return conv1d(g, o, layer, "attn.c_proj");
}

static gm_value mlp(const struct gm_net *g, const struct gpt2 *c, gm_value x, unsigned layer)
{
    gm_value inner = conv1d(g, x, layer, "mlp.c_fc"); /* (B, T, n_inner) */
    return conv1d(g, gm_net_activation(g, c->activation_function, inner), layer, "mlp.c_proj");
}

static gm_value gpt2_forward(const struct gm_model *model, struct gm_builder *builder,
                             const gm_value *params, gm_value ids)
{
    const struct gpt2 *c = model->config;
    const struct gm_net net = {model, builder, params}, *g = &net;
    const struct gm_tensor_desc *desc = gm_builder_desc(builder, ids);
    if (desc == NULL)
        return GM_VALUE_NONE;
    uint64_t shape[2] = {desc->dims[0], desc->dims[1]}; /* (B, T) */
    gm_value positions = gm_builder_node(builder, GM_OP_IOTA, 0, NULL, &shape[1], 2, shape);
    gm_value wte = gm_net_param(g, "transformer.wte.weight");
    gm_value wpe = gm_net_param(g, "transformer.wpe.weight");
    gm_value x = gm_net_add(g, gm_net_embedding(g, wte, ids),
                            gm_net_embedding(g, wpe, positions)); /* (B, T, C) */
    for (unsigned layer = 0; layer < c->n_layer; layer++) {
        char name[32];
        (void)snprintf(name, sizeof name, "h.%u.ln_1", layer);
        x = gm_net_add(g, x, attention(g, c, norm(g, c, x, name), layer));
        (void)snprintf(name, sizeof name, "h.%u.ln_2", layer);
        x = gm_net_add(g, x, mlp(g, c, norm(g, c, x, name), layer));
    }
    gm_value head = c->tie_word_embeddings ? wte : gm_net_param(g, "lm_head.weight");
    return gm_net_linear(g, norm(g, c, x, "ln_f"), head, true, GM_VALUE_NONE); /* (B, T, V) */
}

const struct gm_model_family gm_family_gpt2 = {
    .model_type = "gpt2",
    .config_bytes = sizeof(struct gpt2),
    .parse = gpt2_parse,
    .describe = gpt2_describe,
    .forward = gpt2_forward,
    .prefix = "transformer.",
    .table = "transformer.wte.weight",
    .buffer_suffixes = ".attn.bias|.attn.masked_bias",
};
