/* Random words, fills and the order of samples. */
#include "gm_test.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/num/feistel.h"
#include "kernels/num/random.h"

/* The known answers that come with Random123 for Philox4x32-10. */
Test(philox, gives_the_published_answers)
{
    static const struct {
        gm_u64 seed, stream, index;
        gm_u32 word[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822ull,
         0x0370734413198a2eull,
         0x85a308d3243f6a88ull,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct gm_philox y = gm_philox(known[i].seed, known[i].stream, known[i].index);
        cr_assert_arr_eq(y.word, known[i].word, sizeof y.word);
    }
}

Test(random, an_element_is_its_place_in_its_block)
{
    for (gm_u64 i = 0; i < 64; i++) {
        struct gm_f32x4 uniform = gm_random_uniform4(3, 4, i / 4, -2.0f, 5.0f);
        struct gm_f32x4 normal = gm_random_normal4(3, 4, i / 4, 1.0f, 0.02f);
        cr_assert_eq(gm_random_uniform(3, 4, i, -2.0f, 5.0f), uniform.x[i % 4]);
        cr_assert_eq(gm_random_normal(3, 4, i, 1.0f, 0.02f), normal.x[i % 4]);
    }
}

/* Moments of a million draws, within six standard errors. */
Test(random, fills_have_the_moments_of_their_distributions)
{
    double n = 1 << 20;
    double uniform = 0.0, uniform2 = 0.0, normal = 0.0, normal2 = 0.0, normal4 = 0.0, cross = 0.0;
    float low = 1.0f, high = 0.0f;
    for (gm_u64 block = 0; block < (1 << 18); block++) {
        struct gm_f32x4 u = gm_random_uniform4(11, 1, block, 0.0f, 1.0f);
        struct gm_f32x4 z = gm_random_normal4(11, 2, block, 0.0f, 1.0f);
        for (int i = 0; i < 4; i++) {
            low = fminf(low, u.x[i]);
            high = fmaxf(high, u.x[i]);
            uniform += u.x[i];
            uniform2 += (double)u.x[i] * u.x[i];
            normal += z.x[i];
            normal2 += (double)z.x[i] * z.x[i];
            normal4 += pow(z.x[i], 4);
        }
        cross += (double)z.x[0] * z.x[1] + (double)z.x[2] * z.x[3];
    }
    cr_assert(low >= 0.0f && low < 1e-4f && high < 1.0f && high > 0.9999f);
    cr_assert_float_eq(uniform / n, 0.5, 6 * sqrt(1.0 / 12 / n));
    cr_assert_float_eq(uniform2 / n, 1.0 / 3, 6 * sqrt(4.0 / 45 / n));
    cr_assert_float_eq(normal / n, 0.0, 6 / sqrt(n));
    cr_assert_float_eq(normal2 / n, 1.0, 6 * sqrt(2 / n));
    cr_assert_float_eq(normal4 / n, 3.0, 6 * sqrt(96 / n));
    cr_assert_float_eq(cross / (n / 2), 0.0, 6 / sqrt(n / 2));
}

static void must_permute(gm_u64 n, gm_u64 seed, gm_u64 epoch)
{
    struct gm_feistel feistel = gm_feistel_begin(seed, epoch, n);
    unsigned char *seen = calloc(n, 1);
    cr_assert(seen != NULL);
    for (gm_u64 i = 0; i < n; i++) {
        gm_u64 at = gm_feistel_at(&feistel, i);
        cr_assert(at < n && !seen[at], "n = %llu: %llu is hit twice or outside",
                  (unsigned long long)n, (unsigned long long)at);
        seen[at] = 1;
    }
    free(seen);
}

Test(feistel, permutes_every_domain)
{
    for (gm_u64 n = 1; n < 300; n++)
        must_permute(n, n, 1);
    for (gm_u64 epoch = 0; epoch < 4; epoch++) {
        must_permute(65535, 5, epoch);
        must_permute(65536, 5, epoch);
        must_permute(65537, 5, epoch);
    }
}

Test(feistel, mixes_order_between_epochs_and_neighbours)
{
    gm_u64 n = 100000;
    gm_u64 same = 0, adjacent = 0;
    struct gm_feistel first = gm_feistel_begin(1, 0, n);
    struct gm_feistel second = gm_feistel_begin(1, 1, n);
    for (gm_u64 i = 0; i + 1 < n; i++) {
        gm_u64 at = gm_feistel_at(&first, i);
        same += at == gm_feistel_at(&second, i);
        adjacent += gm_feistel_at(&first, i + 1) == at + 1;
    }
    /* Both are expected about once. */
    cr_assert(same < 12 && adjacent < 12, "%llu fixed, %llu adjacent", (unsigned long long)same,
              (unsigned long long)adjacent);
}

Test(feistel, reaches_the_largest_domain_and_leaves_outsiders_alone)
{
    struct gm_feistel largest = gm_feistel_begin(9, 9, GM_FEISTEL_N_MAX);
    gm_u64 last = gm_feistel_at(&largest, GM_FEISTEL_N_MAX - 1);
    cr_assert(last < GM_FEISTEL_N_MAX && last != gm_feistel_at(&largest, 0));
    struct gm_feistel none = gm_feistel_begin(9, 9, 0);
    cr_assert_eq(gm_feistel_at(&none, 5), 5u);
}
