#include "backend/lower_rules.h"

/* Floats go through a kernel of their own, which writes NaN in its one form. */
void gm_lower_copy(struct gm_lowering *l)
{
    uint64_t size_bytes = gm_tensor_size_bytes(&l->outputs[0]);
    if (l->outputs[0].dtype == GM_DTYPE_F32)
        gm_lower_launch(l, GM_KERNEL_copy_f32, size_bytes / 4, 1);
    else if (size_bytes % 4 == 0)
        gm_lower_launch(l, GM_KERNEL_copy_u32, size_bytes / 4, 1);
    else
        gm_lower_launch(l, GM_KERNEL_copy_u8, size_bytes, 1);
    gm_lower_in(l, 0);
    gm_lower_out(l, 0);
}

void gm_lower_reshape(struct gm_lowering *l)
{
    gm_lower_copy(l);
}

void gm_lower_slice_cols(struct gm_lowering *l)
{
    uint64_t count = gm_tensor_cols(&l->outputs[0]);
    gm_lower_launch(l, GM_KERNEL_copy_cols, count, gm_tensor_rows(&l->outputs[0]));
    gm_lower_in(l, 0);
    gm_lower_out(l, 0);
    gm_lower_u64(l, gm_tensor_cols(l->inputs[0]));
    gm_lower_attr_u64(l, 0);
    gm_lower_u64(l, count);
    gm_lower_u64(l, 0);
}

void gm_lower_concat_cols(struct gm_lowering *l)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < l->node->input_count; i++) {
        uint64_t count = gm_tensor_cols(l->inputs[i]);
        gm_lower_launch(l, GM_KERNEL_copy_cols, count, gm_tensor_rows(&l->outputs[0]));
        gm_lower_in(l, i);
        gm_lower_out(l, 0);
        gm_lower_u64(l, count);
        gm_lower_u64(l, 0);
        gm_lower_u64(l, gm_tensor_cols(&l->outputs[0]));
        gm_lower_u64(l, first);
        first += count;
    }
}

void gm_lower_embedding(struct gm_lowering *l)
{
    uint64_t n = gm_tensor_cols(&l->outputs[0]);
    gm_lower_launch(l, GM_KERNEL_embedding, n, gm_tensor_rows(&l->outputs[0]));
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_out(l, 0);
    gm_lower_u64(l, n);
}

void gm_lower_embedding_grad(struct gm_lowering *l)
{
    uint64_t samples = gm_tensor_count(l->inputs[0]);
    uint64_t n = gm_tensor_cols(&l->outputs[0]);
    uint64_t next = gm_lower_scratch_new(l, samples);
    uint64_t first = gm_lower_scratch_new(l, samples);
    gm_lower_zero(l, 0);
    gm_lower_launch(l, GM_KERNEL_embedding_links, samples, 1);
    gm_lower_in(l, 0);
    gm_lower_scratch(l, next);
    gm_lower_scratch(l, first);
    gm_lower_u64(l, samples);
    gm_lower_launch(l, GM_KERNEL_embedding_grad, n, samples);
    gm_lower_in(l, 0);
    gm_lower_in(l, 1);
    gm_lower_scratch(l, next);
    gm_lower_scratch(l, first);
    gm_lower_out(l, 0);
    gm_lower_u64(l, n);
}
