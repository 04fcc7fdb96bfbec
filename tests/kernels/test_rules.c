/* The Sum and dot rules against a second, plainly recursive reading of the same rules. */
#include "gm_test.h"

#include <stdlib.h>

#include "kernels/num/bits.h"
#include "kernels/num/dot.h"
#include "kernels/num/philox.h"
#include "kernels/num/sum.h"

static float *values_new(size_t n, gm_u64 stream)
{
    float *x = calloc(n + 1, sizeof *x);
    cr_assert(x != NULL);
    for (size_t i = 0; i < n; i++) {
        gm_u32 word = gm_philox(7, stream, i).word[0];
        x[i] = (float)(gm_i32)word * 0x1p-31f; /* rounds, so that orders can be told apart */
    }
    return x;
}

enum element { PLAIN, PRODUCT, SQUARE_DIFF };

static float lane_take(enum element element, float a, float b, float lane)
{
    if (element == PRODUCT)
        return fmaf(a, b, lane);
    return element == SQUARE_DIFF ? fmaf(a - b, a - b, lane) : lane + a;
}

/* b is read at [i] for products and at [0] as the mean. */
static float rule_block(enum element element, const float *a, const float *b, size_t n)
{
    float lane[32] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % 32] = lane_take(element, a[i], b[element == PRODUCT ? i : 0], lane[i % 32]);
    for (size_t w = 16; w >= 1; w /= 2) {
        for (size_t l = 0; l < w; l++)
            lane[l] = lane[l] + lane[l + w];
    }
    return lane[0];
}

static float rule_sum(enum element element, const float *a, const float *b, size_t n)
{
    if (n <= 4096)
        return rule_block(element, a, b, n);
    size_t blocks = (n + 4095) / 4096;
    float *result = calloc(blocks, sizeof *result);
    cr_assert(result != NULL);
    for (size_t i = 0; i < blocks; i++) {
        size_t first = i * 4096;
        size_t size = n - first < 4096 ? n - first : 4096;
        result[i] = rule_block(element, a + first, element == PRODUCT ? b + first : b, size);
    }
    float sum = rule_sum(PLAIN, result, result, blocks);
    free(result);
    return sum;
}

static const size_t sizes[] = {0,    1,    2,    31,   32,   33,   100,    1023,   1024,
                               1025, 4095, 4096, 4097, 5000, 8192, 131072, 131073, 300001};

#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

static void same_bits(float got, float expected, const char *what, size_t n)
{
    cr_assert(gm_f32_bits(got) == gm_f32_bits(expected), "%s of %zu: %a, expected %a", what, n,
              (double)got, (double)expected);
}

Test(rules, sums_follow_the_sum_rule_at_every_size)
{
    float *a = values_new(300001, 1);
    float *b = values_new(300001, 2);
    for (size_t s = 0; s < SIZE_COUNT; s++) {
        size_t n = sizes[s];
        same_bits(gm_sum_f32(a, n), rule_sum(PLAIN, a, b, n), "sum", n);
        same_bits(gm_sum_product(a, b, n), rule_sum(PRODUCT, a, b, n), "sum of products", n);
        same_bits(gm_sum_square_diff(a, b[0], n), rule_sum(SQUARE_DIFF, a, b, n), "sum of squares",
                  n);
    }
    free(a);
    free(b);
}

Test(rules, elements_one_by_one_give_the_sum_of_the_array)
{
    float *a = values_new(300001, 1);
    float *b = values_new(300001, 2);
    for (size_t s = 0; s < SIZE_COUNT; s++) {
        struct gm_sum plain, product;
        gm_sum_begin(&plain);
        gm_sum_begin(&product);
        for (size_t i = 0; i < sizes[s]; i++) {
            gm_sum_add(&plain, a[i]);
            gm_sum_add_product(&product, a[i], b[i]);
        }
        same_bits(gm_sum_end(&plain), gm_sum_f32(a, sizes[s]), "sum", sizes[s]);
        same_bits(gm_sum_end(&product), gm_sum_product(a, b, sizes[s]), "products", sizes[s]);
    }
    free(a);
    free(b);
}

