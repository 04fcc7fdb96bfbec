/* What tests include. Criterion, which Debian ships; or, when GM_TEST_PLAIN is set, the small
   runner of gm_test_plain.c with the same words, because Criterion aborts under ThreadSanitizer
   before the first test (Snaipe/Criterion, thread 274).

   Both know: Test(suite, name), cr_assert(condition, format...), cr_assert_eq, _neq, _lt, _le, _gt,
   _ge, _str_eq, _null, _not_null, _arr_eq(a, b, size_bytes), _float_eq(a, b, epsilon),
   cr_skip_test, and an optional message with arguments at the end of each. Tests that run under
   both keep to these. */
#ifndef GM_TEST_H
#define GM_TEST_H

#ifndef GM_TEST_PLAIN
#include <criterion/criterion.h>

#define cr_assert_le cr_assert_leq
#define cr_assert_ge cr_assert_geq
#else

/* Criterion's header is a system header, so its macros may compare an int with a size_t; the same
   test text must compile here. */
#pragma GCC system_header

#include <stddef.h>
#include <string.h>

struct gm_test {
    const char *suite;
    const char *name;
    void (*run)(void);
    struct gm_test *next; /* the runner's list, in the order of the program's constructors */
};

/* Takes no ownership: `test` has static storage. */
void gm_test_register(struct gm_test *test);
/* Prints "file:line: claim: message" and ends the test as failed. `format` may be NULL. */
_Noreturn void gm_test_fail(const char *file, int line, const char *claim, const char *format, ...);
/* Ends the test as skipped. */
_Noreturn void gm_test_skip(const char *file, int line, const char *format, ...);

#define Test(suite_, name_)                                                                        \
    static void gm_test_run_##suite_##_##name_(void);                                              \
    __attribute__((constructor)) static void gm_test_add_##suite_##_##name_(void)                  \
    {                                                                                              \
        static struct gm_test test = {#suite_, #name_, gm_test_run_##suite_##_##name_, NULL};      \
        gm_test_register(&test);                                                                   \
    }                                                                                              \
    static void gm_test_run_##suite_##_##name_(void)

/* The NULL behind the arguments stands for the message that may be absent. */
#define GM_TEST_CHECK(holds, claim, ...)                                                           \
    ((holds) ? (void)0 : gm_test_fail(__FILE__, __LINE__, claim, __VA_ARGS__))
#define GM_TEST_FIRST(first, ...) first
#define GM_TEST_REST(first, ...)  __VA_ARGS__

#define cr_assert(...)                                                                             \
    GM_TEST_CHECK(GM_TEST_FIRST(__VA_ARGS__, 0), "cr_assert(" #__VA_ARGS__ ")",                    \
                  GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_not(...)                                                                         \
    GM_TEST_CHECK(!(GM_TEST_FIRST(__VA_ARGS__, 0)), "cr_assert_not(" #__VA_ARGS__ ")",             \
                  GM_TEST_REST(__VA_ARGS__, NULL))

#define GM_TEST_COMPARE(name, op, a, ...)                                                          \
    GM_TEST_CHECK((a)op(GM_TEST_FIRST(__VA_ARGS__, 0)), name "(" #a ", " #__VA_ARGS__ ")",         \
                  GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_eq(a, ...)  GM_TEST_COMPARE("cr_assert_eq", ==, a, __VA_ARGS__)
#define cr_assert_neq(a, ...) GM_TEST_COMPARE("cr_assert_neq", !=, a, __VA_ARGS__)
#define cr_assert_lt(a, ...)  GM_TEST_COMPARE("cr_assert_lt", <, a, __VA_ARGS__)
#define cr_assert_le(a, ...)  GM_TEST_COMPARE("cr_assert_le", <=, a, __VA_ARGS__)
#define cr_assert_gt(a, ...)  GM_TEST_COMPARE("cr_assert_gt", >, a, __VA_ARGS__)
#define cr_assert_ge(a, ...)  GM_TEST_COMPARE("cr_assert_ge", >=, a, __VA_ARGS__)

#define cr_assert_null(...)                                                                        \
    GM_TEST_CHECK((GM_TEST_FIRST(__VA_ARGS__, 0)) == NULL, "cr_assert_null(" #__VA_ARGS__ ")",     \
                  GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_not_null(...)                                                                    \
    GM_TEST_CHECK((GM_TEST_FIRST(__VA_ARGS__, 0)) != NULL, "cr_assert_not_null(" #__VA_ARGS__ ")", \
                  GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_str_eq(a, ...)                                                                   \
    GM_TEST_CHECK(strcmp((a), GM_TEST_FIRST(__VA_ARGS__, 0)) == 0,                                 \
                  "cr_assert_str_eq(" #a ", " #__VA_ARGS__ ")", GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_arr_eq(a, b, ...)                                                                \
    GM_TEST_CHECK(memcmp((a), (b), GM_TEST_FIRST(__VA_ARGS__, 0)) == 0,                            \
                  "cr_assert_arr_eq(" #a ", " #b ", " #__VA_ARGS__ ")",                            \
                  GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_float_eq(a, b, ...)                                                              \
    GM_TEST_CHECK(((a) - (b)) <= (GM_TEST_FIRST(__VA_ARGS__, 0)) &&                                \
                      ((b) - (a)) <= (GM_TEST_FIRST(__VA_ARGS__, 0)),                              \
                  "cr_assert_float_eq(" #a ", " #b ", " #__VA_ARGS__ ")",                          \
                  GM_TEST_REST(__VA_ARGS__, NULL))
#define cr_assert_fail(...)                                                                        \
    gm_test_fail(__FILE__, __LINE__, "cr_assert_fail", GM_TEST_REST(0, ##__VA_ARGS__, NULL))
#define cr_skip_test(...) gm_test_skip(__FILE__, __LINE__, GM_TEST_REST(0, ##__VA_ARGS__, NULL))

#endif
#endif
