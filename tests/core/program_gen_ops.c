/* One function per family of operations: it takes a value from the pool or makes what it needs,
   and keeps the result. */
#include "program_gen_state.h"

static uint64_t f32(float value)
{
    return gm_attr_from_f32(value);
}

static gm_value fresh_like(struct gen *gen, const struct gm_tensor_desc *desc)
{
    return gen_fresh(gen, desc->rank, desc->dims);
}

static void pair(struct gen *gen)
{
    static const enum gm_op OPS[] = {GM_OP_ADD, GM_OP_SUB, GM_OP_MUL, GM_OP_DIV};
    gm_value a = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, a);
    gm_value b = gen_random(gen, 6) == 0 ? a : fresh_like(gen, &desc);
    enum gm_op op = OPS[gen_random(gen, 4)];
    if (op == GM_OP_DIV) {
        /* b * b + 1 keeps quotients near unit size. */
        uint64_t one = f32(1.0F);
        gm_value square = gen_node(gen, GM_OP_MUL, 2, (gm_value[]){b, b}, NULL);
        gm_value ones =
            gm_builder_node(gen->builder, GM_OP_FILL, 0, NULL, &one, desc.rank, desc.dims);
        b = gen_node(gen, GM_OP_ADD, 2, (gm_value[]){square, ones}, NULL);
    }
    gen_keep(gen, gen_node(gen, op, 2, (gm_value[]){a, b}, NULL));
}

static void scale(struct gen *gen)
{
    uint64_t one = 1;
    uint64_t factor = f32(gen_float(gen, -1.5F, 1.5F));
    gm_value x = gen_pick(gen);
    gen_keep(gen, gen_random(gen, 2) == 0
                      ? gen_node(gen, GM_OP_SCALE, 1, &x, &factor)
                      : gen_node(gen, GM_OP_SCALE_BY, 2, (gm_value[]){x, gen_fresh(gen, 1, &one)},
                                 NULL));
}

static void move(struct gen *gen)
{
    gm_value x = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, x);
    if (gen_random(gen, 3) == 0) {
        gen_keep(gen, gen_node(gen, GM_OP_COPY, 1, &x, NULL));
        return;
    }
    uint64_t rows = gm_tensor_rows(&desc);
    uint64_t cols = gm_tensor_cols(&desc);
    uint64_t split = cols % 2 == 0 ? 2 : cols % 3 == 0 ? 3 : 1;
    uint64_t dims[] = {rows, cols / split, split};
    gen_keep(gen, gm_builder_node(gen->builder, GM_OP_RESHAPE, 1, &x, NULL, 3, dims));
}

/* Slices that cover x (kept apart or put together again), or one from the middle. */
static void columns(struct gen *gen)
{
    gm_value x = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, x);
    uint64_t cols = gm_tensor_cols(&desc);
    uint64_t cut = cols > 1 ? 1 + gen_random(gen, cols - 1) : 1;
    if (cols == 1 || gen_random(gen, 4) == 0) {
        uint64_t attrs[] = {cols - cut, cols > 2 ? 1 : cut};
        gen_keep(gen, gen_node(gen, GM_OP_SLICE_COLS, 1, &x, attrs));
        return;
    }
    uint64_t left[] = {0, cut};
    uint64_t right[] = {cut, cols - cut};
    gm_value x0 = gen_node(gen, GM_OP_SLICE_COLS, 1, &x, left);
    gm_value x1 = gen_node(gen, GM_OP_SLICE_COLS, 1, &x, right);
    gen_keep(gen, gen_node(gen, GM_OP_CONCAT_COLS, 3, (gm_value[]){x1, x0, x1}, NULL));
}

static void rows(struct gen *gen)
{
    gm_value x = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, x);
    uint64_t cols = gm_tensor_cols(&desc);
    if (gen_random(gen, 2) == 0) {
        gen_keep(gen,
                 gen_node(gen, GM_OP_ADD_ROW, 2, (gm_value[]){x, gen_fresh(gen, 1, &cols)}, NULL));
        return;
    }
    gm_value sums = gen_node(gen, GM_OP_SUM_ROWS, 1, &x, NULL);
    gen_keep(gen, gen_tame(gen, sums, gm_tensor_rows(&desc)));
}

