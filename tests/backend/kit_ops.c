/* How to draw a case of every operation. */
#include "kit.h"

#include <math.h>

#include "reference.h"

#define DIMS(...)                                                                                  \
    (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)), (uint64_t[])                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static uint64_t columns(struct kit_case *c)
{
    return kit_dim(c, 70, 5000);
}

static uint64_t rows(struct kit_case *c)
{
    return kit_dim(c, 9, 40);
}

static void set_dims(struct kit_case *c)
{
    c->dim_count = 2;
    c->dims[0] = kit_dim(c, 5, 90);
    c->dims[1] = kit_dim(c, 33, 500);
}

static void make_fill(struct kit_case *c)
{
    kit_attr_f32(c, -1.25f);
    set_dims(c);
}

static void make_iota(struct kit_case *c)
{
    kit_attr(c, kit_random_range(&c->random, 1, 50));
    set_dims(c);
}

static void make_random(struct kit_case *c)
{
    kit_input(c, KIT_SMALL_U32, UINT32_MAX, DIMS(2));
    kit_attr(c, kit_random_range(&c->random, 0, 9));
    kit_attr_f32(c, -0.5f);
    kit_attr_f32(c, 1.5f);
    set_dims(c);
}

static void make_unary(struct kit_case *c)
{
    kit_input(c, KIT_NORMAL, 0, DIMS(rows(c), columns(c)));
}

static void make_reshape(struct kit_case *c)
{
    make_unary(c);
    c->dim_count = 1;
    c->dims[0] = gm_tensor_count(&c->inputs[0].desc);
}

static void make_slice(struct kit_case *c)
{
    uint64_t n = kit_dim(c, 70, 600);
    kit_input(c, KIT_NORMAL, 0, DIMS(kit_dim(c, 3, 20), 2, n));
    uint64_t start = kit_random_range(&c->random, 0, n - 1);
    kit_attr(c, start);
    kit_attr(c, kit_random_range(&c->random, 1, n - start));
}

static void make_concat(struct kit_case *c)
{
    uint64_t r = rows(c);
    uint64_t count = kit_random_range(&c->random, 1, 4);
    for (uint64_t i = 0; i < count; i++)
        kit_input(c, KIT_NORMAL, 0, DIMS(r, kit_dim(c, 40, 300)));
}

static void make_binary(struct kit_case *c)
{
    uint64_t r = rows(c);
    uint64_t n = columns(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(r, n));
    kit_input(c, KIT_POSITIVE, 0, DIMS(r, n));
}

static void make_scale(struct kit_case *c)
{
    make_unary(c);
    kit_attr_f32(c, 0.3f);
}

static void make_scale_by(struct kit_case *c)
{
    make_unary(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(1));
}

static void make_add_row(struct kit_case *c)
{
    make_unary(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(c->inputs[0].desc.dims[1]));
}

static void make_image(struct kit_case *c)
{
    kit_input(c, KIT_NORMAL, 0, DIMS(kit_dim(c, 3, 9), kit_dim(c, 5, 20), kit_dim(c, 9, 30), 7));
}

static void make_add_channel(struct kit_case *c)
{
    make_image(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(c->inputs[0].desc.dims[1]));
}

/* Small, wide, tall, deep across segments; batched or not, transposed either way, bias or none. */
static void make_matmul(struct kit_case *c)
{
    uint64_t m = kit_dim(c, 20, 150);
    uint64_t n = kit_dim(c, 40, 150);
    uint64_t k = kit_dim(c, 30, 3000);
    if (c->flavour == KIT_LARGE)
        k = kit_random_range(&c->random, 0, 2) * 1024 + kit_random_range(&c->random, 0, 3);
    bool trans_a = kit_random_u32(&c->random) % 2;
    bool trans_b = kit_random_u32(&c->random) % 2;
    bool batched = kit_random_u32(&c->random) % 2;
    uint64_t batch = batched ? kit_dim(c, 4, 5) : 1;
    if (batched) {
        kit_input(c, KIT_NORMAL, 0, DIMS(batch, 1, trans_a ? k : m, trans_a ? m : k));
        kit_input(c, KIT_NORMAL, 0, DIMS(batch, 1, trans_b ? n : k, trans_b ? k : n));
    } else {
        kit_input(c, KIT_NORMAL, 0, DIMS(1, trans_a ? k : m, trans_a ? m : k));
        kit_input(c, KIT_NORMAL, 0, DIMS(trans_b ? n : k, trans_b ? k : n));
    }
    if (kit_random_u32(&c->random) % 2)
        kit_input(c, KIT_NORMAL, 0, DIMS(n));
    kit_attr(c, trans_a);
    kit_attr(c, trans_b);
    kit_attr(c, batched);
}

