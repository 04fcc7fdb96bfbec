/* Known answers at start-up. A processor, a compiler or a library in this process that breaks the
   profile's arithmetic is found here, before it can cost anybody a wrong result. */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/device.h"
#include "kernels/num/philox.h"

enum { COUNT = 1024, DOT_COUNT = 5000 };

struct work {
    float a[DOT_COUNT];
    float b[DOT_COUNT];
    float y[2 * COUNT];
};

/* Values spread evenly over sign and exponents in (-span, span) around 2^0. */
static void fill(float *x, uint32_t count, uint64_t stream, uint32_t span, uint32_t centre)
{
    for (uint32_t i = 0; i < count; i++) {
        struct gm_philox random = gm_philox(1, stream, i);
        uint32_t exponent = centre - span + random.word[0] % (2 * span);
        uint32_t bits = exponent << 23 | random.word[1] >> 9 | (random.word[2] & 0x80000000u);
        memcpy(&x[i], &bits, sizeof bits);
    }
}

static void run(const struct gm_cpu_ops *ops, enum gm_kernel kernel, uint64_t count,
                const union gm_cpu_arg *args)
{
    ops->kernels[kernel](args, &(struct gm_cpu_range){0, count, 0, 1});
}

static void binary(const struct gm_cpu_ops *ops, enum gm_kernel kernel, struct work *w)
{
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {{.p = w->a}, {.p = w->b}, {.p = w->y}};
    run(ops, kernel, COUNT, args);
}

static void unary(const struct gm_cpu_ops *ops, enum gm_kernel kernel, struct work *w)
{
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {{.p = w->a}, {.p = w->y}};
    run(ops, kernel, COUNT, args);
}

static void test_subnormals(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 1, 12, 62); /* products around 2^-130: most are subnormal */
    fill(w->b, COUNT, 2, 12, 62);
    binary(ops, GM_KERNEL_mul, w);
}

static void test_addition(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 3, 20, 127);
    fill(w->b, COUNT, 4, 20, 127);
    binary(ops, GM_KERNEL_add, w);
}

static void test_division(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 5, 100, 127);
    fill(w->b, COUNT, 6, 100, 127);
    binary(ops, GM_KERNEL_div, w);
}

static void test_square_root(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 7, 126, 127);
    for (uint32_t i = 0; i < COUNT; i++) {
        w->a[i] = w->a[i] < 0.0f ? -w->a[i] : w->a[i];
        union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {
            {.p = &w->a[i]}, {.p = &w->y[i]}, {.f32 = 0x1p-70f}};
        run(ops, GM_KERNEL_clip_factor, 1, args);
    }
}

static void test_fma(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 8, 30, 127);
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {{.p = w->a}, {.p = w->y}, {.u64 = COUNT}};
    run(ops, GM_KERNEL_sum_squares_blocks, 1, args);
}

static void test_dot(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, DOT_COUNT, 9, 10, 127);
    fill(w->b, DOT_COUNT, 10, 10, 127);
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {
        {.p = w->a}, {.p = w->b}, {.p = w->y}, {.u64 = 1}, {.u64 = 1}, {.u64 = DOT_COUNT},
        {.u64 = 1},  {.u64 = 1},  {.u64 = 1},  {.u64 = 1}, {.u64 = 1}, {.u64 = 1}};
    run(ops, GM_KERNEL_matmul, 1, args);
}

static void test_exp(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 11, 12, 124);
    unary(ops, GM_KERNEL_silu, w);
}

static void test_erf(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 12, 12, 124);
    unary(ops, GM_KERNEL_gelu, w);
}

static void test_tanh(const struct gm_cpu_ops *ops, struct work *w)
{
    fill(w->a, COUNT, 13, 12, 124);
    unary(ops, GM_KERNEL_gelu_tanh, w);
}

static void test_log_sin_cos(const struct gm_cpu_ops *ops, struct work *w)
{
    static uint32_t seed[2] = {2, 3};
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {{.p = seed}, {.p = w->y},   {.u64 = COUNT},
                                                 {.u64 = 4},  {.f32 = 0.0f}, {.f32 = 1.0f}};
    run(ops, GM_KERNEL_random_normal, COUNT / 4, args);
}

static void test_pow(const struct gm_cpu_ops *ops, struct work *w)
{
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX] = {
        {.p = w->y}, {.p = w->y + COUNT}, {.u64 = 2 * COUNT}, {.f32 = 1e4f}};
    ops->kernels[GM_KERNEL_rope_table](args, &(struct gm_cpu_range){0, COUNT, 0, 1});
}

struct known_answer {
    const char *name;
    void (*run)(const struct gm_cpu_ops *ops, struct work *w);
    uint64_t expected; /* FNV-1a of the words of y, frozen with the profile */
};

static const struct known_answer ANSWERS[] = {
    {"subnormals", test_subnormals, UINT64_C(0x8cd4ea7850d969f4)},
    {"addition", test_addition, UINT64_C(0x2d1658db2261ee8f)},
    {"division", test_division, UINT64_C(0xc0b09c03917a4aab)},
    {"square root", test_square_root, UINT64_C(0x5a857977cdd10004)},
    {"fma", test_fma, UINT64_C(0xff3ffbb652b840d7)},
    {"dot of 5000 elements", test_dot, UINT64_C(0xf570e48fa8662ea5)},
    {"exp", test_exp, UINT64_C(0xddf2222fefcecfb5)},
    {"erf", test_erf, UINT64_C(0x3605524c47f240d6)},
    {"tanh", test_tanh, UINT64_C(0x2c9556ca54be8d54)},
    {"log, sin and cos", test_log_sin_cos, UINT64_C(0x6917a6212fd99e28)},
    {"pow", test_pow, UINT64_C(0x4b9dda0ae42ec325)},
};

enum { ANSWER_COUNT = sizeof ANSWERS / sizeof *ANSWERS };

static uint64_t digest(const float *y, uint32_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &y[i], sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
    }
    return hash;
}

struct selftest {
    const struct gm_cpu_ops *ops;
    atomic_uint failed; /* 1 + index of a known answer that was missed */
};

static void test_all(void *ctx, size_t item, size_t thread)
{
    (void)item;
    (void)thread;
    struct selftest *test = ctx;
    struct work w;
    for (uint32_t i = 0; i < ANSWER_COUNT; i++) {
        memset(w.y, 0, sizeof w.y);
        ANSWERS[i].run(test->ops, &w);
        if (digest(w.y, 2 * COUNT) != ANSWERS[i].expected)
            atomic_store(&test->failed, i + 1);
    }
}

enum gm_status gm_cpu_selftest(struct gm_cpu_device *device, struct gm_error *err)
{
    struct selftest test = {.ops = device->ops};
    gm_pool_run(device->pool, 2 * gm_pool_thread_count(device->pool), test_all, &test);
    unsigned failed = atomic_load(&test.failed);
    if (failed == 0)
        return GM_OK;
    return gm_error_set(err, GM_UNSUPPORTED,
                        "cpu: the start-up test of %s gave other bits than profile exact-f32/1",
                        ANSWERS[failed - 1].name);
}
