/* Statuses travel in replies and end up as exit codes, so their numbers are frozen here once more;
   errors carry a story that must survive any length. */
#include "gm_test.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/status.h"

struct row {
    enum gm_status status;
    int number;
    int exit_code;
    const char *name;
};

/* A change here breaks peers and scripts of an older version: numbers are only ever added. */
static const struct row frozen[] = {
    {GM_OK, 0, 0, "OK"},
    {GM_INTERNAL, 1, 1, "INTERNAL"},
    {GM_USAGE, 2, 2, "USAGE"},
    {GM_INVALID, 3, 3, "INVALID"},
    {GM_UNSUPPORTED, 4, 3, "UNSUPPORTED"},
    {GM_NOT_FOUND, 5, 4, "NOT_FOUND"},
    {GM_EXISTS, 6, 4, "EXISTS"},
    {GM_IO, 7, 4, "IO"},
    {GM_NO_SPACE, 8, 4, "NO_SPACE"},
    {GM_NO_MEMORY, 9, 5, "NO_MEMORY"},
    {GM_LIMIT, 10, 5, "LIMIT"},
    {GM_PEER, 11, 6, "PEER"},
    {GM_TIMEOUT, 12, 6, "TIMEOUT"},
    {GM_BUSY, 13, 6, "BUSY"},
    {GM_REFUSED, 14, 7, "REFUSED"},
    {GM_UNTRUSTED, 15, 7, "UNTRUSTED"},
    {GM_STALE, 16, 7, "STALE"},
    {GM_DIVERGED, 17, 8, "DIVERGED"},
    {GM_CANCELLED, 18, 9, "CANCELLED"},
    {GM_UNAVAILABLE, 19, 5, "UNAVAILABLE"},
};
enum { FROZEN_COUNT = sizeof frozen / sizeof *frozen };

static const enum gm_status listed[] = {
#define GM_STATUS(code, number, exit_code, sentence) GM_##code,
#include "base/status.def"
#undef GM_STATUS
};

Test(status, numbers_names_and_exit_codes_stay_what_they_were)
{
    for (size_t i = 0; i < FROZEN_COUNT; i++) {
        cr_assert_eq((int)frozen[i].status, frozen[i].number, "%s", frozen[i].name);
        cr_assert_str_eq(gm_status_name(frozen[i].status), frozen[i].name);
        cr_assert_eq(gm_status_exit_code(frozen[i].status), frozen[i].exit_code, "%s",
                     frozen[i].name);
    }
}

Test(status, no_two_statuses_share_a_number_and_each_has_a_sentence)
{
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(listed[i], listed[j], "%s and %s", gm_status_name(listed[i]),
                          gm_status_name(listed[j]));
        cr_assert_gt(strlen(gm_status_sentence(listed[i])), 3u);
    }
}

Test(status, only_success_exits_with_zero_and_no_failure_looks_like_a_signal)
{
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        int code = gm_status_exit_code(listed[i]);
        cr_assert_eq(code == 0, listed[i] == GM_OK, "%s", gm_status_name(listed[i]));
        cr_assert(code >= 0 && code < 64, "%s", gm_status_name(listed[i]));
    }
}

Test(status, a_number_from_a_newer_peer_reads_as_an_internal_error)
{
    enum gm_status unknown = (enum gm_status)31;
    cr_assert_str_eq(gm_status_name(unknown), "INTERNAL");
    cr_assert_eq(gm_status_exit_code(unknown), 1);
    cr_assert_not_null(gm_status_sentence(unknown));
}

static enum gm_status reader_fails(struct gm_error *err)
{
    return gm_error_set(err, GM_INVALID, "field \"lr\" is %d, expected more than %d", -1, 0);
}

static enum gm_status caller_adds_its_place(struct gm_error *err)
{
    enum gm_status status = reader_fails(err);
    return status == GM_OK ? GM_OK : gm_error_at(err, status, "%s:%d", "job.json", 7);
}

static enum gm_status caller_passes_on(struct gm_error *err)
{
    GM_TRY(caller_adds_its_place(err));
    return GM_OK;
}

Test(status, an_error_gathers_its_places_on_the_way_up)
{
    struct gm_error err = {0};
    cr_assert_eq(caller_passes_on(&err), GM_INVALID);
    cr_assert_eq(err.status, GM_INVALID);
    cr_assert_str_eq(err.text, "job.json:7: field \"lr\" is -1, expected more than 0");
}

Test(status, a_caller_may_want_the_status_only)
{
    cr_assert_eq(caller_passes_on(NULL), GM_INVALID);
}

Test(status, texts_of_any_length_are_cut_never_overrun)
{
    struct {
        struct gm_error err;
        char guard[16];
    } box;
    memset(&box, 0x5a, sizeof box);
    char place[2 * GM_ERROR_TEXT_SIZE];
    memset(place, 'p', sizeof place - 1);
    place[sizeof place - 1] = '\0';

    gm_error_set(&box.err, GM_IO, "%s%s", place, place);
    cr_assert_eq(strlen(box.err.text), (size_t)GM_ERROR_TEXT_SIZE - 1);

    gm_error_set(&box.err, GM_IO, "the cause");
    for (int depth = 0; depth < 200; depth++)
        gm_error_at(&box.err, GM_IO, "level %d", depth);
    cr_assert_eq(strlen(box.err.text), (size_t)GM_ERROR_TEXT_SIZE - 1);
    cr_assert_eq(strncmp(box.err.text, "level 199: level 198: ", 22), 0, "%s", box.err.text);

    gm_error_set(&box.err, GM_IO, "the cause");
    gm_error_at(&box.err, GM_IO, "%s", place);
    cr_assert_eq(strlen(box.err.text), (size_t)GM_ERROR_TEXT_SIZE - 1);
    for (size_t i = 0; i < sizeof box.guard; i++)
        cr_assert_eq(box.guard[i], 0x5a);
}

static enum gm_status one_exit(enum gm_status from_inside, int *cleaned)
{
    enum gm_status status;
    GM_TRY_GOTO(status, from_inside, out);
    status = GM_BUSY; /* reached only when the step above went well */
out:
    *cleaned += 1;
    return status;
}

Test(status, a_function_with_one_exit_always_passes_its_cleanup)
{
    int cleaned = 0;
    cr_assert_eq(one_exit(GM_STALE, &cleaned), GM_STALE);
    cr_assert_eq(one_exit(GM_OK, &cleaned), GM_BUSY);
    cr_assert_eq(cleaned, 2);
}
