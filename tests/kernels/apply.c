/* Compiled once per optimiser and instruction level, under the name TEST_APPLY. */
#include "vectors.h"

#include "kernels/num/adamw.h"
#include "kernels/num/feistel.h"
#include "kernels/num/gelu.h"
#include "kernels/num/random.h"
#include "kernels/num/relu.h"
#include "kernels/num/rope.h"
#include "kernels/num/schedule.h"
#include "kernels/num/sgd.h"
#include "kernels/num/silu.h"

test_apply_fn TEST_APPLY;

static const struct gm_adamw test_adamw = {
    .lr = 3e-4f,
    .beta1 = 0.9f,
    .beta2 = 0.95f,
    .eps = 1e-8f,
    .weight_decay = 0.1f,
    .correction1 = 0x1.158106p-2f, /* update 3: 1 - 0.9^3 */
    .correction2 = 0x1.241894p-3f, /* 1 - 0.95^3 */
};

static inline struct gm_adamw_element test_adamw_element(float p, float m)
{
    return (struct gm_adamw_element){.p = p, .m = m, .v = m * m};
}

static inline struct gm_sgd test_sgd(gm_u32 nesterov)
{
    return (struct gm_sgd){
        .lr = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f, .nesterov = nesterov};
}

static inline struct gm_sgd_element test_sgd_element(float p, float b)
{
    return (struct gm_sgd_element){.p = p, .b = b};
}

static inline struct gm_schedule test_schedule(gm_u32 kind)
{
    return (struct gm_schedule){
        .kind = kind, .lr = 3e-4f, .min_lr = 3e-5f, .warmup_steps = 100000, .total_steps = 1000000};
}

/* Domains of 1 to 2^20 elements. */
static inline gm_u32 test_feistel(gm_u32 seed, gm_u32 epoch, gm_u32 index)
{
    gm_u32 n = 1u + seed % (1u << 20);
    struct gm_feistel feistel = gm_feistel_begin(seed, epoch, n);
    return (gm_u32)gm_feistel_at(&feistel, index % n);
}

#define A    gm_bits_f32(a)
#define B    gm_bits_f32(b)
#define C    gm_bits_f32(c)
#define F(x) gm_f32_bits(gm_f32_canonical(x))

#define GM_FUNCTION(name, inputs, result)                                                          \
    static inline gm_u32 row_##name(gm_u32 a, gm_u32 b, gm_u32 c)                                  \
    {                                                                                              \
        (void)a, (void)b, (void)c;                                                                 \
        return result;                                                                             \
    }                                                                                              \
    static void apply_##name(const uint32_t *restrict a, const uint32_t *restrict b,               \
                             const uint32_t *restrict c, uint32_t *restrict y, size_t n)           \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            y[i] = row_##name(a[i], b[i], c[i]);                                                   \
    }
#include "functions.def"
#undef GM_FUNCTION

void TEST_APPLY(enum test_function function, const uint32_t *a, const uint32_t *b,
                const uint32_t *c, uint32_t *y, size_t n)
{
    switch (function) {
#define GM_FUNCTION(name, inputs, result)                                                          \
    case TEST_##name:                                                                              \
        apply_##name(a, b, c, y, n);                                                               \
        break;
#include "functions.def"
#undef GM_FUNCTION
    case TEST_FUNCTION_COUNT:
        break;
    }
}