static void make_tall(struct kit_case *c)
{
    kit_input(c, KIT_NORMAL, 0, DIMS(kit_dim(c, 30, 2600), kit_dim(c, 40, 90)));
}

static void make_channels(struct kit_case *c)
{
    kit_input(c, KIT_NORMAL, 0, DIMS(kit_dim(c, 4, 9), kit_dim(c, 5, 20), kit_dim(c, 9, 300)));
}

static void make_long(struct kit_case *c)
{
    kit_input(c, KIT_NORMAL, 0, DIMS(kit_dim(c, 3, 5), kit_dim(c, 99, 9000)));
}

static void make_distinct(struct kit_case *c)
{
    kit_input(c, KIT_DISTINCT, 0, DIMS(kit_dim(c, 9, 20), kit_dim(c, 40, 600)));
}

static void make_embedding(struct kit_case *c)
{
    uint64_t vocab = kit_dim(c, 20, 300);
    kit_input(c, KIT_NORMAL, 0, DIMS(vocab, columns(c)));
    kit_input(c, KIT_INDEX, vocab, DIMS(kit_dim(c, 3, 4), kit_dim(c, 5, 9)));
}

static void make_embedding_grad(struct kit_case *c)
{
    uint64_t vocab = kit_dim(c, 20, 300);
    uint64_t samples = kit_dim(c, 40, 3000);
    kit_input(c, KIT_INDEX, kit_random_range(&c->random, 1, vocab), DIMS(samples));
    kit_input(c, KIT_NORMAL, 0, DIMS(samples, kit_dim(c, 70, 200)));
    kit_attr(c, vocab);
}

static void make_norm(struct kit_case *c)
{
    uint64_t n = kit_dim(c, 70, 5000);
    kit_input(c, KIT_NORMAL, 0, DIMS(rows(c), n));
    kit_input(c, KIT_NORMAL, 0, DIMS(n));
}

static void make_layernorm(struct kit_case *c)
{
    make_norm(c);
    kit_input(c, KIT_NORMAL, 0, c->inputs[1].desc.rank, c->inputs[1].desc.dims);
    kit_attr_f32(c, 1e-5f);
}

static void make_rmsnorm(struct kit_case *c)
{
    make_norm(c);
    kit_attr_f32(c, 1e-6f);
}

static void make_layernorm_grad_x(struct kit_case *c)
{
    make_norm(c);
    uint64_t r = c->inputs[0].desc.dims[0];
    kit_input(c, KIT_NORMAL, 0, DIMS(r));
    kit_input(c, KIT_POSITIVE, 0, DIMS(r));
    kit_input(c, KIT_NORMAL, 0, DIMS(r, c->inputs[0].desc.dims[1]));
}

static void make_layernorm_grad_w(struct kit_case *c)
{
    make_tall(c);
    uint64_t r = c->inputs[0].desc.dims[0];
    kit_input(c, KIT_NORMAL, 0, DIMS(r));
    kit_input(c, KIT_POSITIVE, 0, DIMS(r));
    kit_input(c, KIT_NORMAL, 0, DIMS(r, c->inputs[0].desc.dims[1]));
}

static void make_rmsnorm_grad_x(struct kit_case *c)
{
    make_norm(c);
    uint64_t r = c->inputs[0].desc.dims[0];
    kit_input(c, KIT_POSITIVE, 0, DIMS(r));
    kit_input(c, KIT_NORMAL, 0, DIMS(r, c->inputs[0].desc.dims[1]));
}

