/* Arrays from .npy files. Elements become those of the data set: f32, u8 or u32. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/npy.h"

struct array {
    struct gm_source_file file;
    struct gm_npy npy;
    struct gm_tensor_desc desc; /* in the data set */
    uint64_t limit;             /* classes are below it; 0: no classes */
};

static enum gm_status array_open(struct array *array, const char *path, struct gm_error *err)
{
    GM_TRY(gm_source_file_open(&array->file, path, err));
    uint64_t start_bytes =
        array->file.size_bytes < GM_NPY_HEADER_MAX ? array->file.size_bytes : GM_NPY_HEADER_MAX;
    uint8_t *start = gm_mem_new(1, (size_t)start_bytes);
    enum gm_status status = GM_OK;
    if (start == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    if (status == GM_OK)
        status = gm_source_file_read(&array->file, start, start_bytes, err);
    if (status == GM_OK)
        status = gm_npy_parse(path, (struct gm_bytes){start, (size_t)start_bytes},
                              array->file.size_bytes, &array->npy, err);
    gm_source_file_close(&array->file);
    if (status == GM_OK)
        status = gm_source_file_open(&array->file, path, err);
    if (status == GM_OK) /* to where the data starts */
        status = gm_source_file_read(&array->file, start, array->npy.data_offset, err);
    gm_mem_free(start);
    if (status != GM_OK)
        gm_source_file_close(&array->file);
    return status;
}

static bool is_real(enum gm_npy_type type)
{
    return type == GM_NPY_F32 || type == GM_NPY_F64;
}

/* Classes: any whole numbers, kept as u32. Inputs and targets: f32, or u8 as it is for inputs. */
static enum gm_status dtype_choose(struct array *array, bool classes, bool input,
                                   struct gm_error *err)
{
    enum gm_npy_type type = array->npy.type;
    enum gm_dtype dtype = GM_DTYPE_F32;
    bool fits = is_real(type);
    if (classes) {
        fits = !is_real(type);
        dtype = GM_DTYPE_U32;
    } else if (input && type == GM_NPY_U8) {
        fits = true;
        dtype = GM_DTYPE_U8;
    }
    if (!fits)
        return gm_error_set(err, GM_INVALID, "%s: expected %s", array->file.path,
                            classes ? "class numbers (u8, i32, i64 or u32)"
                            : input ? "f32, f64 or u8 elements"
                                    : "f32 or f64 elements");
    array->desc = gm_tensor_desc_make(dtype, array->npy.rank, array->npy.dims);
    if (!gm_tensor_desc_valid(&array->desc) || array->npy.count == 0)
        return gm_error_set(err, GM_INVALID, "%s: is empty, or larger than 2^48 bytes",
                            array->file.path);
    return GM_OK;
}

/* All dimensions but the first must be what the model takes. */
static enum gm_status shape_check(const struct array *array, const struct gm_tensor_desc *needed,
                                  struct gm_error *err)
{
    struct gm_tensor_desc wanted = *needed;
    wanted.dims[0] = array->desc.dims[0];
    bool same = array->desc.rank == wanted.rank &&
                memcmp(array->desc.dims, wanted.dims, sizeof wanted.dims) == 0;
    char found[GM_TENSOR_TEXT_CHARS], expected[GM_TENSOR_TEXT_CHARS];
    if (!same)
        return gm_error_set(err, GM_INVALID, "%s: holds %.80s, the model needs %.80s",
                            array->file.path, gm_tensor_desc_text(found, &array->desc),
                            gm_tensor_desc_text(expected, &wanted));
    return GM_OK;
}

static int64_t whole_load(enum gm_npy_type type, const uint8_t *at)
{
    if (type == GM_NPY_U8)
        return *at;
    if (type == GM_NPY_U32)
        return gm_load_u32(at);
    return type == GM_NPY_I32 ? (int32_t)gm_load_u32(at) : (int64_t)gm_load_u64(at);
}

static enum gm_status classes_convert(const struct array *array, const uint8_t *raw, uint64_t first,
                                      uint64_t count, uint32_t *out, struct gm_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        int64_t value = whole_load(array->npy.type, raw + i * array->npy.element_bytes);
        if (value < 0 || (uint64_t)value >= array->limit)
            return gm_error_set(err, GM_INVALID,
                                "%s: element %" PRIu64 " is %" PRId64 ", the model has the classes "
                                "0 to %" PRIu64,
                                array->file.path, first + i, value, array->limit - 1);
        out[i] = (uint32_t)value;
    }
    return GM_OK;
}

