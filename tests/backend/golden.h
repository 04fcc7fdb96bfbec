/* The known answers of the operations: what one line of tests/golden/operations.txt says. */
#ifndef GM_TESTS_BACKEND_GOLDEN_H
#define GM_TESTS_BACKEND_GOLDEN_H

#include "kit.h"
#include "trust/hash.h"

struct golden {
    struct gm_hash inputs;  /* differs: the cases are drawn differently, nothing is said of bits */
    struct gm_hash outputs; /* of fixed cases: plain, large and hostile ones */
};

struct golden golden_of(const struct kit_op *op, struct gm_device *device);
/* "matmul HASH HASH\n" into the caller's buffer. */
enum { GOLDEN_LINE_CHARS = 192 };
void golden_line(char out[GOLDEN_LINE_CHARS], const struct kit_op *op, const struct golden *golden);

#endif
