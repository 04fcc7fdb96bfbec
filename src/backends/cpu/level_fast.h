/* The faster ways that are compiled once per level; GM_LEVEL (level.h) gives them their names. */
#ifndef GM_CPU_LEVEL_FAST_H
#define GM_CPU_LEVEL_FAST_H

#include "backends/cpu/level.h"
#include "backends/cpu/ops.h"

#define GM_FAST(name)                                                                              \
    void GM_LEVEL(gm_cpu_##name##_run)(const struct gm_cpu_call *call);                            \
    size_t GM_LEVEL(gm_cpu_##name##_scratch)(const struct gm_cpu_call *call);

GM_FAST(attention)
GM_FAST(attention_grad)
GM_FAST(conv2d)
GM_FAST(conv2d_grad_w)
GM_FAST(conv2d_grad_x)
GM_FAST(cross_entropy)
GM_FAST(embedding_grad)
GM_FAST(mse)
#undef GM_FAST

/* Without scratch memory. */
#define GM_FAST(name) void GM_LEVEL(gm_cpu_##name##_run)(const struct gm_cpu_call *call);
GM_FAST(cross_entropy_grad)
GM_FAST(embedding)
GM_FAST(layernorm_grad_w)
GM_FAST(layernorm_grad_x)
GM_FAST(max_pool2d)
GM_FAST(max_pool2d_grad)
GM_FAST(rmsnorm_grad_w)
GM_FAST(rmsnorm_grad_x)
GM_FAST(rope)
GM_FAST(sum_channels)
GM_FAST(sum_rows)
#undef GM_FAST

#endif
