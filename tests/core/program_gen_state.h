/* What the two halves of the generator share. */
#ifndef GM_TESTS_PROGRAM_GEN_STATE_H
#define GM_TESTS_PROGRAM_GEN_STATE_H

#include "program_gen.h"

enum { GEN_POOL_MAX = 256, GEN_INPUTS_MAX = 256 };

struct gen {
    struct gm_builder *builder;
    uint64_t random;
    uint64_t elements_max;
    uint32_t pool_count;  /* differentiable f32 values that may be used again */
    uint32_t sink_count;  /* values for outputs only: u32, or without a gradient */
    uint32_t input_count; /* f32 inputs of source TENSOR: wanted by autodiff */
    gm_value pool[GEN_POOL_MAX];
    gm_value sinks[GEN_POOL_MAX];
    gm_value inputs[GEN_INPUTS_MAX];
    uint32_t input_index[GEN_INPUTS_MAX]; /* its number among all inputs */
    uint32_t name_count;
    gm_value step;
    gm_value seed;
};

/* 0 .. limit - 1 */
uint64_t gen_random(struct gen *gen, uint64_t limit);
float gen_float(struct gen *gen, float low, float high);
/* An odd size, at most `max`. */
uint64_t gen_size(struct gen *gen, uint64_t max);

struct gm_tensor_desc gen_desc(const struct gen *gen, gm_value value);
gm_value gen_node(struct gen *gen, enum gm_op op, uint32_t input_count, const gm_value *inputs,
                  const uint64_t *attrs);
/* An f32 value of this shape out of nothing: an input, or random numbers, or a constant. */
gm_value gen_fresh(struct gen *gen, uint32_t rank, const uint64_t *dims);
/* One from the pool. */
gm_value gen_pick(struct gen *gen);
/* As above, multiplied so that sums over `terms` products stay near unit size. */
gm_value gen_tame(struct gen *gen, gm_value value, uint64_t terms);
/* u32 below `limit`. */
gm_value gen_index(struct gen *gen, uint64_t limit, uint32_t rank, const uint64_t *dims);
void gen_keep(struct gen *gen, gm_value value);
void gen_sink(struct gen *gen, gm_value value);

/* One random forward operation, or a few that belong together. */
void gen_any_op(struct gen *gen);

#endif
