/* A multilayer perceptron, with the parameters of a chain of torch.nn.Linear:

   {"model_type": "gradmill-mlp", "inputs": 784, "hidden": [512, 512], "outputs": 10,
    "activation": "relu", "loss": "cross_entropy"}

   "loss": cross_entropy (y holds classes) or mse (y holds `outputs` numbers per row). */
#include <stddef.h>

#include "model/family.h"
#include "model/hf_fields.h"

enum { LAYERS_MAX = 64, WIDTH_MAX = 1 << 20 };

struct mlp {
    uint64_t inputs, outputs;
    uint32_t activation, loss;
    size_t hidden_count;
    uint64_t hidden_widths[LAYERS_MAX];
    const json_t *hidden; /* only while the config is read */
};

static const struct gm_field fields[] = {
    GM_COUNT(inputs, struct mlp, true, 1, WIDTH_MAX),
    GM_COUNT(outputs, struct mlp, true, 1, WIDTH_MAX),
    GM_CHOICE(activation, struct mlp, gm_activation_choices),
    GM_CHOICE(loss, struct mlp, "cross_entropy|mse"),
    GM_NODE(hidden, struct mlp),
    GM_IGNORED("model_type"),
};

static enum gm_status mlp_parse(const struct gm_json *doc, bool dropout_off, void *target,
                                struct gm_error *err)
{
    (void)dropout_off; /* the config has no dropout */
    struct mlp *c = target;
    GM_TRY(gm_json_read(doc, doc->root, "", fields, sizeof fields / sizeof *fields, c, err));
    if (c->hidden != NULL)
        GM_TRY(gm_json_read_u64s(doc, c->hidden, "hidden", 0, LAYERS_MAX, 1, WIDTH_MAX,
                                 c->hidden_widths, &c->hidden_count, err));
    c->hidden = NULL;
    return GM_OK;
}

/* Inputs of layer i; layer hidden_count is the output. */
static uint64_t layer_in(const struct mlp *c, size_t i)
{
    return i == 0 ? c->inputs : c->hidden_widths[i - 1];
}

static enum gm_status mlp_describe(struct gm_model *model, struct gm_error *err)
{
    const struct mlp *c = model->config;
    model->vocab = (uint32_t)c->outputs;
    model->positions = 1;
    model->loss = c->loss == 0 ? GM_LOSS_CROSS_ENTROPY : GM_LOSS_MSE;
    model->input_rank = 1;
    model->input_dims[0] = c->inputs;
    for (size_t i = 0; i <= c->hidden_count; i++) {
        uint64_t in = layer_in(c, i);
        uint64_t out = i == c->hidden_count ? c->outputs : c->hidden_widths[i];
        GM_TRY(gm_linear_add(model, in, out, err, "layers", i));
    }
    return GM_OK;
}

static gm_value mlp_forward(const struct gm_model *model, struct gm_builder *builder,
                            const gm_value *params, gm_value x)
{
    const struct mlp *c = model->config;
    const struct gm_net net = {model, builder, params};
    for (size_t i = 0; i <= c->hidden_count; i++) {
        gm_value w = gm_net_param(&net, "layers.%zu.weight", i);
        gm_value b = gm_net_param(&net, "layers.%zu.bias", i);
        x = gm_net_linear(&net, x, w, true, b); /* (B, out) */
        if (i < c->hidden_count)
            x = gm_net_activation(&net, c->activation, x);
    }
    return x;
}

const struct gm_model_family gm_family_mlp = {
    .model_type = "gradmill-mlp",
    .config_bytes = sizeof(struct mlp),
    .parse = mlp_parse,
    .describe = mlp_describe,
    .forward = mlp_forward,
};
