/* Writes the known answers: write_golden DIR. They are written once, when a profile is made; a
   change in any of them is a new profile. */
#include <stdio.h>
#include <stdlib.h>

#include "vectors.h"

static int write_function(const char *folder, enum test_function function, struct test_rows rows,
                          uint32_t *y)
{
    char path[4096];
    char hex[TEST_HASH_HEX];
    snprintf(path, sizeof path, "%s/%s.txt", folder, test_function_name(function));
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return -1;
    test_apply_fn *apply = test_builds[0].apply;
    uint32_t n = test_rows_sweep(function, rows);
    apply(function, rows.a, rows.b, rows.c, y, n);
    test_hash(y, n, hex);
    fprintf(file, "sweep %s\n", hex);
    test_rows_vectors(function, rows);
    apply(function, rows.a, rows.b, rows.c, y, TEST_VECTOR_ROWS);
    for (uint32_t i = 0; i < TEST_VECTOR_ROWS; i++)
        fprintf(file, "%08x %08x %08x %08x\n", rows.a[i], rows.b[i], rows.c[i], y[i]);
    return fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: write_golden DIR\n", stderr);
        return EXIT_FAILURE;
    }
    struct test_rows rows = test_rows_new();
    uint32_t *y = calloc(TEST_SWEEP_ROWS, sizeof *y);
    int failed = y == NULL;
    for (int f = 0; f < TEST_FUNCTION_COUNT && !failed; f++)
        failed = write_function(argv[1], (enum test_function)f, rows, y) != 0;
    free(y);
    test_rows_free(rows);
    if (failed)
        perror("write_golden");
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