static void make_rmsnorm_grad_w(struct kit_case *c)
{
    make_tall(c);
    uint64_t r = c->inputs[0].desc.dims[0];
    kit_input(c, KIT_POSITIVE, 0, DIMS(r));
    kit_input(c, KIT_NORMAL, 0, DIMS(r, c->inputs[0].desc.dims[1]));
}

static void make_rope_table(struct kit_case *c)
{
    kit_attr(c, kit_dim(c, 20, 200));
    kit_attr(c, 2 * kit_dim(c, 9, 64));
    kit_attr_f32(c, 10000.0f);
}

static void make_rope(struct kit_case *c)
{
    uint64_t t = kit_dim(c, 9, 60);
    uint64_t half = kit_dim(c, 9, 40);
    kit_input(c, KIT_NORMAL, 0, DIMS(kit_dim(c, 3, 3), t, kit_dim(c, 3, 6) * 2 * half));
    kit_input(c, KIT_NORMAL, 0, DIMS(t, half));
    kit_input(c, KIT_NORMAL, 0, DIMS(t, half));
    kit_attr(c, 2 * half);
    kit_attr(c, kit_random_u32(&c->random) % 2);
}

struct attention_shape {
    uint64_t batch, t_count, heads, kv_heads, head_dim;
};

/* LARGE crosses the segment of the dot rule along T, not the block of the Sum rule: that costs
   4096^2 scores and has a test of its own. */
static struct attention_shape attention_shape(struct kit_case *c)
{
    struct attention_shape s;
    s.batch = kit_dim(c, 2, 2);
    s.t_count = kit_dim(c, 40, 1);
    if (c->flavour == KIT_LARGE) {
        s.batch = 1;
        s.t_count = kit_random_range(&c->random, 1020, 1060);
    }
    s.kv_heads = kit_random_range(&c->random, 1, 2);
    s.heads = s.kv_heads * kit_random_range(&c->random, 1, c->flavour == KIT_LARGE ? 1 : 3);
    s.head_dim = kit_dim(c, 37, 1);
    if (c->flavour == KIT_LARGE)
        s.head_dim = kit_random_range(&c->random, 1, 20);
    return s;
}

static void attention_qkv(struct kit_case *c, const struct attention_shape *s)
{
    kit_input(c, KIT_NORMAL, 0, DIMS(s->batch, s->t_count, s->heads * s->head_dim));
    kit_input(c, KIT_NORMAL, 0, DIMS(s->batch, s->t_count, s->kv_heads * s->head_dim));
    kit_input(c, KIT_NORMAL, 0, DIMS(s->batch, s->t_count, s->kv_heads * s->head_dim));
}

static void attention_attrs(struct kit_case *c, const struct attention_shape *s)
{
    kit_attr(c, s->heads);
    kit_attr(c, s->kv_heads);
    kit_attr(c, kit_random_u32(&c->random) % 2);
    kit_attr_f32(c, s->head_dim == 0 ? 1.0f : 1.0f / sqrtf((float)s->head_dim));
}

static void make_attention(struct kit_case *c)
{
    struct attention_shape s = attention_shape(c);
    attention_qkv(c, &s);
    attention_attrs(c, &s);
}

static void make_attention_grad(struct kit_case *c)
{
    struct attention_shape s = attention_shape(c);
    attention_qkv(c, &s);
    kit_input(c, KIT_NORMAL, 0, DIMS(s.batch, s.t_count, s.heads * s.head_dim));
    kit_input(c, KIT_POSITIVE, 0, DIMS(s.batch, s.heads, s.t_count));
    kit_input(c, KIT_POSITIVE, 0, DIMS(s.batch, s.heads, s.t_count));
    kit_input(c, KIT_NORMAL, 0, DIMS(s.batch, s.t_count, s.heads * s.head_dim));
    attention_attrs(c, &s);
}

static void make_cross_entropy(struct kit_case *c)
{
    uint64_t v = kit_dim(c, 50, 5000);
    uint64_t r = kit_dim(c, 9, 60);
    kit_input(c, KIT_NORMAL, 0, DIMS(r, v));
    kit_input(c, KIT_TARGET, v, DIMS(r));
}

