/* Every operation in double precision, written from its definition and not from its kernel: plain
   loops, plain libm, no rule of summation. Inputs and outputs are arrays of doubles, u32 included.
 */
#ifndef GM_TESTS_BACKEND_REFERENCE_H
#define GM_TESTS_BACKEND_REFERENCE_H

struct kit_case;

#define GM_OP(number, NAME, name)                                                                  \
    void ref_##name(const struct kit_case *c, double *const *in, double *const *out);
#include "core/op.def"
#undef GM_OP

#endif
