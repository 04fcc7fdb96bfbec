/* Llama as Hugging Face's LlamaForCausalLM: rotary positions (pairs i and i + D/2), RMS norm,
   grouped queries, gated MLP; Linear weights stored (out, in). */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

#include "model/family.h"
#include "model/hf_fields.h"

struct llama {
    uint64_t hidden_size, intermediate_size, num_hidden_layers, num_attention_heads;
    uint64_t num_key_value_heads, head_dim, vocab_size, max_position_embeddings;
    uint32_t hidden_act;
    double rms_norm_eps, rope_theta, initializer_range, attention_dropout;
    bool tie_word_embeddings, attention_bias, mlp_bias;
    const json_t *rope_scaling, *rope_parameters; /* only while the config is read */
};

static const struct gm_field fields[] = {
    GM_COUNT(hidden_size, struct llama, true, 1, 65536),
    GM_COUNT(intermediate_size, struct llama, true, 1, 1 << 20),
    GM_COUNT(num_hidden_layers, struct llama, true, 1, 128),
    GM_COUNT(num_attention_heads, struct llama, true, 1, 1024),
    GM_COUNT(vocab_size, struct llama, true, 1, 1 << 24),
    GM_COUNT(max_position_embeddings, struct llama, true, 1, 1 << 24),
    GM_COUNT_OR_NULL(num_key_value_heads, struct llama, 1, 1024),
    GM_COUNT_OR_NULL(head_dim, struct llama, 2, 4096),
    GM_CHOICE(hidden_act, struct llama, gm_activation_choices),
    GM_REAL(rms_norm_eps, struct llama, 1e-12, 1),
    GM_REAL(rope_theta, struct llama, 1, 1e12),
    GM_REAL(initializer_range, struct llama, 0, 10),
    GM_REAL(attention_dropout, struct llama, 0, 1),
    GM_FLAG(tie_word_embeddings, struct llama),
    GM_FLAG(attention_bias, struct llama),
    GM_FLAG(mlp_bias, struct llama),
    GM_NODE(rope_scaling, struct llama),
    GM_NODE(rope_parameters, struct llama),
    GM_FIXED("partial_rotary_factor", "1"),
    GM_FIXED("pretraining_tp", "1"),
    GM_HF_COMMON_FIELDS,
};

struct rope {
    uint32_t type;
    double rope_theta;
};

/* "rope_scaling", and "rope_parameters" of newer files: only the unscaled kind. */
static enum gm_status rope_parse(const struct gm_json *doc, const json_t *node, const char *path,
                                 double *theta, struct gm_error *err)
{
    static const struct gm_field rope_fields[] = {
        {.name = "rope_type",
         .kind = GM_FIELD_CHOICE,
         .offset = offsetof(struct rope, type),
         .choices = "default"},
        GM_CHOICE(type, struct rope, "default"),
        GM_REAL(rope_theta, struct rope, 1, 1e12),
        GM_FIXED("partial_rotary_factor", "1"),
        GM_FIXED("factor", "1"),
    };
    if (node == NULL)
        return GM_OK;
    struct rope rope = {.rope_theta = *theta};
    GM_TRY(gm_json_read(doc, node, path, rope_fields, sizeof rope_fields / sizeof *rope_fields,
                        &rope, err));
    *theta = rope.rope_theta;
    return GM_OK;
}

static enum gm_status heads_check(const struct gm_json *doc, struct llama *c, struct gm_error *err)
{
    if (c->num_key_value_heads == 0)
        c->num_key_value_heads = c->num_attention_heads;
    if (c->num_attention_heads % c->num_key_value_heads != 0)
        return gm_json_fail(doc, "num_key_value_heads", GM_INVALID, err,
                            "%" PRIu64 " does not divide num_attention_heads, %" PRIu64,
                            c->num_key_value_heads, c->num_attention_heads);
    if (c->head_dim == 0 && c->hidden_size % c->num_attention_heads != 0)
        return gm_json_fail(doc, "hidden_size", GM_INVALID, err,
                            "%" PRIu64 " is not a multiple of num_attention_heads, %" PRIu64,
                            c->hidden_size, c->num_attention_heads);
    if (c->head_dim == 0)
        c->head_dim = c->hidden_size / c->num_attention_heads;
    if (c->head_dim % 2 != 0)
        return gm_json_fail(doc, "head_dim", GM_INVALID, err,
                            "%" PRIu64 " is odd, and rotary positions turn pairs", c->head_dim);
    return GM_OK;
}

