/* Numbers, sizes and durations as people write them, and log lines that cannot be forged. */
#include "gm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

Test(text, whole_numbers_within_bounds_and_nothing_else)
{
    struct gm_error err = {0};
    uint64_t value = 0;
    cr_assert_eq(gm_text_u64("--n", "18446744073709551615", 0, UINT64_MAX, &value, &err), GM_OK);
    cr_assert_eq(value, UINT64_MAX);
    cr_assert_eq(gm_text_u64("--n", "007", 7, 7, &value, &err), GM_OK);
    cr_assert_eq(value, 7u);

    static const char *const refused[] = {"",   "-1", "+1",  " 1",  "1 ", "1\n",
                                          "0x", "1.", "1e3", "two", "3",  "11"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_assert_eq(gm_text_u64("--n", refused[i], 4, 10, &value, &err), GM_USAGE, "\"%s\"",
                     refused[i]);
        cr_assert_eq(value, 7u, "a refused text must not change the value");
    }
    cr_assert_eq(gm_text_u64("--n", "18446744073709551616", 0, UINT64_MAX, &value, &err), GM_USAGE);
}

Test(text, a_refusal_names_the_option_the_text_and_the_bounds)
{
    struct gm_error err = {0};
    uint64_t value;
    cr_assert_eq(gm_text_u64("--threads", "many", 1, 512, &value, &err), GM_USAGE);
    cr_assert_str_eq(err.text, "--threads: \"many\" is not a whole number from 1 to 512");
    cr_assert_eq(gm_text_size("--memory", "8GB", &value, &err), GM_USAGE);
    cr_assert_not_null(strstr(err.text, "--memory: \"8GB\""), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "GiB"), "%s", err.text);
    cr_assert_eq(gm_text_duration("--wait", "90", &value, &err), GM_USAGE);
    cr_assert_not_null(strstr(err.text, "--wait: \"90\""), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "90s"), "%s", err.text);
}

Test(text, sizes_up_to_the_last_byte_of_64_bits)
{
    uint64_t value = 0;
    cr_assert_eq(gm_text_size("m", "0", &value, NULL), GM_OK);
    cr_assert_eq(value, 0u);
    cr_assert_eq(gm_text_size("m", "512", &value, NULL), GM_OK);
    cr_assert_eq(value, 512u);
    cr_assert_eq(gm_text_size("m", "3KiB", &value, NULL), GM_OK);
    cr_assert_eq(value, 3072u);
    cr_assert_eq(gm_text_size("m", "8GiB", &value, NULL), GM_OK);
    cr_assert_eq(value, 8589934592u);
    cr_assert_eq(gm_text_size("m", "16777215TiB", &value, NULL), GM_OK);
    cr_assert_eq(value, 16777215ull << 40);

    static const char *const refused[] = {"16777216TiB", "18446744073709551615KiB",
                                          "8 GiB",       "8gib",
                                          "GiB",         "-1MiB",
                                          "1.5GiB",      "8GiBs",
                                          "8G",          ""};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        cr_assert_eq(gm_text_size("m", refused[i], &value, NULL), GM_USAGE, "\"%s\"", refused[i]);
}

Test(text, durations_need_a_unit_and_do_not_wrap)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } taken[] = {
        {"0", 0},
        {"0s", 0},
        {"250ms", 250},
        {"90s", 90000},
        {"5m", 300000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"213503982334d", 213503982334u * 86400000u},
        {"1000000000000h", 1000000000000u * 3600000u},
    };
    uint64_t ms = 0;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        cr_assert_eq(gm_text_duration("w", taken[i].text, &ms, NULL), GM_OK, "%s", taken[i].text);
        cr_assert_eq(ms, taken[i].ms, "%s", taken[i].text);
    }
    static const char *const refused[] = {"213503982335d", "1", "00", "5M", "s", "1.5s", "-1s", ""};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        cr_assert_eq(gm_text_duration("w", refused[i], &ms, NULL), GM_USAGE, "\"%s\"", refused[i]);
}

Test(text, sizes_read_as_three_digits_and_a_unit)
{
    static const struct {
        uint64_t size_bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.00 KiB"},
        {10234, "9.99 KiB"},
        {10236, "10.0 KiB"},
        {102348, "99.9 KiB"},
        {102352, "100 KiB"},
        {1048063, "1023 KiB"},
        {1048575, "1.00 MiB"},
        {(3ull << 30) / 2, "1.50 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    char text[GM_TEXT_SIZE_CHARS];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_str_eq(gm_text_from_size(text, rows[i].size_bytes), rows[i].text);
}

struct captured {
    char *text;
    size_t size;
    struct gm_log log;
};

static void capture_start(struct captured *to, enum gm_log_level level)
{
    *to = (struct captured){0};
    FILE *stream = open_memstream(&to->text, &to->size);
    cr_assert_not_null(stream);
    to->log = (struct gm_log){stream, "worker", level};
}

static void capture_end(struct captured *from)
{
    (void)fclose(from->log.stream);
    free(from->text);
}

Test(log, a_line_says_when_how_bad_who_and_what)
{
    struct captured out;
    capture_start(&out, GM_LOG_INFO);
    gm_log(&out.log, GM_LOG_WARN, "lease %d lost", 7);
    cr_assert_eq(strlen(out.text), strlen("2026-01-31T12:00:00Z warn  worker: lease 7 lost\n"));
    cr_assert_str_eq(out.text + strlen("2026-01-31T12:00:00Z"), " warn  worker: lease 7 lost\n");
    cr_assert_eq(out.text[10], 'T');
    capture_end(&out);
}

Test(log, what_is_below_the_level_or_has_no_stream_is_dropped)
{
    struct captured out;
    capture_start(&out, GM_LOG_WARN);
    gm_log(&out.log, GM_LOG_INFO, "quiet");
    gm_log(&out.log, GM_LOG_NONE, "never a level to write at");
    gm_log(NULL, GM_LOG_ERROR, "nowhere");
    gm_log(&(struct gm_log){.stream = NULL, .part = "x"}, GM_LOG_ERROR, "nowhere");
    (void)fflush(out.log.stream);
    cr_assert_eq(out.size, 0u);
    capture_end(&out);
}

Test(log, a_peers_text_cannot_start_a_line_of_its_own)
{
    struct captured out;
    capture_start(&out, GM_LOG_DEBUG);
    gm_log(&out.log, GM_LOG_INFO, "job \"%s\"",
           "a\n2026-01-31T12:00:00Z info  broker: paid\r\x1b[2J");
    cr_assert_eq(strchr(out.text, '\n'), out.text + out.size - 1);
    cr_assert_null(strchr(out.text, '\r'));
    cr_assert_null(strchr(out.text, '\x1b'));
    capture_end(&out);
}

Test(log, an_endless_message_is_cut_and_the_line_still_ends)
{
    struct captured out;
    capture_start(&out, GM_LOG_DEBUG);
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gm_log(&out.log, GM_LOG_ERROR, "%s", text);
    cr_assert_lt(out.size, 1200u);
    cr_assert_eq(out.text[out.size - 1], '\n');
    capture_end(&out);
}
