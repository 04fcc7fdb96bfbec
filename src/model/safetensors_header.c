#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "model/safetensors.h"
#include "model/safetensors_types.h"

static enum gm_status entry_fail(struct gm_error *err, const struct gm_safetensors *file,
                                 const char *name, const char *what)
{
    return gm_error_set(err, GM_INVALID, "%s: tensor \"%.200s\": %s", file->path, name, what);
}

static enum gm_status type_parse(const struct gm_safetensors *file, const char *name,
                                 const json_t *value, enum gm_safetensors_type *out,
                                 struct gm_error *err)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return entry_fail(err, file, name, "dtype is missing or is not a text");
    for (int i = 0; i < GM_SAFETENSORS_TYPE_COUNT; i++) {
        if (strcmp(text, gm_safetensors_type_name((enum gm_safetensors_type)i)) == 0) {
            *out = (enum gm_safetensors_type)i;
            return GM_OK;
        }
    }
    return gm_error_set(err, GM_UNSUPPORTED,
                        "%s: tensor \"%.200s\": dtype %.20s is not supported (expected F32, F16, "
                        "BF16 or F64)",
                        file->path, name, text);
}

/* Dimensions, and in *size_bytes what they take. */
static enum gm_status shape_parse(const struct gm_safetensors *file,
                                  struct gm_safetensors_entry *entry, const json_t *value,
                                  uint64_t *size_bytes, struct gm_error *err)
{
    size_t rank = json_array_size(value);
    if (!json_is_array(value) || rank > GM_RANK_MAX)
        return entry_fail(err, file, entry->name, "shape is not an array of 0 to 8 dimensions");
    entry->rank = (uint32_t)rank;
    *size_bytes = gm_safetensors_type_bytes(entry->type);
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(value, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return entry_fail(err, file, entry->name, "shape holds what is not a whole number");
        entry->dims[i] = (uint64_t)json_integer_value(dim);
        if (!gm_u64_mul(*size_bytes, entry->dims[i], size_bytes) || *size_bytes > 1ull << 48)
            return entry_fail(err, file, entry->name, "shape is larger than 2^48 bytes");
    }
    return GM_OK;
}

static enum gm_status offsets_parse(const struct gm_safetensors *file,
                                    struct gm_safetensors_entry *entry, const json_t *value,
                                    uint64_t size_bytes, uint64_t data_bytes, struct gm_error *err)
{
    const json_t *begin = json_array_get(value, 0);
    const json_t *end = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return entry_fail(err, file, entry->name, "data_offsets is not [begin, end]");
    entry->begin_bytes = (uint64_t)json_integer_value(begin);
    entry->end_bytes = (uint64_t)json_integer_value(end);
    if (entry->end_bytes > data_bytes)
        return gm_error_set(err, GM_INVALID,
                            "%s: tensor \"%.200s\": its bytes end at %" PRIu64
                            " but the file holds %" PRIu64 " bytes of data (truncated?)",
                            file->path, entry->name, entry->end_bytes, data_bytes);
    if (entry->end_bytes - entry->begin_bytes != size_bytes)
        return gm_error_set(err, GM_INVALID,
                            "%s: tensor \"%.200s\": data_offsets span %" PRIu64
                            " bytes but its shape and dtype need %" PRIu64,
                            file->path, entry->name, entry->end_bytes - entry->begin_bytes,
                            size_bytes);
    return GM_OK;
}

