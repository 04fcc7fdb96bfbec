#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json.h"

enum { VALUE_CHARS = 64, NAME_MAX_CHARS = 64 };

/* The value as JSON, cut to what fits a message. */
static char *value_text(char out[VALUE_CHARS], const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)snprintf(out, VALUE_CHARS, "%.50s%s", text == NULL ? "?" : text,
                   text != NULL && strlen(text) > 50 ? "..." : "");
    free(text); /* jansson's */
    return out;
}

/* Edit distance, for names of at most NAME_MAX_CHARS; longer ones are far from everything. */
static size_t name_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), cols = strlen(b);
    if (rows > NAME_MAX_CHARS || cols > NAME_MAX_CHARS)
        return SIZE_MAX;
    size_t row[NAME_MAX_CHARS + 1];
    for (size_t j = 0; j <= cols; j++)
        row[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= cols; j++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[cols];
}

static enum gm_status unknown_refuse(const struct gm_json *doc, const char *path, const char *name,
                                     const struct gm_field *fields, size_t field_count,
                                     struct gm_error *err)
{
    const char *nearest = NULL;
    size_t distance = 3;
    for (size_t i = 0; i < field_count; i++) {
        size_t d = name_distance(name, fields[i].name);
        if (fields[i].kind != GM_FIELD_IGNORED && d < distance) {
            distance = d;
            nearest = fields[i].name;
        }
    }
    char full[GM_JSON_PATH_CHARS];
    gm_json_path(full, path, name);
    if (nearest != NULL)
        return gm_json_fail(doc, full, GM_INVALID, err, "unknown field, did you mean \"%s\"?",
                            nearest);
    return gm_json_fail(doc, full, GM_INVALID, err, "unknown field");
}

static enum gm_status unknown_check(const struct gm_json *doc, const json_t *object,
                                    const char *path, const struct gm_field *fields,
                                    size_t field_count, struct gm_error *err)
{
    void *at = json_object_iter((json_t *)object);
    for (; at != NULL; at = json_object_iter_next((json_t *)object, at)) {
        const char *name = json_object_iter_key(at);
        size_t i = 0;
        while (i < field_count && strcmp(fields[i].name, name) != 0)
            i++;
        if (i == field_count)
            return unknown_refuse(doc, path, name, fields, field_count, err);
    }
    return GM_OK;
}

static enum gm_status u64_read(const struct gm_json *doc, const json_t *value, const char *path,
                               uint64_t min, uint64_t max, uint64_t *out, struct gm_error *err)
{
    char text[VALUE_CHARS];
    if (!json_is_integer(value))
        return gm_json_fail(doc, path, GM_INVALID, err, "%s is not a whole number",
                            value_text(text, value));
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
        return gm_json_fail(doc, path, GM_INVALID, err,
                            "%s is out of range (expected %" PRIu64 " to %" PRIu64 ")",
                            value_text(text, value), min, max);
    *out = (uint64_t)number;
    return GM_OK;
}

static enum gm_status real_read(const struct gm_json *doc, const json_t *value, const char *path,
                                const struct gm_field *field, double *out, struct gm_error *err)
{
    char text[VALUE_CHARS];
    if (!json_is_number(value))
        return gm_json_fail(doc, path, GM_INVALID, err, "%s is not a number",
                            value_text(text, value));
    double number = json_number_value(value);
    if (!isfinite(number) || number < field->low || number > field->high)
        return gm_json_fail(doc, path, GM_INVALID, err, "%s is out of range (expected %g to %g)",
                            value_text(text, value), field->low, field->high);
    *out = number;
    return GM_OK;
}

static enum gm_status choice_read(const struct gm_json *doc, const json_t *value, const char *path,
                                  const struct gm_field *field, uint32_t *out, struct gm_error *err)
{
    char text[VALUE_CHARS];
    const char *name = json_string_value(value);
    size_t name_size = name == NULL ? 0 : strlen(name);
    uint32_t index = 0;
    for (const char *at = field->choices; name != NULL && *at != '\0'; index++) {
        size_t size = strcspn(at, "|");
        if (size == name_size && memcmp(at, name, size) == 0) {
            *out = index;
            return GM_OK;
        }
        at += size;
        at += *at == '|';
    }
    return gm_json_fail(doc, path, GM_UNSUPPORTED, err, "%s is not supported (expected %s)",
                        value_text(text, value), field->choices);
}