static void make_cross_entropy_grad(struct kit_case *c)
{
    make_cross_entropy(c);
    uint64_t r = c->inputs[0].desc.dims[0];
    kit_input(c, KIT_POSITIVE, 0, DIMS(r));
    kit_input(c, KIT_POSITIVE, 0, DIMS(r));
    kit_input(c, KIT_NORMAL, 0, DIMS(1));
}

static void make_mse(struct kit_case *c)
{
    uint64_t r = kit_dim(c, 5, 5);
    uint64_t n = kit_dim(c, 50, 9000);
    kit_input(c, KIT_NORMAL, 0, DIMS(r, n));
    kit_input(c, KIT_NORMAL, 0, DIMS(r, n));
}

static void make_mse_grad(struct kit_case *c)
{
    make_mse(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(1));
}

struct conv_shape {
    uint64_t n, c, h, w, o, kh, kw, sh, sw, ph, pw, oh, ow;
};

static struct conv_shape conv_shape(struct kit_case *c)
{
    struct conv_shape s;
    s.n = kit_dim(c, 3, 4);
    s.c = kit_dim(c, 4, 9);
    s.o = kit_dim(c, 5, 20);
    s.kh = kit_random_range(&c->random, 1, 4);
    s.kw = kit_random_range(&c->random, 1, 3);
    s.sh = kit_random_range(&c->random, 1, 3);
    s.sw = kit_random_range(&c->random, 1, 2);
    s.ph = kit_random_range(&c->random, 0, 2);
    s.pw = kit_random_range(&c->random, 0, 2);
    s.h = s.kh + kit_dim(c, 9, 20);
    s.w = s.kw + kit_dim(c, 9, 24);
    s.oh = (s.h + 2 * s.ph - s.kh) / s.sh + 1;
    s.ow = (s.w + 2 * s.pw - s.kw) / s.sw + 1;
    return s;
}

static void conv_attrs(struct kit_case *c, const struct conv_shape *s)
{
    kit_attr(c, s->sh);
    kit_attr(c, s->sw);
    kit_attr(c, s->ph);
    kit_attr(c, s->pw);
}

static void make_conv2d(struct kit_case *c)
{
    struct conv_shape s = conv_shape(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(s.n, s.c, s.h, s.w));
    kit_input(c, KIT_NORMAL, 0, DIMS(s.o, s.c, s.kh, s.kw));
    if (kit_random_u32(&c->random) % 2)
        kit_input(c, KIT_NORMAL, 0, DIMS(s.o));
    conv_attrs(c, &s);
}

static void make_conv2d_grad_x(struct kit_case *c)
{
    struct conv_shape s = conv_shape(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(s.o, s.c, s.kh, s.kw));
    kit_input(c, KIT_NORMAL, 0, DIMS(s.n, s.o, s.oh, s.ow));
    conv_attrs(c, &s);
    kit_attr(c, s.h);
    kit_attr(c, s.w);
}

static void make_conv2d_grad_w(struct kit_case *c)
{
    struct conv_shape s = conv_shape(c);
    kit_input(c, KIT_NORMAL, 0, DIMS(s.n, s.c, s.h, s.w));
    kit_input(c, KIT_NORMAL, 0, DIMS(s.n, s.o, s.oh, s.ow));
    conv_attrs(c, &s);
    kit_attr(c, s.kh);
    kit_attr(c, s.kw);
}

static void pool_attrs(struct kit_case *c, const struct conv_shape *s)
{
    kit_attr(c, s->kh);
    kit_attr(c, s->kw);
    kit_attr(c, s->sh);
    kit_attr(c, s->sw);
}

static struct conv_shape pool_shape(struct kit_case *c)
{
    struct conv_shape s = conv_shape(c);
    s.oh = (s.h - s.kh) / s.sh + 1;
    s.ow = (s.w - s.kw) / s.sw + 1;
    return s;
}

static void make_max_pool2d(struct kit_case *c)
{
    struct conv_shape s = pool_shape(c);
    kit_input(c, KIT_DISTINCT, 0, DIMS(s.n, s.c, s.h, s.w));
    pool_attrs(c, &s);
}

