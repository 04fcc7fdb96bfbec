/* A small convolutional network: per entry of `channels` a convolution that keeps height and width,
   the activation, and a max pooling; then fully connected layers as in mlp.c.

   {"model_type": "gradmill-convnet", "input": [1, 28, 28], "channels": [32, 64], "kernel": 3,
    "pool": 2, "hidden": [128], "outputs": 10, "activation": "relu", "loss": "cross_entropy"}

   `input` is (channels, height, width); `kernel` is odd; `pool` 1 leaves the pooling out. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

#include "model/family.h"
#include "model/hf_fields.h"

enum { LAYERS_MAX = 32, WIDTH_MAX = 1 << 20, CHANNELS_MAX = 1 << 14, SIDE_MAX = 1 << 12 };

struct convnet {
    uint64_t image[3]; /* C, H, W */
    uint64_t kernel, pool, outputs;
    uint32_t activation, loss;
    size_t conv_count, hidden_count;
    uint64_t conv_channels[LAYERS_MAX];
    uint64_t hidden_widths[LAYERS_MAX];
    const json_t *input, *channels, *hidden; /* only while the config is read */
};

static const struct gm_field fields[] = {
    GM_NODE(input, struct convnet),
    GM_NODE(channels, struct convnet),
    GM_NODE(hidden, struct convnet),
    GM_COUNT(kernel, struct convnet, false, 1, 31),
    GM_COUNT(pool, struct convnet, false, 1, 16),
    GM_COUNT(outputs, struct convnet, true, 1, WIDTH_MAX),
    GM_CHOICE(activation, struct convnet, gm_activation_choices),
    GM_CHOICE(loss, struct convnet, "cross_entropy|mse"),
    GM_IGNORED("model_type"),
};

/* Height and width after `layers` poolings. */
static uint64_t side_after(const struct convnet *c, int axis, size_t layers)
{
    uint64_t side = c->image[axis];
    for (size_t i = 0; i < layers; i++)
        side /= c->pool;
    return side;
}

static enum gm_status convnet_parse(const struct gm_json *doc, bool dropout_off, void *target,
                                    struct gm_error *err)
{
    (void)dropout_off; /* the config has no dropout */
    struct convnet *c = target;
    *c = (struct convnet){.kernel = 3, .pool = 2};
    GM_TRY(gm_json_read(doc, doc->root, "", fields, sizeof fields / sizeof *fields, c, err));
    size_t image_rank;
    GM_TRY(
        gm_json_read_u64s(doc, c->input, "input", 3, 3, 1, SIDE_MAX, c->image, &image_rank, err));
    GM_TRY(gm_json_read_u64s(doc, c->channels, "channels", 1, LAYERS_MAX, 1, CHANNELS_MAX,
                             c->conv_channels, &c->conv_count, err));
    if (c->hidden != NULL)
        GM_TRY(gm_json_read_u64s(doc, c->hidden, "hidden", 0, LAYERS_MAX, 1, WIDTH_MAX,
                                 c->hidden_widths, &c->hidden_count, err));
    c->input = c->channels = c->hidden = NULL;
    if (c->kernel % 2 == 0)
        return gm_json_fail(doc, "kernel", GM_INVALID, err,
                            "%" PRIu64 " is even (expected an odd size, which keeps height and "
                            "width)",
                            c->kernel);
    if (side_after(c, 1, c->conv_count) == 0 || side_after(c, 2, c->conv_count) == 0)
        return gm_json_fail(doc, "channels", GM_INVALID, err,
                            "%zu poolings by %" PRIu64 " leave nothing of an image of %" PRIu64
                            " by %" PRIu64,
                            c->conv_count, c->pool, c->image[1], c->image[2]);
    return GM_OK;
}

static uint64_t conv_in(const struct convnet *c, size_t i)
{
    return i == 0 ? c->image[0] : c->conv_channels[i - 1];
}

/* Values per sample that reach the fully connected layers. */
static uint64_t flat_size(const struct convnet *c)
{
    return c->conv_channels[c->conv_count - 1] * side_after(c, 1, c->conv_count) *
           side_after(c, 2, c->conv_count);
}