/* `count` elements from `raw` as those of the data set. */
static enum gm_status elements_convert(const struct array *array, const uint8_t *raw,
                                       uint64_t first, uint64_t count, void *out,
                                       struct gm_error *err)
{
    if (array->desc.dtype == GM_DTYPE_U32)
        return classes_convert(array, raw, first, count, out, err);
    if (array->npy.type != GM_NPY_F64) {
        memcpy(out, raw, count * array->npy.element_bytes);
        return GM_OK;
    }
    float *reals = out;
    for (uint64_t i = 0; i < count; i++) {
        double value;
        uint64_t bits = gm_load_u64(raw + 8 * i);
        memcpy(&value, &bits, sizeof value);
        reals[i] = (float)value;
    }
    return GM_OK;
}

enum { ELEMENTS_AT_ONCE = 1 << 16 };

static enum gm_status array_copy(struct array *array, struct gm_blob_writer *writer, uint8_t *raw,
                                 uint8_t *values, struct gm_error *err)
{
    const size_t element_bytes = gm_dtype_size_bytes(array->desc.dtype);
    const uint64_t total = array->npy.count;
    for (uint64_t first = 0; first < total; first += ELEMENTS_AT_ONCE) {
        uint64_t count = total - first < ELEMENTS_AT_ONCE ? total - first : ELEMENTS_AT_ONCE;
        GM_TRY(gm_source_file_read(&array->file, raw, count * array->npy.element_bytes, err));
        GM_TRY(elements_convert(array, raw, first, count, values, err));
        GM_TRY(gm_blob_writer_write(writer, values, count * element_bytes, err));
    }
    return GM_OK;
}

static enum gm_status array_store(struct gm_blob_store *store, struct array *array,
                                  struct gm_dataset_field *out, struct gm_error *err)
{
    struct gm_blob_writer *writer;
    GM_TRY(gm_blob_writer_new(store, &writer, err));
    uint8_t *raw = gm_mem_new(ELEMENTS_AT_ONCE, array->npy.element_bytes);
    uint8_t *values = gm_mem_new(ELEMENTS_AT_ONCE, gm_dtype_size_bytes(array->desc.dtype));
    enum gm_status status = GM_OK;
    if (raw == NULL || values == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", array->file.path);
    else
        status = array_copy(array, writer, raw, values, err);
    gm_mem_free(raw);
    gm_mem_free(values);
    if (status != GM_OK) {
        gm_blob_writer_discard(writer);
        return status;
    }
    out->desc = array->desc;
    return gm_blob_writer_commit(writer, &out->root, err);
}

static enum gm_status array_import(struct gm_blob_store *store, const char *path,
                                   const struct gm_tensor_desc *needed, bool input, uint64_t vocab,
                                   struct gm_dataset_field *out, struct gm_error *err)
{
    const bool classes = needed->dtype == GM_DTYPE_U32;
    struct array array = {.limit = classes ? vocab : 0};
    GM_TRY(array_open(&array, path, err));
    enum gm_status status = dtype_choose(&array, classes, input, err);
    if (status == GM_OK)
        status = shape_check(&array, needed, err);
    if (status == GM_OK)
        status = array_store(store, &array, out, err);
    gm_source_file_close(&array.file);
    return status;
}

enum gm_status gm_dataset_import_arrays(struct gm_blob_store *store, const char *x_path,
                                        const char *y_path, const struct gm_dataset_needs *needs,
                                        struct gm_dataset *out, struct gm_error *err)
{
    *out = (struct gm_dataset){.store = store};
    GM_TRY(array_import(store, x_path, &needs->x, true, needs->vocab, &out->fields[0], err));
    out->field_count = 1;
    enum gm_status status =
        array_import(store, y_path, &needs->y, false, needs->vocab, &out->fields[1], err);
    if (status == GM_OK) {
        out->field_count = 2;
        uint64_t x_rows = out->fields[0].desc.dims[0], y_rows = out->fields[1].desc.dims[0];
        if (x_rows != y_rows)
            status = gm_error_set(err, GM_INVALID, "%s has %" PRIu64 " rows, %s has %" PRIu64,
                                  x_path, x_rows, y_path, y_rows);
    }
    if (status != GM_OK)
        gm_dataset_fini(out);
    return status;
}