static void activation(struct gen *gen)
{
    static const enum gm_op OPS[] = {GM_OP_RELU, GM_OP_GELU, GM_OP_GELU_TANH, GM_OP_SILU};
    gm_value x = gen_pick(gen);
    gen_keep(gen, gen_node(gen, OPS[gen_random(gen, 4)], 1, &x, NULL));
}

static void matmul(struct gen *gen)
{
    gm_value a = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, a);
    uint64_t trans_a = gen_random(gen, 2);
    uint64_t trans_b = gen_random(gen, 2);
    uint64_t m = trans_a ? gm_tensor_cols(&desc) : gm_tensor_rows(&desc);
    uint64_t k = trans_a ? gm_tensor_rows(&desc) : gm_tensor_cols(&desc);
    uint64_t n = gen_size(gen, gen->elements_max / m);
    uint64_t dims[] = {trans_b ? n : k, trans_b ? k : n};
    uint64_t attrs[] = {trans_a, trans_b, 0};
    gm_value inputs[] = {a, gen_fresh(gen, 2, dims), gen_fresh(gen, 1, &n)};
    gm_value y = gen_node(gen, GM_OP_MATMUL, 2 + (uint32_t)gen_random(gen, 2), inputs, attrs);
    gen_keep(gen, gen_tame(gen, y, k));
}

static void matmul_batched(struct gen *gen)
{
    uint64_t batches = gen_size(gen, 5);
    uint64_t m = gen_size(gen, 33);
    uint64_t k = gen_size(gen, 65);
    uint64_t n = gen_size(gen, 33);
    uint64_t attrs[] = {gen_random(gen, 2), gen_random(gen, 2), 1};
    uint64_t a[] = {batches, 2, attrs[0] ? k : m, attrs[0] ? m : k};
    uint64_t b[] = {batches, 2, attrs[1] ? n : k, attrs[1] ? k : n};
    gm_value inputs[] = {gen_fresh(gen, 4, a), gen_fresh(gen, 4, b), gen_fresh(gen, 1, &n)};
    gm_value y = gen_node(gen, GM_OP_MATMUL, 2 + (uint32_t)gen_random(gen, 2), inputs, attrs);
    gen_keep(gen, gen_tame(gen, y, k));
}

static void reduce(struct gen *gen)
{
    static const enum gm_op OPS[] = {GM_OP_SUM, GM_OP_SUM_SQUARES};
    gm_value x = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, x);
    gm_value y = gen_node(gen, OPS[gen_random(gen, 2)], 1, &x, NULL);
    gen_keep(gen, gen_tame(gen, y, gm_tensor_count(&desc)));
}

/* Rows by index, or by the argmax of other rows. */
static void embedding(struct gen *gen)
{
    uint64_t vocab = gen_size(gen, 65);
    uint64_t table[] = {vocab, gen_size(gen, 33)};
    uint64_t ids[] = {gen_size(gen, 5), gen_size(gen, 17)};
    gm_value index;
    if (gen_random(gen, 2) == 0) {
        index = gen_index(gen, vocab, 2, ids);
    } else {
        uint64_t scores[] = {ids[0], ids[1], vocab};
        gm_value x = gen_fresh(gen, 3, scores);
        index = gen_node(gen, GM_OP_ARGMAX, 1, &x, NULL);
        gen_sink(gen, index);
    }
    gen_keep(gen, gen_node(gen, GM_OP_EMBEDDING, 2, (gm_value[]){gen_fresh(gen, 2, table), index},
                           NULL));
}

static void norm(struct gen *gen)
{
    gm_value x = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, x);
    uint64_t cols = gm_tensor_cols(&desc);
    uint64_t eps = f32(1e-3F);
    gm_value w = gen_fresh(gen, 1, &cols);
    gen_keep(gen, gen_random(gen, 2) == 0
                      ? gen_node(gen, GM_OP_RMSNORM, 2, (gm_value[]){x, w}, &eps)
                      : gen_node(gen, GM_OP_LAYERNORM, 3,
                                 (gm_value[]){x, w, gen_fresh(gen, 1, &cols)}, &eps));
}