static enum gm_status conv_add(struct gm_model *model, const struct convnet *c, size_t i,
                               struct gm_error *err)
{
    uint64_t fan_in = conv_in(c, i) * c->kernel * c->kernel;
    const double bound = 1.0 / sqrt((double)fan_in);
    const struct gm_param_init weight = {GM_INIT_UNIFORM, bound, true};
    const struct gm_param_init bias = {GM_INIT_UNIFORM, bound, false};
    GM_TRY(gm_model_param_add(model, weight, c->conv_channels[i], conv_in(c, i), c->kernel,
                              c->kernel, err, "conv.%zu.weight", i));
    return gm_model_param_add(model, bias, c->conv_channels[i], 0, 0, 0, err, "conv.%zu.bias", i);
}

static enum gm_status convnet_describe(struct gm_model *model, struct gm_error *err)
{
    const struct convnet *c = model->config;
    model->vocab = (uint32_t)c->outputs;
    model->positions = 1;
    model->loss = c->loss == 0 ? GM_LOSS_CROSS_ENTROPY : GM_LOSS_MSE;
    model->input_rank = 3;
    for (int i = 0; i < 3; i++)
        model->input_dims[i] = c->image[i];
    for (size_t i = 0; i < c->conv_count; i++)
        GM_TRY(conv_add(model, c, i, err));
    for (size_t i = 0; i <= c->hidden_count; i++) {
        uint64_t in = i == 0 ? flat_size(c) : c->hidden_widths[i - 1];
        uint64_t out = i == c->hidden_count ? c->outputs : c->hidden_widths[i];
        GM_TRY(gm_linear_add(model, in, out, err, "fc", i));
    }
    return GM_OK;
}

/* x (B, C, H, W) -> (B, O, H / pool, W / pool) */
static gm_value conv_block(const struct gm_net *g, const struct convnet *c, size_t i, gm_value x)
{
    const uint64_t pad = c->kernel / 2;
    const uint64_t conv_attrs[4] = {1, 1, pad, pad}; /* strides, pads */
    gm_value w = gm_net_param(g, "conv.%zu.weight", i);
    gm_value b = gm_net_param(g, "conv.%zu.bias", i);
    gm_value y = gm_net_node(g, GM_OP_CONV2D, 3, (gm_value[]){x, w, b}, conv_attrs);
    y = gm_net_activation(g, c->activation, y);
    if (c->pool == 1)
        return y;
    const uint64_t pool_attrs[4] = {c->pool, c->pool, c->pool, c->pool}; /* kernel, stride */
    return gm_net_node(g, GM_OP_MAX_POOL2D, 1, &y, pool_attrs);
}

static gm_value convnet_forward(const struct gm_model *model, struct gm_builder *builder,
                                const gm_value *params, gm_value x)
{
    const struct convnet *c = model->config;
    const struct gm_net net = {model, builder, params};
    const struct gm_tensor_desc *desc = gm_builder_desc(builder, x);
    if (desc == NULL)
        return GM_VALUE_NONE;
    const uint64_t flat[2] = {desc->dims[0], flat_size(c)};
    for (size_t i = 0; i < c->conv_count; i++)
        x = conv_block(&net, c, i, x);
    x = gm_builder_node(builder, GM_OP_RESHAPE, 1, &x, NULL, 2, flat);
    for (size_t i = 0; i <= c->hidden_count; i++) {
        gm_value w = gm_net_param(&net, "fc.%zu.weight", i);
        gm_value b = gm_net_param(&net, "fc.%zu.bias", i);
        x = gm_net_linear(&net, x, w, true, b);
        if (i < c->hidden_count)
            x = gm_net_activation(&net, c->activation, x);
    }
    return x;
}

const struct gm_model_family gm_family_convnet = {
    .model_type = "gradmill-convnet",
    .config_bytes = sizeof(struct convnet),
    .parse = convnet_parse,
    .describe = convnet_describe,
    .forward = convnet_forward,
};
