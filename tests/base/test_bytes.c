/* Buffers keep to their limit and remember the first fault; memory sizes never wrap; hex reads back
   what it wrote and nothing else. */
#include "gm_test.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"

Test(buf, grows_to_its_limit_exactly_and_not_a_byte_further)
{
    struct gm_buf buf;
    gm_buf_init(&buf, 1000);
    uint8_t expected[1000];
    for (size_t i = 0; i < sizeof expected; i++) {
        expected[i] = (uint8_t)(i * 7);
        gm_buf_append(&buf, &expected[i], 1);
    }
    cr_assert_eq(buf.status, GM_OK);
    cr_assert_eq(buf.size_bytes, sizeof expected);
    cr_assert_le(buf.capacity_bytes, buf.limit_bytes);
    cr_assert_arr_eq(buf.data, expected, sizeof expected);

    gm_buf_append(&buf, "x", 1);
    cr_assert_eq(buf.status, GM_LIMIT);
    cr_assert_eq(buf.size_bytes, sizeof expected);
    gm_buf_fini(&buf);
}

Test(buf, after_the_first_failure_appends_do_nothing)
{
    struct gm_buf buf;
    gm_buf_init(&buf, 8);
    gm_buf_append(&buf, "abcd", 4);
    gm_buf_append(&buf, "too long for it", 15);
    gm_buf_append(&buf, "e", 1); /* would fit, but the content would have a hole */
    cr_assert_null(gm_buf_extend(&buf, 0));
    cr_assert_eq(buf.status, GM_LIMIT);
    cr_assert_eq(buf.size_bytes, 4u);
    cr_assert_arr_eq(buf.data, "abcd", 4);
    gm_buf_fini(&buf);
}

Test(buf, a_size_that_would_wrap_is_refused_before_memory_is_taken)
{
    struct gm_buf buf;
    gm_buf_init(&buf, SIZE_MAX);
    gm_buf_append(&buf, "abc", 3);
    cr_assert_null(gm_buf_extend(&buf, SIZE_MAX - 1));
    cr_assert_eq(buf.status, GM_LIMIT);
    gm_buf_fini(&buf);

    gm_buf_init(&buf, SIZE_MAX);
    cr_assert_null(gm_buf_extend(&buf, SIZE_MAX / 2));
    cr_assert_eq(buf.status, GM_NO_MEMORY);
    cr_assert_null(buf.data);
    gm_buf_fini(&buf);
}

Test(buf, empty_pieces_and_empty_buffers_are_ordinary)
{
    struct gm_buf buf;
    gm_buf_init(&buf, 0);
    gm_buf_append(&buf, NULL, 0);
    cr_assert_eq(buf.status, GM_OK);
    struct gm_bytes view = gm_buf_view(&buf);
    cr_assert_eq(view.size_bytes, 0u);
    cr_assert(gm_bytes_equal(view, (struct gm_bytes){NULL, 0}));
    cr_assert(gm_bytes_equal(view, (struct gm_bytes){(const uint8_t *)"x", 0}));
    gm_buf_append(&buf, "x", 1);
    cr_assert_eq(buf.status, GM_LIMIT);
    gm_buf_fini(&buf);
    gm_buf_fini(&buf); /* twice is allowed */
}

Test(bytes, are_equal_when_size_and_content_are)
{
    struct gm_bytes abc = {(const uint8_t *)"abc", 3};
    cr_assert(gm_bytes_equal(abc, (struct gm_bytes){(const uint8_t *)"abcd", 3}));
    cr_assert(!gm_bytes_equal(abc, (struct gm_bytes){(const uint8_t *)"abd", 3}));
    cr_assert(!gm_bytes_equal(abc, (struct gm_bytes){(const uint8_t *)"abc", 2}));
}

