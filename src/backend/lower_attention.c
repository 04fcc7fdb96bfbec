#include "backend/lower_rules.h"

#include "kernels/attention.cl"

enum { HEADS, KV_HEADS, CAUSAL, SCALE };

struct shape {
    uint64_t batch, t_count, heads, kv_heads, head_dim, chunks;
};

static struct shape shape(const struct gm_lowering *l)
{
    const struct gm_tensor_desc *q = l->inputs[0];
    struct shape s = {q->dims[0], q->dims[1], l->node->attrs[HEADS], l->node->attrs[KV_HEADS],
                      0,          0};
    s.head_dim = q->dims[2] / s.heads;
    s.chunks = (s.head_dim + GM_ATTENTION_CHUNK - 1) / GM_ATTENTION_CHUNK;
    return s;
}

static void append_shape(struct gm_lowering *l, const struct shape *s)
{
    gm_lower_u64(l, s->t_count);
    gm_lower_u64(l, s->heads);
    gm_lower_u64(l, s->kv_heads);
    gm_lower_u64(l, s->head_dim);
    gm_lower_attr_u32(l, CAUSAL);
    gm_lower_attr_f32(l, SCALE);
}

void gm_lower_attention(struct gm_lowering *l)
{
    struct shape s = shape(l);
    gm_lower_launch(l, GM_KERNEL_attention_stats, s.t_count, s.batch * s.heads);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 1);
    gm_lower_out(l, 2);
    append_shape(l, &s);
    gm_lower_launch(l, GM_KERNEL_attention, s.t_count, s.batch * s.heads * s.chunks);
    for (uint32_t i = 0; i < 3; i++)
        gm_lower_in(l, i);
    gm_lower_out(l, 1);
    gm_lower_out(l, 2);
    gm_lower_out(l, 0);
    append_shape(l, &s);
}

/* Inputs q, k, v, m, l, do and the dots, as both gradient kernels take them. */
static void append_grad_inputs(struct gm_lowering *l, uint64_t dots)
{
    static const uint32_t inputs[] = {0, 1, 2, 4, 5, 6};
    for (uint32_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        gm_lower_in(l, inputs[i]);
    gm_lower_scratch(l, dots);
}

void gm_lower_attention_grad(struct gm_lowering *l)
{
    struct shape s = shape(l);
    uint64_t dots = gm_lower_scratch_new(l, s.batch * s.heads * s.t_count);
    gm_lower_launch(l, GM_KERNEL_attention_grad_stats, s.t_count, s.batch * s.heads);
    gm_lower_in(l, 3);
    gm_lower_in(l, 6);
    gm_lower_scratch(l, dots);
    gm_lower_u64(l, s.t_count);
    gm_lower_u64(l, s.heads);
    gm_lower_u64(l, s.head_dim);

    gm_lower_launch(l, GM_KERNEL_attention_grad_q, s.t_count, s.batch * s.heads * s.chunks);
    append_grad_inputs(l, dots);
    gm_lower_out(l, 0);
    append_shape(l, &s);

    gm_lower_launch(l, GM_KERNEL_attention_grad_kv, s.t_count, s.batch * s.kv_heads * s.chunks);
    append_grad_inputs(l, dots);
    gm_lower_out(l, 1);
    gm_lower_out(l, 2);
    append_shape(l, &s);
}

void gm_lower_rope_table(struct gm_lowering *l)
{
    gm_lower_launch(l, GM_KERNEL_rope_table, l->outputs[0].dims[1], l->outputs[0].dims[0]);
    gm_lower_out(l, 0);
    gm_lower_out(l, 1);
    gm_lower_attr_u64(l, 1);
    gm_lower_attr_f32(l, 2);
}

void gm_lower_rope(struct gm_lowering *l)
{
    uint64_t n = gm_tensor_cols(l->inputs[0]);
    gm_lower_launch(l, GM_KERNEL_rope, n / 2, gm_tensor_rows(l->inputs[0]));
    for (uint32_t i = 0; i < 3; i++)
        gm_lower_in(l, i);
    gm_lower_out(l, 0);
    gm_lower_u64(l, l->inputs[0]->dims[1]);
    gm_lower_u64(l, n);
    gm_lower_attr_u64(l, 0);
    gm_lower_f32(l, l->node->attrs[1] != 0 ? -1.0f : 1.0f);
}
