/* The weights' gradient: one product over all images, k = (n, oh, ow). */
#include "backends/cpu/level_conv.h"

#include "backends/cpu/level_fast.h"
#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

/* dy as (o, (n, oh, ow)): line = o. */
static void gather_dy(const void *ctx, float *target, size_t target_stride, size_t line_first,
                      size_t line_count, size_t k_first, size_t k_count)
{
    const struct gm_conv *v = ctx;
    const size_t size = v->oh * v->ow;
    const float *dy = v->call->in[1];
    for (size_t k = 0; k < k_count;) {
        size_t image = (k_first + k) / size;
        size_t at = (k_first + k) % size;
        size_t run = size - at < k_count - k ? size - at : k_count - k;
        const float *from = dy + (image * v->o + line_first) * size + at;
        for (size_t j = 0; j < run; j++) {
            for (size_t i = 0; i < line_count; i++)
                target[(k + j) * target_stride + i] = from[i * size + j];
        }
        k += run;
    }
}

enum { LINES = 64 };

/* What of a weight (c, kh, kw) does not depend on the position. */
struct lines {
    size_t offset[LINES]; /* of its element in an image, seen from the window's corner */
    size_t kh[LINES], kw[LINES];
};

static void lines_of(const struct gm_conv *v, size_t first, size_t count, struct lines *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t window = v->kh * v->kw;
        out->kw[i] = (first + i) % v->kw;
        out->kh[i] = (first + i) % window / v->kw;
        out->offset[i] = ((first + i) / window * v->h + out->kh[i]) * v->w + out->kw[i];
    }
}

/* All weights' elements under the window whose corner is at (top, left), pads subtracted: both may
   have wrapped below 0. */
static void gather_window(const struct gm_conv *v, const struct lines *lines, size_t count,
                          const float *image, size_t top, size_t left, float *target)
{
    if (top <= v->h - v->kh && left <= v->w - v->kw && v->h >= v->kh && v->w >= v->kw) {
        const float *corner = image + top * v->w + left;
        for (size_t i = 0; i < count; i++)
            target[i] = corner[lines->offset[i]];
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t row = top + lines->kh[i];
        size_t col = left + lines->kw[i];
        size_t plane = lines->offset[i] - lines->kh[i] * v->w - lines->kw[i];
        target[i] = row < v->h && col < v->w ? image[plane + row * v->w + col] : 0.0f;
    }
}

/* x as ((n, oh, ow), (c, kh, kw)): line = weight. */
static void gather_x(const void *ctx, float *target, size_t target_stride, size_t line_first,
                     size_t line_count, size_t k_first, size_t k_count)
{
    const struct gm_conv *v = ctx;
    const size_t size = v->oh * v->ow;
    const float *x = v->call->in[0];
    struct lines lines;
    for (size_t first = 0; first < line_count; first += LINES) {
        size_t count = line_count - first < LINES ? line_count - first : LINES;
        lines_of(v, line_first + first, count, &lines);
        size_t image = k_first / size;
        size_t oh = k_first % size / v->ow;
        size_t ow = k_first % v->ow;
        for (size_t k = 0; k < k_count; k++) {
            gather_window(v, &lines, count, x + image * v->c * v->h * v->w,
                          oh * v->stride_h - v->pad_h, ow * v->stride_w - v->pad_w,
                          target + k * target_stride + first);
            if (++ow == v->ow) {
                ow = 0;
                if (++oh == v->oh) {
                    oh = 0;
                    image++;
                }
            }
        }
    }
}

/* One weight, term by term. */
static float weight_grad(const struct gm_conv *v, size_t weight)
{
    const size_t window = v->kh * v->kw;
    const size_t o = weight / (v->c * window);
    const size_t c = weight / window % v->c;
    const size_t size = v->oh * v->ow;
    const float *x = v->call->in[0];
    const float *dy = v->call->in[1];
    struct gm_dot dot;
    gm_dot_begin(&dot);
    for (size_t k = 0; k < v->n * size; k++) {
        size_t row = k % size / v->ow * v->stride_h + weight % window / v->kw - v->pad_h;
        size_t col = k % v->ow * v->stride_w + weight % v->kw - v->pad_w;
        if (row < v->h && col < v->w)
            gm_dot_term(&dot, k, x[((k / size * v->c + c) * v->h + row) * v->w + col],
                        dy[(k / size * v->o + o) * size + k % size]);
    }
    return gm_f32_canonical(gm_dot_end(&dot));
}

static struct gm_conv conv_of(const struct gm_cpu_call *call)
{
    struct gm_conv v = gm_conv_of(call, call->inputs[0], call->outputs, call->inputs[1]);
    v.by_image = false;
    return v;
}

void GM_LEVEL(gm_cpu_conv2d_grad_w_run)(const struct gm_cpu_call *call)
{
    struct gm_conv v = conv_of(call);
    const size_t weights = v.c * v.kh * v.kw;
    float *dw = call->out[0];
    struct gm_gemm gemm = {
        .m = v.o, .n = weights, .k = v.n * v.oh * v.ow, .c = dw, .c_row_stride = weights};
    gemm.a = (struct gm_gemm_operand){.gather = gather_dy, .gather_ctx = &v};
    gemm.b = (struct gm_gemm_operand){.gather = gather_x, .gather_ctx = &v};
    gm_gemm_run(call->gemm, call->pool, call->scratch, &gemm);
    for (size_t i = 0; gm_conv_padded(&v) && i < v.o * weights; i++) {
        if (dw[i] != dw[i])
            dw[i] = weight_grad(&v, i);
    }
}

size_t GM_LEVEL(gm_cpu_conv2d_grad_w_scratch)(const struct gm_cpu_call *call)
{
    struct gm_conv v = conv_of(call);
    return gm_conv_workspace(&v, v.o, v.c * v.kh * v.kw, v.n * v.oh * v.ow);
}