static void make_max_pool2d_grad(struct kit_case *c)
{
    struct conv_shape s = pool_shape(c);
    kit_input(c, KIT_INDEX, s.h * s.w, DIMS(s.n, s.c, s.oh, s.ow));
    kit_input(c, KIT_NORMAL, 0, DIMS(s.n, s.c, s.oh, s.ow));
    pool_attrs(c, &s);
    kit_attr(c, s.h);
    kit_attr(c, s.w);
}

static void make_learning_rate(struct kit_case *c)
{
    kit_input(c, KIT_SMALL_U32, 120, DIMS(1));
    kit_attr(c, kit_random_range(&c->random, 0, 2));
    kit_attr_f32(c, 3e-4f);
    kit_attr_f32(c, 3e-5f);
    kit_attr(c, kit_random_range(&c->random, 0, 30));
    kit_attr(c, kit_random_range(&c->random, 31, 110));
}

static void make_clip_factor(struct kit_case *c)
{
    kit_input(c, KIT_POSITIVE, 0, DIMS(1));
    kit_attr_f32(c, 1.0f);
}

static void make_reciprocal_count(struct kit_case *c)
{
    kit_input(c, KIT_SMALL_U32, 5, DIMS(1));
}

static void make_adamw(struct kit_case *c)
{
    uint64_t r = rows(c);
    uint64_t n = columns(c);
    for (int i = 0; i < 3; i++)
        kit_input(c, KIT_NORMAL, 0, DIMS(r, n));
    kit_input(c, KIT_POSITIVE, 0, DIMS(r, n));
    kit_input(c, KIT_POSITIVE, 0, DIMS(1));
    kit_input(c, KIT_SMALL_U32, 1000, DIMS(1));
    kit_attr_f32(c, 0.9f);
    kit_attr_f32(c, 0.95f);
    kit_attr_f32(c, 1e-8f);
    kit_attr_f32(c, 0.1f);
}

static void make_sgd(struct kit_case *c)
{
    uint64_t r = rows(c);
    uint64_t n = columns(c);
    for (int i = 0; i < 3; i++)
        kit_input(c, KIT_NORMAL, 0, DIMS(r, n));
    kit_input(c, KIT_POSITIVE, 0, DIMS(1));
    kit_input(c, KIT_SMALL_U32, 1000, DIMS(1));
    kit_attr_f32(c, 0.9f);
    kit_attr_f32(c, 0.01f);
    kit_attr(c, kit_random_u32(&c->random) % 2);
}

/* Tolerances are shares of the output's greatest magnitude; 2^-23 is one unit in its last place. */
#define ULPS(n) ((n)*0x1p-23)

