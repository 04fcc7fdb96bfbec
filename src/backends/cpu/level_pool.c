/* Max pooling by rows of windows, and its gradient by scattering. */
#include <string.h>

#include "backends/cpu/level_fast.h"
#include "kernels/num/bits.h"
#include "kernels/num/dot.h"

struct pool {
    const struct gm_cpu_call *call;
    size_t h, w, kernel_h, kernel_w, stride_h, stride_w, oh, ow;
};

static struct pool pool_of(const struct gm_cpu_call *call, const struct gm_tensor_desc *image,
                           const struct gm_tensor_desc *windows)
{
    const uint64_t *attrs = call->node->attrs;
    return (struct pool){.call = call,
                         .h = (size_t)image->dims[2],
                         .w = (size_t)image->dims[3],
                         .kernel_h = (size_t)attrs[0],
                         .kernel_w = (size_t)attrs[1],
                         .stride_h = (size_t)attrs[2],
                         .stride_w = (size_t)attrs[3],
                         .oh = (size_t)windows->dims[2],
                         .ow = (size_t)windows->dims[3]};
}

/* All windows of a row take one more element, `offset` into each. */
static void take(float *y, gm_u32 *index, const float *x, gm_u32 x_index, size_t count,
                 size_t stride)
{
    GM_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        float value = x[i * stride];
        gm_u32 takes = gm_f32_argmax_takes(y[i], value);
        y[i] = gm_f32_select(takes, value, y[i]);
        index[i] = gm_u32_select(takes, x_index + (gm_u32)i * (gm_u32)stride, index[i]);
    }
}

static void pool_row(const struct pool *o, const float *plane, size_t oh, float *y, gm_u32 *index)
{
    const size_t count = o->ow;
    const size_t corner = oh * o->stride_h * o->w;
    for (size_t i = 0; i < count; i++) {
        y[i] = plane[corner + i * o->stride_w];
        index[i] = (gm_u32)(corner + i * o->stride_w);
    }
    for (size_t kh = 0; kh < o->kernel_h; kh++) {
        for (size_t kw = 0; kw < o->kernel_w; kw++) {
            size_t at = corner + kh * o->w + kw;
            take(y, index, plane + at, (gm_u32)at, count, o->stride_w);
        }
    }
    for (size_t i = 0; i < count; i++)
        y[i] = gm_f32_canonical(gm_f32_max_end(y[i]));
}

static void pool_item(void *ctx, size_t plane, size_t thread)
{
    (void)thread;
    const struct pool *o = ctx;
    const float *x = (const float *)o->call->in[0] + plane * o->h * o->w;
    float *y = (float *)o->call->out[0] + plane * o->oh * o->ow;
    gm_u32 *index = (gm_u32 *)o->call->out[1] + plane * o->oh * o->ow;
    for (size_t oh = 0; oh < o->oh; oh++)
        pool_row(o, x, oh, y + oh * o->ow, index + oh * o->ow);
}

void GM_LEVEL(gm_cpu_max_pool2d_run)(const struct gm_cpu_call *call)
{
    struct pool o = pool_of(call, call->inputs[0], call->outputs);
    gm_pool_run(call->pool, (size_t)(call->outputs[0].dims[0] * call->outputs[0].dims[1]),
                pool_item, &o);
}

/* ---- gradient ---- */

/* Adding window by window is the dot rule's one chain, where a plane's windows lie in one segment
   or no two windows meet. An index that is not under its window counts nowhere. */
static void scatter_item(void *ctx, size_t plane, size_t thread)
{
    (void)thread;
    const struct pool *o = ctx;
    const gm_u32 *index = (const gm_u32 *)o->call->in[0] + plane * o->oh * o->ow;
    const float *dy = (const float *)o->call->in[1] + plane * o->oh * o->ow;
    float *dx = (float *)o->call->out[0] + plane * o->h * o->w;
    memset(dx, 0, o->h * o->w * sizeof *dx);
    for (size_t oh = 0; oh < o->oh; oh++) {
        for (size_t ow = 0; ow < o->ow; ow++) {
            gm_u32 at = index[oh * o->ow + ow];
            size_t row = at / (gm_u32)o->w - oh * o->stride_h;
            size_t col = at % (gm_u32)o->w - ow * o->stride_w;
            if (row < o->kernel_h && col < o->kernel_w && at < o->h * o->w)
                dx[at] += dy[oh * o->ow + ow];
        }
    }
    for (size_t i = 0; i < o->h * o->w; i++)
        dx[i] = gm_f32_canonical(dx[i]);
}

void GM_LEVEL(gm_cpu_max_pool2d_grad_run)(const struct gm_cpu_call *call)
{
    struct pool o = pool_of(call, call->outputs, call->inputs[1]);
    bool apart = o.stride_h >= o.kernel_h && o.stride_w >= o.kernel_w;
    if (!apart && o.oh * o.ow > GM_DOT_SEGMENT)
        gm_cpu_launch_all(call);
    else
        gm_pool_run(call->pool, (size_t)(call->outputs[0].dims[0] * call->outputs[0].dims[1]),
                    scatter_item, &o);
}
