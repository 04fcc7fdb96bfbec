/* The profile's known answers, under every optimiser and instruction level that this processor
   runs: known rows first, which say where a difference is, then a million rows by hash. */
#include "gm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

struct golden {
    char sweep[TEST_HASH_HEX];
    uint32_t row[TEST_VECTOR_ROWS][4]; /* a, b, c, y */
};

static void golden_read(enum test_function function, struct golden *golden)
{
    char path[4096];
    snprintf(path, sizeof path, GM_GOLDEN_DIR "/%s.txt", test_function_name(function));
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "cannot open %s", path);
    cr_assert(fscanf(file, "sweep %64s\n", golden->sweep) == 1, "%s: no hash", path);
    for (uint32_t i = 0; i < TEST_VECTOR_ROWS; i++) {
        uint32_t *row = golden->row[i];
        cr_assert(fscanf(file, "%x %x %x %x\n", &row[0], &row[1], &row[2], &row[3]) == 4,
                  "%s: row %u is missing", path, i);
    }
    fclose(file);
}

static void rows_must_match(const struct golden *golden, enum test_function function,
                            const struct test_build *build)
{
    for (uint32_t i = 0; i < TEST_VECTOR_ROWS; i++) {
        const uint32_t *row = golden->row[i];
        uint32_t y;
        build->apply(function, &row[0], &row[1], &row[2], &y, 1);
        cr_assert(y == row[3], "%s(%08x, %08x, %08x) under %s is %08x, expected %08x",
                  test_function_name(function), row[0], row[1], row[2], build->name, y, row[3]);
    }
}

Test(golden, every_build_gives_the_known_bits)
{
    struct test_rows rows = test_rows_new();
    uint32_t *y = calloc(TEST_SWEEP_ROWS, sizeof *y);
    cr_assert(y != NULL);
    for (int f = 0; f < TEST_FUNCTION_COUNT; f++) {
        enum test_function function = (enum test_function)f;
        struct golden golden;
        golden_read(function, &golden);
        uint32_t n = test_rows_sweep(function, rows);
        for (uint32_t b = 0; b < TEST_BUILD_COUNT; b++) {
            const struct test_build *build = &test_builds[b];
            if (!gm_cpu_level_available(build->level))
                continue;
            rows_must_match(&golden, function, build);
            char hex[TEST_HASH_HEX];
            build->apply(function, rows.a, rows.b, rows.c, y, n);
            test_hash(y, n, hex);
            cr_assert(strcmp(hex, golden.sweep) == 0, "%s under %s: sweep is %s, expected %s",
                      test_function_name(function), build->name, hex, golden.sweep);
        }
    }
    free(y);
    test_rows_free(rows);
}

Test(golden, files_hold_the_chosen_inputs)
{
    struct test_rows rows = test_rows_new();
    for (int f = 0; f < TEST_FUNCTION_COUNT; f++) {
        struct golden golden;
        golden_read((enum test_function)f, &golden);
        test_rows_vectors((enum test_function)f, rows);
        for (uint32_t i = 0; i < TEST_VECTOR_ROWS; i++) {
            cr_assert_eq(golden.row[i][0], rows.a[i]);
            cr_assert_eq(golden.row[i][1], rows.b[i]);
            cr_assert_eq(golden.row[i][2], rows.c[i]);
        }
    }
    test_rows_free(rows);
}
