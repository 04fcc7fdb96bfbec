/* Inside the layer: what a model family offers, and what families are written with. */
#ifndef GM_MODEL_FAMILY_H
#define GM_MODEL_FAMILY_H

#include "model/model.h"

struct gm_model_family {    /* static const, one per file; every function is mandatory */
    const char *model_type; /* the config's "model_type" */
    size_t config_bytes;    /* size of its config struct, which starts zeroed */
    /* Reads and checks the config. */
    enum gm_status (*parse)(const struct gm_json *doc, bool dropout_off, void *config,
                            struct gm_error *err);
    /* Sets the model's input and output fields and adds every parameter, in any order. */
    enum gm_status (*describe)(struct gm_model *model, struct gm_error *err);
    gm_value (*forward)(const struct gm_model *model, struct gm_builder *builder,
                        const gm_value *params, gm_value x);

    /* What files of others may hold; NULL where there is nothing of the kind. */
    const char *prefix;          /* of most names, left out in files of the bare model */
    const char *table;           /* what a tied head repeats */
    const char *buffer_suffixes; /* "a|b": tensors that are no parameters */
};

extern const struct gm_model_family gm_family_gpt2;
extern const struct gm_model_family gm_family_llama;
extern const struct gm_model_family gm_family_mlp;
extern const struct gm_model_family gm_family_convnet;

/* How a parameter starts, and whether weight decay shrinks it. */
struct gm_param_init {
    enum gm_init init;
    double scale;
    bool decay;
};

/* Adds one parameter of rank 1 to 4 (dims end at the first 0). */
enum gm_status gm_model_param_add(struct gm_model *model, struct gm_param_init init, uint64_t dim0,
                                  uint64_t dim1, uint64_t dim2, uint64_t dim3, struct gm_error *err,
                                  const char *format, ...) GM_PRINTF(8, 9) GM_MUST_USE;

/* "<group>.<index>.weight" (out, in) and ".bias" (out), started as torch.nn.Linear starts them:
   uniform within 1 / sqrt(in). */
enum gm_status gm_linear_add(struct gm_model *model, uint64_t in, uint64_t out,
                             struct gm_error *err, const char *group, size_t index) GM_MUST_USE;

/* ---- forward ----
   `struct gm_net` says where nodes go and finds parameters by name; a name that is not there is a
   fault of the builder. All functions return GM_VALUE_NONE after a fault. */
struct gm_net {
    const struct gm_model *model;
    struct gm_builder *builder;
    const gm_value *params;
};

gm_value gm_net_param(const struct gm_net *net, const char *format, ...) GM_PRINTF(2, 3);
gm_value gm_net_node(const struct gm_net *net, enum gm_op op, uint32_t input_count,
                     const gm_value *inputs, const uint64_t *attrs);
gm_value gm_net_add(const struct gm_net *net, gm_value a, gm_value b);
gm_value gm_net_mul(const struct gm_net *net, gm_value a, gm_value b);
/* x (..., in) by w: (in, out), or (out, in) when `transposed`; bias (out) may be NONE. */
gm_value gm_net_linear(const struct gm_net *net, gm_value x, gm_value w, bool transposed,
                       gm_value bias);
gm_value gm_net_embedding(const struct gm_net *net, gm_value table, gm_value ids);
gm_value gm_net_layernorm(const struct gm_net *net, gm_value x, gm_value w, gm_value b, double eps);
gm_value gm_net_rmsnorm(const struct gm_net *net, gm_value x, gm_value w, double eps);
gm_value gm_net_cols(const struct gm_net *net, gm_value x, uint64_t start, uint64_t count);
/* Causal; q (B, T, heads * D), k and v (B, T, kv_heads * D). */
gm_value gm_net_attention(const struct gm_net *net, gm_value q, gm_value k, gm_value v,
                          uint64_t heads, uint64_t kv_heads, double scale);

/* "relu|gelu|gelu_new|gelu_pytorch_tanh|silu", and the node for an index into it. */
extern const char gm_activation_choices[];
gm_value gm_net_activation(const struct gm_net *net, uint32_t activation, gm_value x);

#endif
