/* Convolution as matrix multiplication: the numbers of one call, and rules that write parts of the
   matrix of patches, which is never stored whole. Padding is written as zeros, which the dot rule
   allows but for one case: zero times an infinity is NaN. Results that hold NaN are therefore
   computed again, term by term. */
#ifndef GM_CPU_LEVEL_CONV_H
#define GM_CPU_LEVEL_CONV_H

#include "backends/cpu/level.h"
#include "backends/cpu/ops.h"

struct gm_conv {
    const struct gm_cpu_call *call;
    size_t n, c, h, w, o, kh, kw, oh, ow;
    size_t stride_h, stride_w, pad_h, pad_w;
    size_t workspace_bytes; /* of one thread, or of all where images are few */
    bool by_image;          /* images go to threads whole */
};

static inline struct gm_conv gm_conv_of(const struct gm_cpu_call *call,
                                        const struct gm_tensor_desc *x,
                                        const struct gm_tensor_desc *weight,
                                        const struct gm_tensor_desc *y)
{
    const uint64_t *attrs = call->node->attrs;
    struct gm_conv v = {.call = call};
    v.n = (size_t)x->dims[0];
    v.c = (size_t)x->dims[1];
    v.h = (size_t)x->dims[2];
    v.w = (size_t)x->dims[3];
    v.o = (size_t)weight->dims[0];
    v.kh = (size_t)weight->dims[2];
    v.kw = (size_t)weight->dims[3];
    v.oh = (size_t)y->dims[2];
    v.ow = (size_t)y->dims[3];
    v.stride_h = (size_t)attrs[0];
    v.stride_w = (size_t)attrs[1];
    v.pad_h = (size_t)attrs[2];
    v.pad_w = (size_t)attrs[3];
    v.by_image = v.n >= 2 * gm_pool_thread_count(call->pool);
    return v;
}

/* Sets the workspace for products of this size; returns the bytes for the whole call. */
static inline size_t gm_conv_workspace(struct gm_conv *v, size_t m, size_t n, size_t k)
{
    size_t threads = gm_pool_thread_count(v->call->pool);
    size_t size = gm_gemm_workspace_bytes(v->call->gemm, v->by_image ? 1 : threads, m, n, k);
    v->workspace_bytes = (size + 63) / 64 * 64;
    return v->workspace_bytes * (v->by_image ? threads : 1);
}

static inline bool gm_conv_padded(const struct gm_conv *v)
{
    return v->pad_h > 0 || v->pad_w > 0;
}

/* Runs `image(v, index, pool, workspace)` for all images. */
struct gm_conv_images {
    const struct gm_conv *v;
    void (*image)(const struct gm_conv *v, size_t index, struct gm_pool *pool, void *workspace);
};

static inline void gm_conv_image_item(void *ctx, size_t item, size_t thread)
{
    const struct gm_conv_images *images = ctx;
    const struct gm_conv *v = images->v;
    images->image(v, item, NULL, v->call->scratch + thread * v->workspace_bytes);
}

static inline void gm_conv_each_image(const struct gm_conv *v,
                                      void (*image)(const struct gm_conv *v, size_t index,
                                                    struct gm_pool *pool, void *workspace))
{
    struct gm_conv_images images = {v, image};
    if (v->by_image)
        gm_pool_run(v->call->pool, v->n, gm_conv_image_item, &images);
    for (size_t i = 0; !v->by_image && i < v->n; i++)
        image(v, i, v->call->pool, v->call->scratch);
}

#endif
