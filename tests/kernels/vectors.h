/* Inputs and apply functions shared by the known-answer tests and the program that writes the
   known answers. */
#ifndef GM_TESTS_KERNELS_VECTORS_H
#define GM_TESTS_KERNELS_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

enum test_function {
#define GM_FUNCTION(name, inputs, result) TEST_##name,
#include "functions.def"
#undef GM_FUNCTION
    TEST_FUNCTION_COUNT
};

const char *test_function_name(enum test_function function);

#define TEST_SWEEP_ROWS  (1u << 20) /* at most */
#define TEST_VECTOR_ROWS 64u

struct test_rows {
    uint32_t *a;
    uint32_t *b;
    uint32_t *c;
};

/* Arrays of TEST_SWEEP_ROWS; aborts when memory is short. */
struct test_rows test_rows_new(void);
void test_rows_free(struct test_rows rows);

/* The function's sweep: a million rows where it takes any float, an eighth of that where its rows
   are drawn at random. Returns how many. */
uint32_t test_rows_sweep(enum test_function function, struct test_rows rows);
/* Its TEST_VECTOR_ROWS well-chosen rows. */
void test_rows_vectors(enum test_function function, struct test_rows rows);

/* y[i] = function of row i, compiled for one instruction level. */
typedef void test_apply_fn(enum test_function function, const uint32_t *a, const uint32_t *b,
                           const uint32_t *c, uint32_t *y, size_t n);

/* One compilation of the same text: optimiser and instruction level. */
struct test_build {
    const char *name;
    enum gm_cpu_level level; /* needed to run it */
    test_apply_fn *apply;
};

#define TEST_BUILD_COUNT 4u
extern const struct test_build test_builds[TEST_BUILD_COUNT];

#define TEST_HASH_HEX 65u /* BLAKE2b-256 in hex, with its terminator */
/* Hash of n little-endian words. */
void test_hash(const uint32_t *y, size_t n, char hex[TEST_HASH_HEX]);

#endif
