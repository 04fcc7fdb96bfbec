/* Convolution forward and its gradient for images: per image, weights times patches. */
#include "backends/cpu/level_conv.h"

#include <stddef.h>

#include "backends/cpu/level_fast.h"
#include "kernels/conv.cl"

/* One image whose patches are the right operand: line = position, k = (channel, kh, kw). */
struct patches {
    const struct gm_conv *v;
    const float *image;
};

/* target[i] = row[start + i], and 0 beyond both ends of the row; all 0 when row is NULL. */
static inline void copy_run(const float *row, ptrdiff_t width, ptrdiff_t start, ptrdiff_t count,
                            float *target)
{
    ptrdiff_t left = row == NULL ? count : -start;
    left = left < 0 ? 0 : left > count ? count : left;
    ptrdiff_t end = width - start > count ? count : width - start;
    end = end < left ? left : end;
    for (ptrdiff_t i = 0; i < left; i++)
        target[i] = 0.0f;
    GM_INDEPENDENT
    for (ptrdiff_t i = left; i < end; i++)
        target[i] = row[start + i];
    for (ptrdiff_t i = end; i < count; i++)
        target[i] = 0.0f;
}

/* Positions [ow, ow + count) of one row of windows, all at weight column kw; `row` is the image's
   row under them, NULL on padding. */
static void gather_run(const struct gm_conv *v, const float *row, size_t ow, size_t count,
                       size_t kw, float *target)
{
    if (v->stride_w == 1) {
        copy_run(row, (ptrdiff_t)v->w, (ptrdiff_t)(ow + kw) - (ptrdiff_t)v->pad_w, (ptrdiff_t)count,
                 target);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t col = (ow + i) * v->stride_w + kw - v->pad_w; /* below 0 wraps: beyond w */
        target[i] = row != NULL && col < v->w ? row[col] : 0.0f;
    }
}

static void gather_patches(const void *ctx, float *target, size_t target_stride, size_t line_first,
                           size_t line_count, size_t k_first, size_t k_count)
{
    const struct patches *p = ctx;
    const struct gm_conv *v = p->v;
    size_t kw = k_first % v->kw;
    size_t kh = k_first / v->kw % v->kh;
    size_t channel = k_first / (v->kw * v->kh);
    const size_t oh_first = line_first / v->ow;
    const size_t ow_first = line_first % v->ow;
    for (size_t k = 0; k < k_count; k++, target += target_stride) {
        const float *plane = p->image + channel * v->h * v->w;
        size_t oh = oh_first;
        size_t ow = ow_first;
        for (size_t i = 0; i < line_count; oh++, ow = 0) {
            size_t run = v->ow - ow < line_count - i ? v->ow - ow : line_count - i;
            size_t row = oh * v->stride_h + kh - v->pad_h;
            gather_run(v, row < v->h ? plane + row * v->w : NULL, ow, run, kw, target + i);
            i += run;
        }
        if (++kw == v->kw) {
            kw = 0;
            if (++kh == v->kh) {
                kh = 0;
                channel++;
            }
        }
    }
}

/* The reference for every element of planes [first, last) that is NaN. */
static void redo_nan(const struct gm_conv *v, enum gm_kernel kernel, const float *y, size_t size,
                     size_t plane_first, size_t plane_last)
{
    const struct gm_cpu_call *call = v->call;
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {
        {.p = call->in[0]},   {.p = call->in[1]}, {.p = call->out[0]}, {.u64 = v->c},
        {.u64 = v->h},        {.u64 = v->w},      {.u64 = v->o},       {.u64 = v->kh},
        {.u64 = v->kw},       {.u64 = v->oh},     {.u64 = v->ow},      {.u64 = v->stride_h},
        {.u64 = v->stride_w}, {.u64 = v->pad_h},  {.u64 = v->pad_w}};
    for (size_t plane = plane_first; plane < plane_last; plane++) {
        for (size_t i = 0; i < size; i++) {
            if (y[plane * size + i] != y[plane * size + i])
                call->ops->kernels[kernel](args,
                                           &(struct gm_cpu_range){i, i + 1, plane, plane + 1});
        }
    }
}

static void add_bias(float *y, const float *bias, size_t planes, size_t size)
{
    for (size_t o = 0; o < planes; o++) {
        const float b = bias[o];
        GM_INDEPENDENT
        for (size_t i = 0; i < size; i++)
            y[o * size + i] = gm_f32_canonical(y[o * size + i] + b);
    }
}

static void forward_image(const struct gm_conv *v, size_t index, struct gm_pool *pool,
                          void *workspace)
{
    const size_t size = v->oh * v->ow;
    const size_t k = v->c * v->kh * v->kw;
    float *y = v->call->out[0];
    struct patches patches = {v, (const float *)v->call->in[0] + index * v->c * v->h * v->w};
    struct gm_gemm gemm = {.m = v->o, .n = size, .k = k, .c_row_stride = size};
    gemm.c = y + index * v->o * size;
    gemm.a = (struct gm_gemm_operand){.data = v->call->in[1], .row_stride = k, .col_stride = 1};
    gemm.b = (struct gm_gemm_operand){.gather = gather_patches, .gather_ctx = &patches};
    gm_gemm_run(v->call->gemm, pool, workspace, &gemm);
    if (gm_conv_padded(v))
        redo_nan(v, GM_KERNEL_conv2d, y, size, index * v->o, (index + 1) * v->o);
    if (v->call->node->input_count == 3)
        add_bias(gemm.c, v->call->in[2], v->o, size);
}

