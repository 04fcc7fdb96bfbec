#include "vectors.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "kernels/num/bits.h"
#include "kernels/num/philox.h"

/* How a function's rows are drawn. */
enum test_inputs {
    INPUTS_FLOATS,  /* a: floats of every kind */
    INPUTS_PAIRS,   /* a, b: the same */
    INPUTS_TRIPLES, /* a, b, c: the same */
    INPUTS_UNITS,   /* a, b, c: floats in [-1, 1) */
    INPUTS_BETAS,   /* a: a float in [0.5, 1), b: an update from 1 to 1e7 */
    INPUTS_STEPS,   /* a: an integer up to 2^20, b: any word */
    INPUTS_WORDS,   /* a, b, c: any words */
};

static const enum test_inputs function_inputs[TEST_FUNCTION_COUNT] = {
#define GM_FUNCTION(name, inputs, result) [TEST_##name] = INPUTS_##inputs,
#include "functions.def"
#undef GM_FUNCTION
};

static const char *const function_names[TEST_FUNCTION_COUNT] = {
#define GM_FUNCTION(name, inputs, result) [TEST_##name] = #name,
#include "functions.def"
#undef GM_FUNCTION
};

test_apply_fn test_apply_o0, test_apply_o3, test_apply_avx2, test_apply_avx512;

const struct test_build test_builds[TEST_BUILD_COUNT] = {
    {"-O0", GM_CPU_SCALAR, test_apply_o0},
    {"-O3", GM_CPU_SCALAR, test_apply_o3},
    {"-O3 AVX2", GM_CPU_AVX2, test_apply_avx2},
    {"-O3 AVX-512", GM_CPU_AVX512, test_apply_avx512},
};

const char *test_function_name(enum test_function function)
{
    return function_names[function];
}

static uint32_t *words_new(void)
{
    uint32_t *words = calloc(TEST_SWEEP_ROWS, sizeof *words);
    if (words == NULL)
        abort();
    return words;
}

struct test_rows test_rows_new(void)
{
    return (struct test_rows){.a = words_new(), .b = words_new(), .c = words_new()};
}

void test_rows_free(struct test_rows rows)
{
    free(rows.a);
    free(rows.b);
    free(rows.c);
}

/* Bends three random words into what the function takes. */
static void row_shape(enum test_inputs inputs, uint32_t *a, uint32_t *b, uint32_t *c)
{
    switch (inputs) {
    case INPUTS_FLOATS:
    case INPUTS_PAIRS:
    case INPUTS_TRIPLES:
    case INPUTS_WORDS:
        break;
    case INPUTS_UNITS:
        *a = gm_f32_bits((float)(int32_t)*a * 0x1p-31f);
        *b = gm_f32_bits((float)(int32_t)*b * 0x1p-31f);
        *c = gm_f32_bits((float)(int32_t)*c * 0x1p-31f);
        break;
    case INPUTS_BETAS:
        *a = 0x3f000000u + (*a >> 9); /* [0.5, 1) */
        *b = 1u + *b % 10000000u;
        break;
    case INPUTS_STEPS:
        *a = *a % ((1u << 20) + 1u);
        break;
    }
}

/* 1/32 to 8 with either sign, all mantissas: where functions have their shape. */
static uint32_t float_near_one(uint32_t word)
{
    return (word & 0x83ffffffu) + 0x3d000000u;
}

/* Even rows: the first operand goes through all exponents of both signs, at a stride of 4099 of its
   bits, and the others are any bits. Odd rows: all are near one. */
uint32_t test_rows_sweep(enum test_function function, struct test_rows rows)
{
    enum test_inputs inputs = function_inputs[function];
    uint32_t n = inputs <= INPUTS_TRIPLES ? TEST_SWEEP_ROWS : TEST_SWEEP_ROWS / 8;
    for (uint32_t i = 0; i < n; i++) {
        struct gm_philox random = gm_philox(2026, (gm_u64)inputs, i);
        uint32_t *word = random.word;
        if (inputs <= INPUTS_TRIPLES && i % 2 == 0)
            word[0] = i * 4099u;
        if (inputs <= INPUTS_TRIPLES && i % 2 == 1) {
            for (int j = 0; j < 3; j++)
                word[j] = float_near_one(word[j]);
        }
        rows.a[i] = word[0];
        rows.b[i] = word[1];
        rows.c[i] = word[2];
        row_shape(inputs, &rows.a[i], &rows.b[i], &rows.c[i]);
    }
    return n;
}

/* Zeros, subnormals, infinities, NaNs, and both sides of every threshold in kernels/num/. */
static const uint32_t edges[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x33800000,
    0x3f000000, 0x3f3504f2, 0x3f3504f3, 0x3f7fffff, 0x3f800000, 0xbf800000, 0x3f800001, 0x3fb504f3,
    0x3f0ccccc, 0x3f0ccccd, 0x3f6fffff, 0x3f700000, 0x3fc90fdb, 0x40490fdb, 0x40800000, 0x40800001,
    0x41800000, 0xc1800001, 0x42ae0000, 0xc2ae0001, 0x42b17217, 0x42b17218, 0xc2aeac50, 0xc2cff1b4,
    0xc2cff1b5, 0x43000000, 0x49800000, 0x49800001, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
    0x7fc00000, 0xffc00001, 0x7f800001,
};

#define EDGE_COUNT (sizeof edges / sizeof edges[0])

void test_rows_vectors(enum test_function function, struct test_rows rows)
{
    enum test_inputs inputs = function_inputs[function];
    for (uint32_t i = 0; i < TEST_VECTOR_ROWS; i++) {
        struct gm_philox random = gm_philox(1, (gm_u64)inputs, i);
        rows.a[i] = random.word[0];
        rows.b[i] = random.word[1];
        rows.c[i] = random.word[2];
        if (inputs <= INPUTS_TRIPLES) {
            rows.a[i] = i < EDGE_COUNT ? edges[i] : float_near_one(rows.a[i]);
            rows.b[i] = i % 3 == 2 ? edges[rows.b[i] % EDGE_COUNT] : float_near_one(rows.b[i]);
            rows.c[i] = float_near_one(rows.c[i]);
        }
        row_shape(inputs, &rows.a[i], &rows.b[i], &rows.c[i]);
    }
}

void test_hash(const uint32_t *y, size_t n, char hex[TEST_HASH_HEX])
{
    uint8_t digest[32];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    uint8_t block[4096];
    size_t filled = 0;
    for (size_t i = 0; i < n; i++) {
        gm_store_u32(block + filled, y[i]);
        filled += 4;
        if (filled == sizeof block || i + 1 == n) {
            crypto_generichash_update(&state, block, filled);
            filled = 0;
        }
    }
    crypto_generichash_final(&state, digest, sizeof digest);
    sodium_bin2hex(hex, TEST_HASH_HEX, digest, sizeof digest);
}