static void rope(struct gen *gen)
{
    uint64_t head_dim = 2 * gen_size(gen, 16);
    uint64_t dims[] = {gen_size(gen, 3), gen_size(gen, 33), head_dim * gen_size(gen, 3)};
    uint64_t table[] = {dims[1], head_dim, f32(10000.0F)};
    gm_value cosines = gen_node(gen, GM_OP_ROPE_TABLE, 0, NULL, table);
    uint64_t attrs[] = {head_dim, gen_random(gen, 2)};
    gm_value x = gen_fresh(gen, 3, dims);
    gen_keep(gen, gen_node(gen, GM_OP_ROPE, 3, (gm_value[]){x, cosines, cosines + 1}, attrs));
}

static void attention(struct gen *gen)
{
    uint64_t kv_heads = 1 + gen_random(gen, 3);
    uint64_t heads = kv_heads * (1 + gen_random(gen, 3));
    uint64_t head_dim = gen_size(gen, 17);
    uint64_t q[] = {gen_size(gen, 3), gen_size(gen, 48), heads * head_dim};
    uint64_t kv[] = {q[0], q[1], kv_heads * head_dim};
    uint64_t attrs[] = {heads, kv_heads, gen_random(gen, 2), f32(0.3F)};
    gm_value inputs[] = {gen_fresh(gen, 3, q), gen_fresh(gen, 3, kv), gen_fresh(gen, 3, kv)};
    gen_keep(gen, gen_node(gen, GM_OP_ATTENTION, 3, inputs, attrs));
}

static void image(struct gen *gen)
{
    uint64_t x_dims[] = {gen_size(gen, 3), gen_size(gen, 5), 4 + gen_size(gen, 13),
                         4 + gen_size(gen, 13)};
    gm_value x = gen_fresh(gen, 4, x_dims);
    if (gen_random(gen, 2) == 0) {
        uint64_t window[] = {1 + gen_random(gen, 3), 1 + gen_random(gen, 3), 1 + gen_random(gen, 3),
                             1 + gen_random(gen, 3)};
        gm_value pooled = gen_node(gen, GM_OP_MAX_POOL2D, 1, &x, window);
        gen_sink(gen, pooled + 1);
        gen_keep(gen, pooled);
        return;
    }
    uint64_t w_dims[] = {gen_size(gen, 8), x_dims[1], 1 + gen_random(gen, 4),
                         1 + gen_random(gen, 4)};
    uint64_t attrs[] = {1 + gen_random(gen, 3), 1 + gen_random(gen, 3), gen_random(gen, 3),
                        gen_random(gen, 3)};
    gm_value inputs[] = {x, gen_fresh(gen, 4, w_dims), gen_fresh(gen, 1, &w_dims[0])};
    gm_value y = gen_node(gen, GM_OP_CONV2D, 2 + (uint32_t)gen_random(gen, 2), inputs, attrs);
    gen_keep(gen, gen_tame(gen, y, w_dims[1] * w_dims[2] * w_dims[3]));
}

static void channels(struct gen *gen)
{
    gm_value x = gen_pick(gen);
    struct gm_tensor_desc desc = gen_desc(gen, x);
    if (desc.rank < 2)
        return;
    if (gen_random(gen, 2) == 0) {
        gm_value b = gen_fresh(gen, 1, &desc.dims[1]);
        gen_keep(gen, gen_node(gen, GM_OP_ADD_CHANNEL, 2, (gm_value[]){x, b}, NULL));
        return;
    }
    gm_value sums = gen_node(gen, GM_OP_SUM_CHANNELS, 1, &x, NULL);
    gen_keep(gen, gen_tame(gen, sums, gm_tensor_count(&desc) / desc.dims[1]));
}

void gen_any_op(struct gen *gen)
{
    static void (*const FAMILIES[])(struct gen *) = {
        pair,   scale,     move, columns, rows,      activation, matmul,  matmul_batched,
        reduce, embedding, norm, rope,    attention, image,      channels};
    FAMILIES[gen_random(gen, sizeof(FAMILIES) / sizeof(FAMILIES[0]))](gen);
}
