#include "model/json.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum gm_status gm_json_parse(const char *name, struct gm_bytes text, struct gm_json **out,
                             struct gm_error *err)
{
    *out = NULL;
    if (text.size_bytes > GM_JSON_SIZE_MAX)
        return gm_error_set(err, GM_LIMIT, "%s: %zu bytes of JSON (at most %d are read)", name,
                            text.size_bytes, GM_JSON_SIZE_MAX);
    struct gm_json *doc = gm_mem_new(1, sizeof *doc);
    if (doc == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", name);
    doc->name = gm_mem_copy_text(name);
    doc->text = gm_mem_new(text.size_bytes + 1, 1);
    if (doc->name == NULL || doc->text == NULL) {
        gm_json_free(doc);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", name);
    }
    if (text.size_bytes > 0)
        memcpy(doc->text, text.data, text.size_bytes);
    json_error_t fault;
    doc->root = json_loadb(doc->text, text.size_bytes, JSON_REJECT_DUPLICATES, &fault);
    enum gm_status status = GM_OK;
    if (doc->root == NULL)
        status = gm_error_set(err, GM_INVALID, "%s:%d: not valid JSON: %s", name,
                              fault.line > 0 ? fault.line : 1, fault.text);
    else if (!json_is_object(doc->root))
        status = gm_error_set(err, GM_INVALID, "%s:1: expected a JSON object: { ... }", name);
    if (status != GM_OK) {
        gm_json_free(doc);
        return status;
    }
    *out = doc;
    return GM_OK;
}

enum gm_status gm_json_load(const char *path, struct gm_json **out, struct gm_error *err)
{
    *out = NULL;
    struct gm_buf text;
    gm_buf_init(&text, GM_JSON_SIZE_MAX);
    enum gm_status status = gm_file_read(path, &text, err);
    if (status == GM_OK)
        status = gm_json_parse(path, gm_buf_view(&text), out, err);
    gm_buf_fini(&text);
    return status;
}

void gm_json_free(struct gm_json *doc)
{
    if (doc == NULL)
        return;
    json_decref(doc->root);
    gm_mem_free(doc->text);
    gm_mem_free(doc->name);
    gm_mem_free(doc);
}

enum gm_status gm_json_fail(const struct gm_json *doc, const char *path, enum gm_status status,
                            struct gm_error *err, const char *format, ...)
{
    if (err == NULL)
        return status;
    char what[GM_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    unsigned line = gm_json_line(doc->text, path);
    return gm_error_set(err, status, "%s:%u: %s%s%s", doc->name, line, path,
                        *path == '\0' ? "" : ": ", what);
}

char *gm_json_path(char out[GM_JSON_PATH_CHARS], const char *path, const char *name)
{
    /* Cut when too long: it only serves messages. */
    int size = snprintf(out, GM_JSON_PATH_CHARS, "%s%s%s", path, *path == '\0' ? "" : ".", name);
    (void)size;
    return out;
}