/* 2^24 elements and one: the vector of block results has a second block of its own. */
Test(rules, block_results_are_summed_by_the_same_rule)
{
    size_t n = ((size_t)1 << 24) + 1;
    float *a = calloc(n, sizeof *a);
    cr_assert(a != NULL);
    gm_u32 random = 1;
    for (size_t i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        a[i] = (float)(random >> 8) * 0x1p-24f;
    }
    same_bits(gm_sum_f32(a, n), rule_sum(PLAIN, a, a, n), "sum", n);
    same_bits(gm_sum_f32(a, n - 1), rule_sum(PLAIN, a, a, n - 1), "sum", n - 1);
    free(a);
}

Test(rules, a_masked_element_keeps_its_place)
{
    float *a = values_new(10000, 3);
    struct gm_sum sum;
    gm_sum_begin(&sum);
    for (size_t i = 0; i < 10000; i++) {
        if (i % 3 == 1) {
            gm_sum_skip(&sum);
            a[i] = 0.0f;
        } else {
            gm_sum_add(&sum, a[i]);
        }
    }
    same_bits(gm_sum_end(&sum), gm_sum_f32(a, 10000), "masked sum", 10000);
    free(a);
}

static float rule_dot(const float *a, const float *b, size_t n)
{
    float total = 0.0f;
    for (size_t segment = 0; segment * 1024 < n; segment++) {
        float chain = 0.0f;
        for (size_t k = segment * 1024; k < n && k < (segment + 1) * 1024; k++)
            chain = fmaf(a[k], b[k], chain);
        total = total + chain;
    }
    return total;
}

Test(rules, dots_follow_the_dot_rule_at_every_size)
{
    float *a = values_new(300001, 4);
    float *b = values_new(300001, 5);
    for (size_t s = 0; s < SIZE_COUNT; s++) {
        size_t n = sizes[s];
        struct gm_dot dot;
        gm_dot_begin(&dot);
        for (size_t k = 0; k < n; k++)
            gm_dot_term(&dot, k, a[k], b[k]);
        same_bits(gm_dot_f32(a, 1, b, 1, n), rule_dot(a, b, n), "dot", n);
        same_bits(gm_dot_end(&dot), rule_dot(a, b, n), "dot by terms", n);
    }
    free(a);
    free(b);
}

Test(rules, absent_terms_equal_zero_padding)
{
    float *a = values_new(9000, 6);
    float *b = values_new(9000, 7);
    struct gm_dot dot;
    gm_dot_begin(&dot);
    for (size_t k = 0; k < 9000; k++) {
        if (k < 1500 || (k > 2047 && k < 6500) || k % 7 == 0)
            a[k] = 0.0f; /* whole segments, a head and scattered terms */
        else
            gm_dot_term(&dot, k, a[k], b[k]);
    }
    same_bits(gm_dot_end(&dot), gm_dot_f32(a, 1, b, 1, 9000), "padded dot", 9000);
    free(a);
    free(b);
}

Test(rules, strides_reach_columns)
{
    float *a = values_new(5000, 8);
    float *b = values_new(15000, 9);
    float *column = calloc(5000, sizeof *column);
    cr_assert(column != NULL);
    for (size_t k = 0; k < 5000; k++)
        column[k] = b[3 * k];
    same_bits(gm_dot_f32(a, 1, b, 3, 5000), rule_dot(a, column, 5000), "strided dot", 5000);
    free(a);
    free(b);
    free(column);
}

Test(rules, maximum_and_argmax_treat_nan_and_zero_as_stated)
{
    float nan = gm_bits_f32(GM_F32_NAN_BITS);
    cr_assert(gm_f32_is_nan(gm_f32_max(nan, 1.0f)) && gm_f32_is_nan(gm_f32_max(1.0f, nan)));
    cr_assert_eq(gm_f32_bits(gm_f32_max_end(gm_f32_max(-0.0f, -0.0f))), 0u);
    cr_assert(gm_f32_argmax_takes(1.0f, 2.0f) && gm_f32_argmax_takes(1.0f, nan));
    cr_assert(!gm_f32_argmax_takes(1.0f, 1.0f) && !gm_f32_argmax_takes(nan, 2.0f));
    cr_assert(!gm_f32_argmax_takes(nan, nan));
    cr_assert_eq(gm_f32_bits(gm_f32_canonical(gm_bits_f32(0xffc12345u))), GM_F32_NAN_BITS);
    cr_assert_eq(gm_f32_bits(gm_f32_canonical(-0.0f)), 0x80000000u);
}
