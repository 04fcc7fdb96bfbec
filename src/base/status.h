/* What a call reports. One list (status.def) gives code, number, exit code and sentence.
   A status speaks of the world's faults; our own bugs are assertions. */
#ifndef GM_BASE_STATUS_H
#define GM_BASE_STATUS_H

#include <stdarg.h>

enum gm_status {
#define GM_STATUS(code, number, exit_code, sentence) GM_##code = (number),
#include "base/status.def"
#undef GM_STATUS
};

#define GM_MUST_USE __attribute__((warn_unused_result))
#define GM_PRINTF(format_index, first_index)                                                       \
    __attribute__((format(printf, format_index, first_index)))

enum { GM_ERROR_TEXT_SIZE = 512 };

/* The story behind a status: names what, where, and what was expected. Filled by the call that
   found the fault, passed up unchanged or with a place put before it. Every `struct gm_error *`
   parameter may be NULL: the caller then wants the status only. */
struct gm_error {
    enum gm_status status;
    char text[GM_ERROR_TEXT_SIZE]; /* one line, no trailing newline */
};

/* Short name ("INVALID") and sentence of a status; never NULL, also for unknown numbers. */
const char *gm_status_name(enum gm_status status);
const char *gm_status_sentence(enum gm_status status);
int gm_status_exit_code(enum gm_status status);

/* Writes the text, returns `status`, so that a fault is one line: return gm_error_set(...). */
enum gm_status gm_error_set(struct gm_error *err, enum gm_status status, const char *format, ...)
    GM_PRINTF(3, 4);

/* Puts "place: " before the text that is there: adds context on the way up. Returns its status. */
enum gm_status gm_error_at(struct gm_error *err, enum gm_status status, const char *format, ...)
    GM_PRINTF(3, 4);

/* Returns from the caller when the expression's status is not GM_OK. */
#define GM_TRY(expression)                                                                         \
    do {                                                                                           \
        enum gm_status gm_try_status_ = (expression);                                              \
        if (gm_try_status_ != GM_OK)                                                               \
            return gm_try_status_;                                                                 \
    } while (0)

/* The same for functions with one exit: jumps to the label, leaves the status in `variable`. */
#define GM_TRY_GOTO(variable, expression, label)                                                   \
    do {                                                                                           \
        (variable) = (expression);                                                                 \
        if ((variable) != GM_OK)                                                                   \
            goto label;                                                                            \
    } while (0)

#endif
