/* Same bits everywhere: every operation on every level and thread count against the reference,
   which is the kernels' text and nothing else, on one thread. */
#include <string.h>

#include "gm_test.h"
#include "kit.h"

enum { PLAIN_SEEDS = 6, LARGE_SEEDS = 2, HOSTILE_SEEDS = 16 };

/* NaN has one form: 0x7fc00000. */
static void expect_one_nan(const struct kit_case *c)
{
    for (uint32_t j = 0; j < c->output_count; j++) {
        const uint32_t *words = c->outputs[j].data;
        uint64_t count = gm_tensor_count(&c->outputs[j].desc);
        for (uint64_t i = 0; c->outputs[j].desc.dtype == GM_DTYPE_F32 && i < count; i++)
            cr_assert((words[i] & 0x7fffffff) <= 0x7f800000 || words[i] == 0x7fc00000,
                      "%s: output %u element %llu is the NaN %x", kit_case_text(c), j,
                      (unsigned long long)i, words[i]);
    }
}

static void expect_equal(const struct kit_case *reference, const struct kit_case *c,
                         const struct kit_config *config)
{
    for (uint32_t j = 0; j < c->output_count; j++) {
        const uint32_t *want = reference->outputs[j].data;
        const uint32_t *got = c->outputs[j].data;
        uint64_t count = gm_tensor_count(&c->outputs[j].desc);
        for (uint64_t i = 0; i < count; i++)
            cr_assert_eq(got[i], want[i],
                         "%s: %s with %u threads: output %u element %llu: %08x, %08x",
                         kit_case_text(c), config->level, config->thread_count, j,
                         (unsigned long long)i, got[i], want[i]);
    }
}

struct bench {
    uint32_t count;
    struct kit_config configs[KIT_CONFIGS_MAX];
    struct gm_device *devices[KIT_CONFIGS_MAX];
};

static void open_all(struct bench *b)
{
    b->count = kit_configs(b->configs);
    for (uint32_t i = 0; i < b->count; i++)
        b->devices[i] = kit_open(b->configs[i].level, b->configs[i].thread_count);
}

static void close_all(struct bench *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->devices[i]->ops->close(b->devices[i]);
}

static void compare(const struct bench *b, const struct kit_op *op, enum kit_flavour flavour,
                    uint64_t seed)
{
    struct kit_case reference, c;
    kit_case_init(&reference, op, flavour, seed);
    kit_case_init(&c, op, flavour, seed);
    kit_case_run(&reference, b->devices[0]);
    expect_one_nan(&reference);
    for (uint32_t i = 1; i < b->count; i++) {
        kit_case_run(&c, b->devices[i]);
        expect_equal(&reference, &c, &b->configs[i]);
    }
    kit_case_fini(&c);
    kit_case_fini(&reference);
}

static void compare_all(enum kit_flavour flavour, uint64_t seeds)
{
    struct bench b;
    open_all(&b);
    for (uint32_t i = 0; i < kit_op_count; i++) {
        for (uint64_t seed = 0; seed < seeds; seed++)
            compare(&b, &kit_ops[i], flavour, seed);
    }
    close_all(&b);
}

Test(bits, small_shapes_are_the_same_everywhere)
{
    compare_all(KIT_PLAIN, PLAIN_SEEDS);
}

Test(bits, shapes_beyond_tiles_segments_and_blocks_are_the_same_everywhere)
{
    compare_all(KIT_LARGE, LARGE_SEEDS);
}

Test(bits, nan_infinity_and_subnormals_are_the_same_everywhere)
{
    compare_all(KIT_HOSTILE, HOSTILE_SEEDS);
}

Test(bits, every_operation_has_a_description_here)
{
    for (uint64_t number = 0; number < GM_OP_LIMIT; number++) {
        const struct gm_op_desc *desc = gm_op_find(number);
        uint32_t found = 0;
        for (uint32_t i = 0; i < kit_op_count; i++)
            found += desc != NULL && kit_ops[i].op == desc->op;
        cr_assert_eq(found, desc == NULL ? 0u : 1u, "%s", desc == NULL ? "?" : desc->name);
    }
}
