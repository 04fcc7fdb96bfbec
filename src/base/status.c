#include "base/status.h"

#include <stdio.h>
#include <string.h>

struct status_row {
    enum gm_status status;
    int exit_code;
    const char *name;
    const char *sentence;
};

static const struct status_row status_rows[] = {
#define GM_STATUS(code, number, exit_code, sentence) {GM_##code, exit_code, #code, sentence},
#include "base/status.def"
#undef GM_STATUS
};

static const struct status_row *status_row(enum gm_status status)
{
    for (size_t i = 0; i < sizeof status_rows / sizeof *status_rows; i++) {
        if (status_rows[i].status == status)
            return &status_rows[i];
    }
    return &status_rows[GM_INTERNAL];
}

const char *gm_status_name(enum gm_status status)
{
    return status_row(status)->name;
}

const char *gm_status_sentence(enum gm_status status)
{
    return status_row(status)->sentence;
}

int gm_status_exit_code(enum gm_status status)
{
    return status_row(status)->exit_code;
}

enum gm_status gm_error_set(struct gm_error *err, enum gm_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->status = status;
    return status;
}

enum gm_status gm_error_at(struct gm_error *err, enum gm_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    char place[GM_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(place, sizeof place, format, args);
    va_end(args);

    char joined[2 * GM_ERROR_TEXT_SIZE + 2];
    (void)snprintf(joined, sizeof joined, "%s: %s", place, err->text);
    joined[sizeof err->text - 1] = '\0';
    memcpy(err->text, joined, strlen(joined) + 1);
    err->status = status;
    return status;
}
