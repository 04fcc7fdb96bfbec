/* What the conformance tests of devices share: one operation with its tensors as a case, cases for
   every operation from a seed, and running a case on a device. */
#ifndef GM_TESTS_BACKEND_KIT_H
#define GM_TESTS_BACKEND_KIT_H

#include "backend/exec.h"
#include "backend/registry.h"
#include "core/autodiff.h"

/* ---- device configurations ---- */

struct kit_config {
    const char *level;
    uint32_t thread_count;
};

/* Every level that runs here, with 1, 2 and 3 threads; the first is the reference, which the others
   must equal bit by bit. Returns the number. */
enum { KIT_CONFIGS_MAX = 16 };
uint32_t kit_configs(struct kit_config out[KIT_CONFIGS_MAX]);
struct gm_device *kit_open(const char *level, uint32_t thread_count);

/* ---- random numbers ---- */

struct kit_random {
    uint64_t seed;
    uint64_t next;
};

uint32_t kit_random_u32(struct kit_random *random);
/* In [low, high], both included. */
uint64_t kit_random_range(struct kit_random *random, uint64_t low, uint64_t high);

/* ---- cases ---- */

/* How an input's elements are drawn. */
enum kit_fill {
    KIT_NORMAL,   /* about 1 in size, any sign */
    KIT_POSITIVE, /* in [0.25, 4) */
    KIT_INDEX,    /* u32 below `limit` */
    KIT_TARGET,   /* the same, some of them 0xffffffff */
    KIT_SMALL_U32,
    KIT_DISTINCT, /* all different and well apart, in random order: for maxima */
};

/* Which shapes and values a case is made of. */
enum kit_flavour {
    KIT_PLAIN,  /* small shapes, ordinary values */
    KIT_LARGE,  /* beyond tiles, segments and blocks */
    KIT_HOSTILE /* sizes of 1, and NaN, infinity, subnormals, huge and tiny values among the f32
                 */
};

struct kit_case {
    enum gm_op op;
    enum kit_flavour flavour;
    struct kit_random random;
    uint32_t input_count;
    struct gm_tensor inputs[GM_OP_INPUTS_MAX];
    uint32_t attr_count;
    uint64_t attrs[GM_OP_ATTRS_MAX];
    uint32_t dim_count;
    uint64_t dims[GM_RANK_MAX];
    uint32_t output_count;
    struct gm_tensor outputs[GM_OP_OUTPUTS_MAX]; /* filled by kit_case_run */
    struct gm_program *program;                  /* the operation alone */
};

/* One description per operation drives all tests of it. */
struct kit_op {
    enum gm_op op;
    void (*make)(struct kit_case *c);
    /* The largest error that is right, against the double reference, as a share of the greatest
       magnitude in the output; 0: equal after rounding to f32. */
    double tolerance;
    bool gradient; /* has one, tested by finite differences */
    /* Double precision; inputs and outputs as doubles, u32 included. */
    void (*reference)(const struct kit_case *c, double *const *in, double *const *out);
};

extern const struct kit_op kit_ops[];
extern const uint32_t kit_op_count;

/* Draws shapes and values; builds the program. Free with kit_case_fini. */
void kit_case_init(struct kit_case *c, const struct kit_op *op, enum kit_flavour flavour,
                   uint64_t seed);
void kit_case_fini(struct kit_case *c);
/* Runs the program; the outputs hold what came out. */
void kit_case_run(struct kit_case *c, struct gm_device *device);
/* "matmul, large, seed 7: f32 (3, 4), f32 (4, 5)" for messages; static storage. */
const char *kit_case_text(const struct kit_case *c);

/* ---- for the descriptions ---- */

/* A dimension in [1, small], or up to `large` where the flavour is LARGE; often 1 where it is
   HOSTILE. Empty tensors are no part of a program. */
uint64_t kit_dim(struct kit_case *c, uint64_t small, uint64_t large);
void kit_input(struct kit_case *c, enum kit_fill fill, uint64_t limit, uint32_t rank,
               const uint64_t *dims);
void kit_attr(struct kit_case *c, uint64_t value);
void kit_attr_f32(struct kit_case *c, float value);

/* ---- running programs ---- */

/* Runs a program once on host tensors (as many as it has inputs from TENSOR or DATA, in order);
   returns the status; outputs are allocated. */
enum gm_status kit_run(struct gm_device *device, const struct gm_program *program,
                       const struct gm_exec_args *args, const struct gm_tensor *inputs,
                       struct gm_tensor *outputs, struct gm_error *err);
/* The builder's inputs for a case, and its node; returns the first output. */
gm_value kit_case_build(const struct kit_case *c, struct gm_builder *builder,
                        gm_value values[GM_OP_INPUTS_MAX]);
struct gm_tensor kit_tensor_new(const struct gm_tensor_desc *desc);
void kit_tensor_fill(struct gm_tensor *tensor, struct kit_random *random, enum kit_fill fill,
                     uint64_t limit);

#endif