static enum gm_status entry_parse(const struct gm_safetensors *file,
                                  struct gm_safetensors_entry *entry, const char *name,
                                  const json_t *value, uint64_t data_bytes, struct gm_error *err)
{
    if (strlen(name) > GM_SAFETENSORS_NAME_MAX)
        return entry_fail(err, file, name, "its name is longer than 255 bytes");
    entry->name = gm_mem_copy_text(name);
    if (entry->name == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", file->path);
    if (!json_is_object(value) || json_object_size(value) != 3)
        return entry_fail(err, file, name, "expected dtype, shape and data_offsets");
    GM_TRY(type_parse(file, name, json_object_get(value, "dtype"), &entry->type, err));
    uint64_t size_bytes;
    GM_TRY(shape_parse(file, entry, json_object_get(value, "shape"), &size_bytes, err));
    return offsets_parse(file, entry, json_object_get(value, "data_offsets"), size_bytes,
                         data_bytes, err);
}

static int entry_by_begin(const void *left, const void *right)
{
    const struct gm_safetensors_entry *a = left, *b = right;
    if (a->begin_bytes != b->begin_bytes)
        return a->begin_bytes < b->begin_bytes ? -1 : 1;
    return a->end_bytes < b->end_bytes ? -1 : a->end_bytes > b->end_bytes;
}

static int entry_by_name(const void *left, const void *right)
{
    const struct gm_safetensors_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* The tensors must follow each other without gap or overlap up to the end of the data. */
static enum gm_status coverage_check(struct gm_safetensors *file, uint64_t data_bytes,
                                     struct gm_error *err)
{
    qsort(file->entries, file->count, sizeof *file->entries, entry_by_begin);
    uint64_t end_bytes = 0;
    for (uint32_t i = 0; i < file->count; i++) {
        const struct gm_safetensors_entry *entry = &file->entries[i];
        if (entry->begin_bytes != end_bytes)
            return gm_error_set(err, GM_INVALID,
                                "%s: tensor \"%.200s\": starts at byte %" PRIu64
                                " of the data, expected %" PRIu64 " (%s)",
                                file->path, entry->name, entry->begin_bytes, end_bytes,
                                entry->begin_bytes < end_bytes ? "overlap" : "gap");
        end_bytes = entry->end_bytes;
    }
    if (end_bytes != data_bytes)
        return gm_error_set(err, GM_INVALID,
                            "%s: the tensors take %" PRIu64 " bytes but %" PRIu64 " bytes of data "
                            "follow the header",
                            file->path, end_bytes, data_bytes);
    qsort(file->entries, file->count, sizeof *file->entries, entry_by_name);
    return GM_OK;
}

static enum gm_status metadata_check(const struct gm_safetensors *file, const json_t *value,
                                     struct gm_error *err)
{
    bool valid = json_is_object(value);
    for (void *at = json_object_iter((json_t *)value); at != NULL && valid;
         at = json_object_iter_next((json_t *)value, at))
        valid = json_is_string(json_object_iter_value(at));
    if (!valid)
        return gm_error_set(err, GM_INVALID, "%s: __metadata__ is not an object of texts",
                            file->path);
    return GM_OK;
}

static enum gm_status entries_parse(struct gm_safetensors *file, json_t *root, uint64_t data_bytes,
                                    struct gm_error *err)
{
    size_t count = json_object_size(root);
    if (count > GM_SAFETENSORS_COUNT_MAX)
        return gm_error_set(err, GM_LIMIT, "%s: %zu tensors (at most %d are read)", file->path,
                            count, GM_SAFETENSORS_COUNT_MAX);
    file->entries = gm_mem_new(count, sizeof *file->entries);
    if (file->entries == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", file->path);
    for (void *at = json_object_iter(root); at != NULL; at = json_object_iter_next(root, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        if (strcmp(name, "__metadata__") == 0) {
            GM_TRY(metadata_check(file, value, err));
            continue;
        }
        GM_TRY(entry_parse(file, &file->entries[file->count++], name, value, data_bytes, err));
    }
    return coverage_check(file, data_bytes, err);
}

enum gm_status gm_safetensors_parse(const char *path, struct gm_bytes header, uint64_t data_bytes,
                                    struct gm_safetensors **out, struct gm_error *err)
{
    *out = NULL;
    struct gm_safetensors *file = gm_mem_new(1, sizeof *file);
    if (file == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    file->fd = -1;
    file->path = gm_mem_copy_text(path);
    if (file->path == NULL) {
        gm_safetensors_close(file);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    }
    json_error_t fault;
    json_t *root =
        json_loadb((const char *)header.data, header.size_bytes, JSON_REJECT_DUPLICATES, &fault);
    enum gm_status status;
    if (!json_is_object(root))
        status = gm_error_set(err, GM_INVALID,
                              "%s: not a safetensors file: its header is not a JSON object%s%s",
                              path, root == NULL ? ": " : "", root == NULL ? fault.text : "");
    else
        status = entries_parse(file, root, data_bytes, err);
    json_decref(root);
    if (status != GM_OK) {
        gm_safetensors_close(file);
        return status;
    }
    *out = file;
    return GM_OK;
}