const struct kit_op kit_ops[] = {
    {GM_OP_FILL, make_fill, 0, false, ref_fill},
    {GM_OP_IOTA, make_iota, 0, false, ref_iota},
    {GM_OP_RANDOM_UNIFORM, make_random, ULPS(1), false, ref_random_uniform},
    {GM_OP_RANDOM_NORMAL, make_random, ULPS(4), false, ref_random_normal},
    {GM_OP_COPY, make_unary, 0, true, ref_copy},
    {GM_OP_RESHAPE, make_reshape, 0, true, ref_copy},
    {GM_OP_SLICE_COLS, make_slice, 0, true, ref_slice_cols},
    {GM_OP_CONCAT_COLS, make_concat, 0, true, ref_concat_cols},
    {GM_OP_ADD, make_binary, 0, true, ref_add},
    {GM_OP_SUB, make_binary, 0, true, ref_sub},
    {GM_OP_MUL, make_binary, 0, true, ref_mul},
    {GM_OP_DIV, make_binary, 0, true, ref_div},
    {GM_OP_SCALE, make_scale, 0, true, ref_scale},
    {GM_OP_SCALE_BY, make_scale_by, 0, true, ref_scale_by},
    {GM_OP_ADD_ROW, make_add_row, 0, true, ref_add_row},
    {GM_OP_ADD_CHANNEL, make_add_channel, 0, true, ref_add_channel},
    {GM_OP_RELU, make_unary, 0, true, ref_relu},
    {GM_OP_GELU, make_unary, ULPS(1), true, ref_gelu},
    {GM_OP_GELU_TANH, make_unary, ULPS(2), true, ref_gelu_tanh},
    {GM_OP_SILU, make_unary, ULPS(1), true, ref_silu},
    {GM_OP_RELU_GRAD, make_binary, 0, false, ref_relu_grad},
    {GM_OP_GELU_GRAD, make_binary, ULPS(2), false, ref_gelu_grad},
    {GM_OP_GELU_TANH_GRAD, make_binary, ULPS(2), false, ref_gelu_tanh_grad},
    {GM_OP_SILU_GRAD, make_binary, ULPS(2), false, ref_silu_grad},
    {GM_OP_MATMUL, make_matmul, ULPS(16), true, ref_matmul},
    {GM_OP_SUM, make_long, ULPS(16), true, ref_sum},
    {GM_OP_SUM_SQUARES, make_long, ULPS(8), true, ref_sum_squares},
    {GM_OP_SUM_ROWS, make_tall, ULPS(16), true, ref_sum_rows},
    {GM_OP_SUM_CHANNELS, make_channels, ULPS(16), true, ref_sum_channels},
    {GM_OP_ARGMAX, make_distinct, 0, false, ref_argmax},
    {GM_OP_EMBEDDING, make_embedding, 0, true, ref_embedding},
    {GM_OP_EMBEDDING_GRAD, make_embedding_grad, ULPS(8), false, ref_embedding_grad},
    {GM_OP_LAYERNORM, make_layernorm, ULPS(16), true, ref_layernorm},
    {GM_OP_LAYERNORM_GRAD_X, make_layernorm_grad_x, ULPS(8), false, ref_layernorm_grad_x},
    {GM_OP_LAYERNORM_GRAD_W, make_layernorm_grad_w, ULPS(16), false, ref_layernorm_grad_w},
    {GM_OP_RMSNORM, make_rmsnorm, ULPS(8), true, ref_rmsnorm},
    {GM_OP_RMSNORM_GRAD_X, make_rmsnorm_grad_x, ULPS(8), false, ref_rmsnorm_grad_x},
    {GM_OP_RMSNORM_GRAD_W, make_rmsnorm_grad_w, ULPS(16), false, ref_rmsnorm_grad_w},
    {GM_OP_ROPE_TABLE, make_rope_table, 2e-5, false, ref_rope_table},
    {GM_OP_ROPE, make_rope, ULPS(2), true, ref_rope},
    {GM_OP_ATTENTION, make_attention, ULPS(16), true, ref_attention},
    {GM_OP_ATTENTION_GRAD, make_attention_grad, ULPS(32), false, ref_attention_grad},
    {GM_OP_CROSS_ENTROPY, make_cross_entropy, ULPS(8), true, ref_cross_entropy},
    {GM_OP_CROSS_ENTROPY_GRAD, make_cross_entropy_grad, ULPS(4), false, ref_cross_entropy_grad},
    {GM_OP_MSE, make_mse, ULPS(8), true, ref_mse},
    {GM_OP_MSE_GRAD, make_mse_grad, ULPS(4), false, ref_mse_grad},
    {GM_OP_CONV2D, make_conv2d, ULPS(8), true, ref_conv2d},
    {GM_OP_CONV2D_GRAD_X, make_conv2d_grad_x, ULPS(8), false, ref_conv2d_grad_x},
    {GM_OP_CONV2D_GRAD_W, make_conv2d_grad_w, ULPS(8), false, ref_conv2d_grad_w},
    {GM_OP_MAX_POOL2D, make_max_pool2d, 0, true, ref_max_pool2d},
    {GM_OP_MAX_POOL2D_GRAD, make_max_pool2d_grad, ULPS(2), false, ref_max_pool2d_grad},
    {GM_OP_LEARNING_RATE, make_learning_rate, ULPS(4), false, ref_learning_rate},
    {GM_OP_CLIP_FACTOR, make_clip_factor, ULPS(2), false, ref_clip_factor},
    {GM_OP_RECIPROCAL_COUNT, make_reciprocal_count, 0, false, ref_reciprocal_count},
    {GM_OP_ADAMW, make_adamw, ULPS(8), false, ref_adamw},
    {GM_OP_SGD, make_sgd, ULPS(4), false, ref_sgd},
};

const uint32_t kit_op_count = sizeof kit_ops / sizeof *kit_ops;