static enum gm_status llama_parse(const struct gm_json *doc, bool dropout_off, void *target,
                                  struct gm_error *err)
{
    struct llama *c = target;
    /* LlamaConfig's defaults. */
    *c = (struct llama){.hidden_act = 4, /* silu */
                        .rms_norm_eps = 1e-6,
                        .rope_theta = 10000,
                        .initializer_range = 0.02};
    GM_TRY(gm_json_read(doc, doc->root, "", fields, sizeof fields / sizeof *fields, c, err));
    GM_TRY(rope_parse(doc, c->rope_scaling, "rope_scaling", &c->rope_theta, err));
    GM_TRY(rope_parse(doc, c->rope_parameters, "rope_parameters", &c->rope_theta, err));
    c->rope_scaling = NULL;
    c->rope_parameters = NULL;
    GM_TRY(heads_check(doc, c, err));
    return gm_dropout_check(doc, "attention_dropout", c->attention_dropout, dropout_off, err);
}

static enum gm_status linear_add(struct gm_model *model, const struct llama *c, uint64_t in,
                                 uint64_t out, bool bias, uint64_t layer, const char *name,
                                 struct gm_error *err)
{
    const struct gm_param_init weight = {GM_INIT_NORMAL, c->initializer_range, true};
    const struct gm_param_init zero = {.init = GM_INIT_ZERO};
    GM_TRY(gm_model_param_add(model, weight, out, in, 0, 0, err,
                              "model.layers.%" PRIu64 ".%s.weight", layer, name));
    if (!bias)
        return GM_OK;
    return gm_model_param_add(model, zero, out, 0, 0, 0, err, "model.layers.%" PRIu64 ".%s.bias",
                              layer, name);
}

static enum gm_status layer_add(struct gm_model *model, const struct llama *c, uint64_t layer,
                                struct gm_error *err)
{
    const struct gm_param_init one = {.init = GM_INIT_ONE};
    const uint64_t hidden = c->hidden_size, inner = c->intermediate_size;
    const uint64_t q = c->num_attention_heads * c->head_dim;
    const uint64_t kv = c->num_key_value_heads * c->head_dim;
    const bool bias = c->attention_bias;
    GM_TRY(gm_model_param_add(model, one, hidden, 0, 0, 0, err,
                              "model.layers.%" PRIu64 ".input_layernorm.weight", layer));
    GM_TRY(gm_model_param_add(model, one, hidden, 0, 0, 0, err,
                              "model.layers.%" PRIu64 ".post_attention_layernorm.weight", layer));
    GM_TRY(linear_add(model, c, hidden, q, bias, layer, "self_attn.q_proj", err));
    GM_TRY(linear_add(model, c, hidden, kv, bias, layer, "self_attn.k_proj", err));
    GM_TRY(linear_add(model, c, hidden, kv, bias, layer, "self_attn.v_proj", err));
    GM_TRY(linear_add(model, c, q, hidden, bias, layer, "self_attn.o_proj", err));
    GM_TRY(linear_add(model, c, hidden, inner, c->mlp_bias, layer, "mlp.gate_proj", err));
    GM_TRY(linear_add(model, c, hidden, inner, c->mlp_bias, layer, "mlp.up_proj", err));
    return linear_add(model, c, inner, hidden, c->mlp_bias, layer, "mlp.down_proj", err);
}

static enum gm_status llama_describe(struct gm_model *model, struct gm_error *err)
{
    const struct llama *c = model->config;
    const struct gm_param_init table = {GM_INIT_NORMAL, c->initializer_range, true};
    const struct gm_param_init one = {.init = GM_INIT_ONE};
    model->tokens = true;
    model->vocab = (uint32_t)c->vocab_size;
    model->positions = (uint32_t)c->max_position_embeddings;
    model->loss = GM_LOSS_CROSS_ENTROPY;
    GM_TRY(gm_model_param_add(model, table, c->vocab_size, c->hidden_size, 0, 0, err,
                              "model.embed_tokens.weight"));
    for (uint64_t i = 0; i < c->num_hidden_layers; i++)
        GM_TRY(layer_add(model, c, i, err));
    GM_TRY(gm_model_param_add(model, one, c->hidden_size, 0, 0, 0, err, "model.norm.weight"));
    if (c->tie_word_embeddings)
        return GM_OK;
    return gm_model_param_add(model, table, c->vocab_size, c->hidden_size, 0, 0, err,
                              "lm_head.weight");
}

