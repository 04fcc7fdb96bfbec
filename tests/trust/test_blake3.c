/* BLAKE3 against published values, at every instruction level this processor has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "gm_test.h"
#include "trust/blake3.h"

struct vector {
    size_t size_bytes;
    const char *hash, *keyed, *derived;
};

static const struct vector vectors[] = {
#define VECTOR(size, hash, keyed, derived) {size, hash, keyed, derived},
#include "blake3_vectors.inc"
#undef VECTOR
};

enum { VECTOR_COUNT = sizeof vectors / sizeof vectors[0], INPUT_BYTES_MAX = 3145728 + 5 };

static uint8_t *pattern_new(size_t size_bytes)
{
    uint8_t *input = gm_mem_new(size_bytes, 1);
    cr_assert_not_null(input);
    for (size_t i = 0; i < size_bytes; i++)
        input[i] = (uint8_t)(i % 251);
    return input;
}

static void expect(struct gm_blake3 *hasher, const char *wanted, size_t size_bytes,
                   enum gm_cpu_level level, const char *mode)
{
    char hex[GM_HASH_HEX_SIZE];
    struct gm_hash hash = gm_blake3_final(hasher);
    cr_assert_str_eq(gm_hash_hex(hex, &hash), wanted, "%s of %zu bytes at level %s", mode,
                     size_bytes, gm_cpu_level_name(level));
}

static void check_level(const uint8_t *input, enum gm_cpu_level level)
{
    static const char context[] = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    struct gm_blake3 hasher;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct vector *v = &vectors[i];
        gm_blake3_init(&hasher);
        gm_blake3_set_level(&hasher, level);
        gm_blake3_update(&hasher, input, v->size_bytes);
        expect(&hasher, v->hash, v->size_bytes, level, "hash");

        gm_blake3_init_keyed(&hasher, (const uint8_t *)"whats the Elvish word for friend");
        gm_blake3_set_level(&hasher, level);
        gm_blake3_update(&hasher, input, v->size_bytes);
        expect(&hasher, v->keyed, v->size_bytes, level, "keyed hash");

        gm_blake3_init_derive(&hasher, context);
        gm_blake3_set_level(&hasher, level);
        gm_blake3_update(&hasher, input, v->size_bytes);
        expect(&hasher, v->derived, v->size_bytes, level, "derived key");
    }
}

Test(blake3, gives_the_published_hashes_at_every_level)
{
    uint8_t *input = pattern_new(INPUT_BYTES_MAX);
    for (int level = 0; level < GM_CPU_LEVEL_COUNT; level++) {
        if (gm_cpu_level_available((enum gm_cpu_level)level))
            check_level(input, (enum gm_cpu_level)level);
    }
    gm_mem_free(input);
}

Test(blake3, does_not_depend_on_how_the_input_is_cut)
{
    uint8_t *input = pattern_new(INPUT_BYTES_MAX);
    uint64_t random = 1;
    struct gm_hash whole = gm_blake3(input, INPUT_BYTES_MAX);
    for (int round = 0; round < 6; round++) {
        struct gm_blake3 hasher;
        gm_blake3_init(&hasher);
        for (size_t at = 0; at < INPUT_BYTES_MAX;) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t n = (size_t)(random >> 33) % ((size_t)1 << (4 + 3 * round));
            n = n < INPUT_BYTES_MAX - at ? n : INPUT_BYTES_MAX - at;
            gm_blake3_update(&hasher, input + at, n);
            at += n;
        }
        struct gm_hash cut = gm_blake3_final(&hasher);
        cr_assert(gm_hash_equal(&cut, &whole), "pieces below 2^%d bytes", 4 + 3 * round);
    }
    gm_mem_free(input);
}

/* The tool that everyone has: asked only where it is installed. */
Test(blake3, agrees_with_b3sum)
{
    char path[] = "/tmp/gm-blake3-XXXXXX";
    char command[128], line[GM_HASH_HEX_SIZE] = "", hex[GM_HASH_HEX_SIZE];
    enum { SIZE = 777777 };
    if (system("command -v b3sum >/dev/null 2>&1") != 0)
        return;
    uint8_t *input = pattern_new(SIZE);
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(input, 1, SIZE, file), SIZE);
    cr_assert_eq(fclose(file), 0);
    (void)snprintf(command, sizeof command, "b3sum --no-names %s", path);
    FILE *tool = popen(command, "r");
    cr_assert_not_null(tool);
    cr_assert_not_null(fgets(line, sizeof line, tool));
    (void)pclose(tool);
    (void)remove(path);
    struct gm_hash hash = gm_blake3(input, SIZE);
    cr_assert_str_eq(line, gm_hash_hex(hex, &hash));
    gm_mem_free(input);
}