Test(bytes, numbers_are_little_endian_at_any_address)
{
    uint8_t room[9] = {0};
    gm_store_u64(room + 1, 0x0123456789abcdefu);
    const uint8_t expected[9] = {0, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
    cr_assert_arr_eq(room, expected, sizeof expected);
    cr_assert_eq(gm_load_u64(room + 1), 0x0123456789abcdefu);
    gm_store_u32(room, 0xfffffffeu);
    cr_assert_eq(gm_load_u32(room), 0xfffffffeu);
}

Test(hex, every_byte_reads_back)
{
    uint8_t bytes[256];
    char text[2 * sizeof bytes + 1];
    uint8_t again[sizeof bytes];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    gm_hex_encode(text, bytes, sizeof bytes);
    cr_assert_eq(strlen(text), 2 * sizeof bytes);
    cr_assert_eq(strncmp(text, "000102030405060708090a0b", 24), 0);
    cr_assert(gm_hex_decode(again, sizeof again, text));
    cr_assert_arr_eq(again, bytes, sizeof bytes);
}

Test(hex, takes_exactly_the_digits_it_was_promised)
{
    static const char *const refused[] = {"",      "0",     "0a1",    "0a1b2", "0a1b2c", "0x1b",
                                          "0a 1b", " 0a1b", "0a1b\n", "0g1b",  "0a1:",   "-a1b"};
    uint8_t out[2];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        cr_assert(!gm_hex_decode(out, sizeof out, refused[i]), "\"%s\"", refused[i]);
    cr_assert(gm_hex_decode(out, sizeof out, "0A1b"));
    cr_assert_eq(out[0], 0x0a);
    cr_assert_eq(out[1], 0x1b);
    cr_assert(gm_hex_decode(out, 0, ""));
}

Test(mem, counts_that_overflow_give_no_memory)
{
    cr_assert_null(gm_mem_new(SIZE_MAX, 2));
    cr_assert_null(gm_mem_new(SIZE_MAX / 2 + 2, 2));
    cr_assert_null(gm_mem_resize(NULL, SIZE_MAX, 2));
    void *block = gm_mem_new(4, 4);
    cr_assert_not_null(block);
    cr_assert_null(gm_mem_resize(block, SIZE_MAX / 4 + 1, 8));
    memset(block, 1, 16); /* still ours */
    gm_mem_free(block);
}

Test(mem, blocks_come_zeroed_aligned_and_valid_when_empty)
{
    void *none = gm_mem_new(0, 16);
    cr_assert_not_null(none);
    none = gm_mem_resize(none, 0, 16);
    cr_assert_not_null(none);
    gm_mem_free(none);
    gm_mem_free(NULL);

    for (size_t align = sizeof(void *); align <= 4096; align *= 2) {
        uint8_t *block = gm_mem_new_aligned(align, 100);
        cr_assert_not_null(block);
        cr_assert_eq((uintptr_t)block % align, 0u);
        for (int i = 0; i < 100; i++)
            cr_assert_eq(block[i], 0);
        gm_mem_free(block);
    }
}

Test(mem, checked_sums_and_products_write_nothing_when_they_fail)
{
    uint64_t out = 7;
    cr_assert(gm_u64_add(UINT64_MAX - 1, 1, &out));
    cr_assert_eq(out, UINT64_MAX);
    cr_assert(!gm_u64_add(UINT64_MAX, 1, &out));
    cr_assert(gm_u64_mul(UINT64_MAX, 0, &out));
    cr_assert_eq(out, 0u);
    cr_assert(gm_u64_mul(0xffffffffu, 0x100000001u, &out));
    cr_assert_eq(out, UINT64_MAX);
    cr_assert(!gm_u64_mul(0x100000000u, 0x100000000u, &out));
    cr_assert_eq(out, UINT64_MAX);
}

Test(cpu, the_best_level_is_one_that_is_available)
{
    cr_assert(gm_cpu_level_available(GM_CPU_SCALAR));
    cr_assert(gm_cpu_level_available(gm_cpu_level_best()));
    for (int level = gm_cpu_level_best() + 1; level < GM_CPU_LEVEL_COUNT; level++)
        cr_assert(!gm_cpu_level_available((enum gm_cpu_level)level));
    cr_assert(!gm_cpu_level_available(GM_CPU_LEVEL_COUNT));
    cr_assert_str_eq(gm_cpu_level_name(GM_CPU_AVX512), "avx512");
    cr_assert_str_eq(gm_cpu_level_name(GM_CPU_LEVEL_COUNT), "?");
}

Test(clock, never_goes_back)
{
    uint64_t before_ns = gm_clock_monotonic_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now_ns = gm_clock_monotonic_ns();
        cr_assert_ge(now_ns, before_ns);
        before_ns = now_ns;
    }
    cr_assert_gt(gm_clock_unix_s(), 1700000000u); /* seconds, not another unit */
}