static enum gm_status fixed_check(const struct gm_json *doc, const json_t *value, const char *path,
                                  const struct gm_field *field, struct gm_error *err)
{
    if (json_is_null(value))
        return GM_OK;
    json_t *expected = json_loads(field->expected, JSON_DECODE_ANY, NULL);
    bool same = expected != NULL && (json_equal((json_t *)value, expected) ||
                                     (json_is_number(value) && json_is_number(expected) &&
                                      json_number_value(value) == json_number_value(expected)));
    json_decref(expected);
    char text[VALUE_CHARS];
    if (!same)
        return gm_json_fail(doc, path, GM_UNSUPPORTED, err, "%s is not supported (expected %s)",
                            value_text(text, value), field->expected);
    return GM_OK;
}

static enum gm_status field_read(const struct gm_json *doc, const json_t *value, const char *path,
                                 const struct gm_field *field, void *target, struct gm_error *err)
{
    char text[VALUE_CHARS];
    void *member = (char *)target + field->offset;
    switch (field->kind) {
    case GM_FIELD_U64:
        return u64_read(doc, value, path, field->min, field->max, member, err);
    case GM_FIELD_REAL:
        return real_read(doc, value, path, field, member, err);
    case GM_FIELD_CHOICE:
        return choice_read(doc, value, path, field, member, err);
    case GM_FIELD_FIXED:
        return fixed_check(doc, value, path, field, err);
    case GM_FIELD_BOOL:
        if (!json_is_boolean(value))
            return gm_json_fail(doc, path, GM_INVALID, err, "%s is not true or false",
                                value_text(text, value));
        *(bool *)member = json_is_true(value);
        return GM_OK;
    case GM_FIELD_TEXT:
        if (!json_is_string(value) || json_string_length(value) == 0)
            return gm_json_fail(doc, path, GM_INVALID, err,
                                "%s is not a text of 1 character or more", value_text(text, value));
        *(const char **)member = json_string_value(value);
        return GM_OK;
    case GM_FIELD_NODE:
        *(const json_t **)member = value;
        return GM_OK;
    case GM_FIELD_IGNORED:
        return GM_OK;
    }
    return gm_json_fail(doc, path, GM_INTERNAL, err, "field of unknown kind");
}

enum gm_status gm_json_read(const struct gm_json *doc, const json_t *object, const char *path,
                            const struct gm_field *fields, size_t field_count, void *target,
                            struct gm_error *err)
{
    char full[GM_JSON_PATH_CHARS];
    if (!json_is_object(object))
        return gm_json_fail(doc, path, GM_INVALID, err, "expected an object: { ... }");
    GM_TRY(unknown_check(doc, object, path, fields, field_count, err));
    for (size_t i = 0; i < field_count; i++) {
        const json_t *value = json_object_get(object, fields[i].name);
        bool absent = value == NULL || (fields[i].nullable && json_is_null(value));
        gm_json_path(full, path, fields[i].name);
        if (absent && fields[i].required)
            return gm_json_fail(doc, full, GM_INVALID, err, "is missing");
        if (!absent)
            GM_TRY(field_read(doc, value, full, &fields[i], target, err));
    }
    return GM_OK;
}

enum gm_status gm_json_read_u64s(const struct gm_json *doc, const json_t *array, const char *path,
                                 size_t count_min, size_t count_max, uint64_t min, uint64_t max,
                                 uint64_t *out, size_t *out_count, struct gm_error *err)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count < count_min || count > count_max)
        return gm_json_fail(doc, path, GM_INVALID, err,
                            "expected an array of %zu to %zu whole numbers", count_min, count_max);
    for (size_t i = 0; i < count; i++) {
        char element[GM_JSON_PATH_CHARS];
        (void)snprintf(element, sizeof element, "%.200s[%zu]", path, i);
        GM_TRY(u64_read(doc, json_array_get(array, i), element, min, max, &out[i], err));
    }
    *out_count = count;
    return GM_OK;
}
