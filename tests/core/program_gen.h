/* Random programs from a seed: every operation, odd shapes, backward operations by autodiff,
   optimizers with carries. A failure is a seed: the same seed gives the same program in every build
   by one compiler (C leaves the order open in which a list of initializers is evaluated).

   Values stay near unit size when inputs do (gm_program_gen_fill), so that NaN and infinity are
   rare; indices are made inside the program and always in range. */
#ifndef GM_TESTS_PROGRAM_GEN_H
#define GM_TESTS_PROGRAM_GEN_H

#include "core/program.h"

struct gm_program_gen_options {
    uint64_t seed;
    uint32_t op_count;     /* forward operations, roughly; backward ones come on top */
    uint64_t elements_max; /* of one tensor, roughly */
};

/* Never NULL: a fault is a bug of generator or core, printed and aborted. */
struct gm_program *gm_program_gen(const struct gm_program_gen_options *options);

/* Values for one input of source TENSOR or DATA, all f32: uniform in [-1, 1), some exact zeros. */
void gm_program_gen_fill(const struct gm_program *program, uint32_t input, uint64_t seed,
                         float *out);

#endif