struct rope_tables {
    gm_value cos, sin; /* (T, D/2) */
};

static gm_value linear(const struct gm_net *g, gm_value x, bool bias, unsigned layer,
                       const char *name)
{
    gm_value b = bias ? gm_net_param(g, "model.layers.%u.%s.bias", layer, name) : GM_VALUE_NONE;
    return gm_net_linear(g, x, gm_net_param(g, "model.layers.%u.%s.weight", layer, name), true, b);
}

static gm_value norm(const struct gm_net *g, const struct llama *c, gm_value x, unsigned layer,
                     const char *name)
{
    return gm_net_rmsnorm(g, x, gm_net_param(g, "model.layers.%u.%s.weight", layer, name),
                          c->rms_norm_eps);
}

static gm_value rotate(const struct gm_net *g, const struct llama *c, gm_value x,
                       const struct rope_tables *tables)
{
    uint64_t attrs[2] = {c->head_dim, 0};
    return gm_net_node(g, GM_OP_ROPE, 3, (gm_value[]){x, tables->cos, tables->sin}, attrs);
}

/* x (B, T, C) -> (B, T, C), without the residual */
static gm_value attention(const struct gm_net *g, const struct llama *c, gm_value x, unsigned layer,
                          const struct rope_tables *tables)
{
    const bool bias = c->attention_bias;
    gm_value q = rotate(g, c, linear(g, x, bias, layer, "self_attn.q_proj"), tables);
    gm_value k = rotate(g, c, linear(g, x, bias, layer, "self_attn.k_proj"), tables);
    gm_value v = linear(g, x, bias, layer, "self_attn.v_proj");
    gm_value o = gm_net_attention(g, q, k, v, c->num_attention_heads, c->num_key_value_heads,
                                  1.0 / sqrt((double)c->head_dim));
    return linear(g, o, bias, layer, "self_attn.o_proj");
}

/* down(act(gate(x)) * up(x)) */
static gm_value mlp(const struct gm_net *g, const struct llama *c, gm_value x, unsigned layer)
{
    gm_value gate = linear(g, x, c->mlp_bias, layer, "mlp.gate_proj");
    gm_value up = linear(g, x, c->mlp_bias, layer, "mlp.up_proj");
    gm_value inner = gm_net_mul(g, gm_net_activation(g, c->hidden_act, gate), up);
    return linear(g, inner, c->mlp_bias, layer, "mlp.down_proj");
}

static gm_value llama_forward(const struct gm_model *model, struct gm_builder *builder,
                              const gm_value *params, gm_value ids)
{
    const struct llama *c = model->config;
    const struct gm_net net = {model, builder, params}, *g = &net;
    const struct gm_tensor_desc *desc = gm_builder_desc(builder, ids);
    if (desc == NULL)
        return GM_VALUE_NONE;
    uint64_t attrs[3] = {desc->dims[1], c->head_dim, gm_attr_from_f32((float)c->rope_theta)};
    struct rope_tables tables;
    tables.cos = gm_net_node(g, GM_OP_ROPE_TABLE, 0, NULL, attrs);
    tables.sin = tables.cos == GM_VALUE_NONE ? GM_VALUE_NONE : tables.cos + 1;
    gm_value table = gm_net_param(g, "model.embed_tokens.weight");
    gm_value x = gm_net_embedding(g, table, ids); /* (B, T, C) */
    for (unsigned layer = 0; layer < c->num_hidden_layers; layer++) {
        gm_value y = norm(g, c, x, layer, "input_layernorm");
        x = gm_net_add(g, x, attention(g, c, y, layer, &tables));
        y = norm(g, c, x, layer, "post_attention_layernorm");
        x = gm_net_add(g, x, mlp(g, c, y, layer));
    }
    x = gm_net_rmsnorm(g, x, gm_net_param(g, "model.norm.weight"), c->rms_norm_eps);
    gm_value head = c->tie_word_embeddings ? table : gm_net_param(g, "lm_head.weight");
    return gm_net_linear(g, x, head, true, GM_VALUE_NONE); /* (B, T, V) */
}

const struct gm_model_family gm_family_llama = {
    .model_type = "llama",
    .config_bytes = sizeof(struct llama),
    .parse = llama_parse,
    .describe = llama_describe,
    .forward = llama_forward,
    .prefix = "model.",
    .table = "model.embed_tokens.weight",
    .buffer_suffixes = ".rotary_emb.inv_freq",
};