static struct gm_conv forward_of(const struct gm_cpu_call *call, size_t *scratch_bytes)
{
    struct gm_conv v = gm_conv_of(call, call->inputs[0], call->inputs[1], call->outputs);
    *scratch_bytes = gm_conv_workspace(&v, v.o, v.oh * v.ow, v.c * v.kh * v.kw);
    return v;
}

void GM_LEVEL(gm_cpu_conv2d_run)(const struct gm_cpu_call *call)
{
    size_t scratch_bytes;
    struct gm_conv v = forward_of(call, &scratch_bytes);
    gm_conv_each_image(&v, forward_image);
}

size_t GM_LEVEL(gm_cpu_conv2d_scratch)(const struct gm_cpu_call *call)
{
    size_t scratch_bytes;
    (void)forward_of(call, &scratch_bytes);
    return scratch_bytes;
}

/* ---- the images' gradient: k = (o, kh, kw), position = (row, column) of the image ---- */

/* Columns [col, col + count) of one image row; `row` is the row of dy that meets it, NULL where
   none does. */
static void gather_grad_run(const struct gm_conv *v, const float *row, size_t col, size_t count,
                            size_t kw, float *target)
{
    if (v->stride_w == 1) {
        copy_run(row, (ptrdiff_t)v->ow, (ptrdiff_t)(col + v->pad_w) - (ptrdiff_t)kw,
                 (ptrdiff_t)count, target);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t left = col + i + v->pad_w - kw; /* below 0 wraps: beyond every window */
        size_t ow = left / v->stride_w;
        bool meets = row != NULL && ow < v->ow && left % v->stride_w == 0;
        target[i] = meets ? row[ow] : 0.0f;
    }
}

static void gather_grad(const void *ctx, float *target, size_t target_stride, size_t line_first,
                        size_t line_count, size_t k_first, size_t k_count)
{
    const struct patches *p = ctx; /* image: the planes of dy */
    const struct gm_conv *v = p->v;
    const size_t row_first = line_first / v->w;
    const size_t col_first = line_first % v->w;
    for (size_t k = 0; k < k_count; k++, target += target_stride) {
        size_t kw = (k_first + k) % v->kw;
        size_t kh = (k_first + k) / v->kw % v->kh;
        const float *plane = p->image + (k_first + k) / (v->kw * v->kh) * v->oh * v->ow;
        size_t row = row_first;
        size_t col = col_first;
        for (size_t i = 0; i < line_count; row++, col = 0) {
            size_t run = v->w - col < line_count - i ? v->w - col : line_count - i;
            size_t top = row + v->pad_h - kh;
            bool meets = top % v->stride_h == 0 && top / v->stride_h < v->oh;
            gather_grad_run(v, meets ? plane + top / v->stride_h * v->ow : NULL, col, run, kw,
                            target + i);
            i += run;
        }
    }
}

/* The weights as (c, (o, kh, kw)): line = c. */
static void gather_weights(const void *ctx, float *target, size_t target_stride, size_t line_first,
                           size_t line_count, size_t k_first, size_t k_count)
{
    const struct patches *p = ctx;
    const size_t window = p->v->kh * p->v->kw;
    const float *weight = p->v->call->in[0];
    for (size_t k = 0; k < k_count; k++) {
        size_t o = (k_first + k) / window;
        const float *from = weight + (o * p->v->c + line_first) * window + (k_first + k) % window;
        for (size_t i = 0; i < line_count; i++)
            target[k * target_stride + i] = from[i * window];
    }
}

static void grad_image(const struct gm_conv *v, size_t index, struct gm_pool *pool, void *workspace)
{
    const size_t size = v->h * v->w;
    float *dx = v->call->out[0];
    struct patches patches = {v, (const float *)v->call->in[1] + index * v->o * v->oh * v->ow};
    struct gm_gemm gemm = {.m = v->c, .n = size, .k = v->o * v->kh * v->kw, .c_row_stride = size};
    gemm.c = dx + index * v->c * size;
    gemm.a = (struct gm_gemm_operand){.gather = gather_weights, .gather_ctx = &patches};
    gemm.b = (struct gm_gemm_operand){.gather = gather_grad, .gather_ctx = &patches};
    gm_gemm_run(v->call->gemm, pool, workspace, &gemm);
    redo_nan(v, GM_KERNEL_conv2d_grad_x, dx, size, index * v->c, (index + 1) * v->c);
}

static struct gm_conv grad_of(const struct gm_cpu_call *call, size_t *scratch_bytes)
{
    struct gm_conv v = gm_conv_of(call, call->outputs, call->inputs[0], call->inputs[1]);
    *scratch_bytes = gm_conv_workspace(&v, v.c, v.h * v.w, v.o * v.kh * v.kw);
    return v;
}

void GM_LEVEL(gm_cpu_conv2d_grad_x_run)(const struct gm_cpu_call *call)
{
    size_t scratch_bytes;
    struct gm_conv v = grad_of(call, &scratch_bytes);
    gm_conv_each_image(&v, grad_image);
}

size_t GM_LEVEL(gm_cpu_conv2d_grad_x_scratch)(const struct gm_cpu_call *call)
{
    size_t scratch_bytes;
    (void)grad_of(call, &scratch_bytes);
    return scratch_bytes;
}
