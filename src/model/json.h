/* Reads JSON objects by tables of fields: types, ranges, choices and unknown names are checked in
   one place, and every message says file, line, field, value and what was expected. */
#ifndef GM_MODEL_JSON_H
#define GM_MODEL_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include "base/bytes.h"

enum { GM_JSON_SIZE_MAX = 1 << 20, GM_JSON_PATH_CHARS = 256 };

/* A parsed document with its text, which is kept to find lines in. */
struct gm_json {
    char *name; /* the file, for messages */
    char *text;
    json_t *root; /* an object */
};

/* Strict JSON, no duplicate names; the root must be an object. `name` is copied. */
enum gm_status gm_json_parse(const char *name, struct gm_bytes text, struct gm_json **out,
                             struct gm_error *err) GM_MUST_USE;
/* Reads the file, GM_JSON_SIZE_MAX bytes at most. */
enum gm_status gm_json_load(const char *path, struct gm_json **out,
                            struct gm_error *err) GM_MUST_USE;
void gm_json_free(struct gm_json *doc); /* NULL is allowed */

/* The line (from 1) on which the field at `path` ("train.optimizer.lr") stands; where there is
   none, the line of the innermost object on the way. `text` must be valid JSON. */
unsigned gm_json_line(const char *text, const char *path);

/* Sets "file:line: path: ..." and returns `status`. */
enum gm_status gm_json_fail(const struct gm_json *doc, const char *path, enum gm_status status,
                            struct gm_error *err, const char *format, ...) GM_PRINTF(5, 6);

enum gm_field_kind {
    GM_FIELD_U64,    /* uint64_t */
    GM_FIELD_REAL,   /* double */
    GM_FIELD_BOOL,   /* bool */
    GM_FIELD_CHOICE, /* uint32_t: index into `choices` */
    GM_FIELD_TEXT,   /* const char *, lives as long as the document; not empty */
    GM_FIELD_NODE,   /* const json_t *: an object or array that the caller reads */
    GM_FIELD_FIXED,  /* must be absent, null, or the value whose JSON text is `expected` */
    GM_FIELD_IGNORED /* has no influence on what we compute */
};

struct gm_field {
    const char *name;
    enum gm_field_kind kind;
    size_t offset;        /* of the member in the caller's struct */
    bool required;        /* absent: refused; otherwise the member keeps its default */
    bool nullable;        /* null is the same as absent */
    uint64_t min, max;    /* U64, both allowed */
    double low, high;     /* REAL, both allowed */
    const char *choices;  /* CHOICE: "gelu|relu|silu" */
    const char *expected; /* FIXED */
};

/* Reads `object`, which stands at `path` ("" for the root), into `target` (the struct the offsets
   point into). Fields that the table does not name are refused, with the nearest name. */
enum gm_status gm_json_read(const struct gm_json *doc, const json_t *object, const char *path,
                            const struct gm_field *fields, size_t field_count, void *target,
                            struct gm_error *err) GM_MUST_USE;

/* "path.name", or "name" at the root. */
char *gm_json_path(char out[GM_JSON_PATH_CHARS], const char *path, const char *name);

/* An array of whole numbers, each from min to max, count_min to count_max of them. */
enum gm_status gm_json_read_u64s(const struct gm_json *doc, const json_t *array, const char *path,
                                 size_t count_min, size_t count_max, uint64_t min, uint64_t max,
                                 uint64_t *out, size_t *out_count,
                                 struct gm_error *err) GM_MUST_USE;

#endif
