#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* The digits at the start; the rest of the text in *rest. */
static bool digits_read(const char *text, uint64_t *value, const char **rest)
{
    const char *at = text;
    *value = 0;
    while (*at >= '0' && *at <= '9') {
        if (!gm_u64_mul(*value, 10, value) || !gm_u64_add(*value, (uint64_t)(*at - '0'), value))
            return false;
        at++;
    }
    *rest = at;
    return at != text;
}

enum gm_status gm_text_u64(const char *what, const char *text, uint64_t min, uint64_t max,
                           uint64_t *out, struct gm_error *err)
{
    uint64_t value;
    const char *rest;
    if (!digits_read(text, &value, &rest) || *rest != '\0' || value < min || value > max)
        return gm_error_set(err, GM_USAGE, "%s: \"%s\" is not a whole number from %llu to %llu",
                            what, text, (unsigned long long)min, (unsigned long long)max);
    *out = value;
    return GM_OK;
}

static bool unit_read(const char *text, const struct unit *units, size_t unit_count, uint64_t *out)
{
    uint64_t value;
    const char *rest;
    if (!digits_read(text, &value, &rest))
        return false;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(rest, units[i].name) == 0)
            return gm_u64_mul(value, units[i].factor, out);
    }
    return false;
}

enum gm_status gm_text_size(const char *what, const char *text, uint64_t *out_bytes,
                            struct gm_error *err)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"KiB", 1ull << 10},
        {"MiB", 1ull << 20},
        {"GiB", 1ull << 30},
        {"TiB", 1ull << 40},
    };
    if (!unit_read(text, units, sizeof units / sizeof *units, out_bytes))
        return gm_error_set(err, GM_USAGE,
                            "%s: \"%s\" is not a size such as 512MiB or 8GiB "
                            "(B, KiB, MiB, GiB, TiB)",
                            what, text);
    return GM_OK;
}

enum gm_status gm_text_duration(const char *what, const char *text, uint64_t *out_ms,
                                struct gm_error *err)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    if (strcmp(text, "0") == 0) {
        *out_ms = 0;
        return GM_OK;
    }
    if (!unit_read(text, units, sizeof units / sizeof *units, out_ms))
        return gm_error_set(err, GM_USAGE,
                            "%s: \"%s\" is not a duration such as 90s or 5m (ms, s, m, h, d)", what,
                            text);
    return GM_OK;
}

char *gm_text_from_size(char out[GM_TEXT_SIZE_CHARS], uint64_t size_bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)size_bytes;
    /* The bounds are where the printed number would round up to a digit more. */
    while (value >= (unit == 0 ? 1024 : 1023.5) && unit + 1 < sizeof names / sizeof *names) {
        value /= 1024;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    (void)snprintf(out, GM_TEXT_SIZE_CHARS, "%.*f %s", decimals, value, names[unit]);
    return out;
}
