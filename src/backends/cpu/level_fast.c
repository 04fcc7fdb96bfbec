/* The table of faster ways, once per level. What is not in it runs by its lowering. */
#include "backends/cpu/level_fast.h"
#include "backends/cpu/fast.h"

/* clang-format off */
#define WITH_SCRATCH(name) {GM_LEVEL(gm_cpu_##name##_run), GM_LEVEL(gm_cpu_##name##_scratch)}
#define ALONE(name) {GM_LEVEL(gm_cpu_##name##_run), NULL}
/* clang-format on */

const struct gm_cpu_fast GM_LEVEL(gm_cpu_fast)[GM_OP_LIMIT] = {
    [GM_OP_MATMUL] = {gm_cpu_matmul_run, gm_cpu_matmul_scratch},
    [GM_OP_SUM_ROWS] = ALONE(sum_rows),
    [GM_OP_SUM_CHANNELS] = ALONE(sum_channels),
    [GM_OP_EMBEDDING] = ALONE(embedding),
    [GM_OP_EMBEDDING_GRAD] = WITH_SCRATCH(embedding_grad),
    [GM_OP_LAYERNORM_GRAD_X] = ALONE(layernorm_grad_x),
    [GM_OP_LAYERNORM_GRAD_W] = ALONE(layernorm_grad_w),
    [GM_OP_RMSNORM_GRAD_X] = ALONE(rmsnorm_grad_x),
    [GM_OP_RMSNORM_GRAD_W] = ALONE(rmsnorm_grad_w),
    [GM_OP_ROPE] = ALONE(rope),
    [GM_OP_ATTENTION] = WITH_SCRATCH(attention),
    [GM_OP_ATTENTION_GRAD] = WITH_SCRATCH(attention_grad),
    [GM_OP_CROSS_ENTROPY] = WITH_SCRATCH(cross_entropy),
    [GM_OP_CROSS_ENTROPY_GRAD] = ALONE(cross_entropy_grad),
    [GM_OP_CONV2D] = WITH_SCRATCH(conv2d),
    [GM_OP_CONV2D_GRAD_X] = WITH_SCRATCH(conv2d_grad_x),
    [GM_OP_CONV2D_GRAD_W] = WITH_SCRATCH(conv2d_grad_w),
    [GM_OP_MAX_POOL2D] = ALONE(max_pool2d),
    [GM_OP_MAX_POOL2D_GRAD] = ALONE(max_pool2d_grad),
    [GM_OP_MSE] = WITH_SCRATCH(mse),
};
