/* Arrays from .npy files. Elements become those of the data set: f32, u8 or u32. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/npy.h"
#include "trust/tile.h"

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

/* Rows of tiles are packed 16 matrix rows at a time; everything else goes out as it is. */
struct packing {
    struct array *array;
    struct gm_blob_writer *writer;
    uint64_t unit_elements; /* per round: 16 rows of the matrix, or one chunk */
    uint8_t *raw;
    uint8_t *values;
    uint8_t *blob;
};

static enum gm_status unit_write(struct packing *p, uint64_t first, uint64_t count, bool tiled,
                                 struct gm_error *err)
{
    const struct gm_tensor_desc *desc = &p->array->desc;
    const size_t element_bytes = gm_dtype_size_bytes(desc->dtype);
    GM_TRY(gm_source_file_read(&p->array->file, p->raw, count * p->array->npy.element_bytes, err));
    GM_TRY(elements_convert(p->array, p->raw, first, count, p->values, err));
    const uint64_t cols = gm_tensor_cols(desc);
    uint64_t dims[2] = {tiled ? count / cols : count, cols};
    struct gm_tile_layout layout;
    GM_TRY(gm_tile_layout_init(&layout, (uint32_t)element_bytes, tiled ? 2 : 1, dims, err));
    gm_tile_pack(&layout, p->values, 0, p->blob, (size_t)layout.blob_bytes);
    return gm_blob_writer_write(p->writer, p->blob, layout.blob_bytes, err);
}

static enum gm_status array_pack(struct packing *p, struct gm_error *err)
{
    const struct gm_tensor_desc *desc = &p->array->desc;
    struct gm_tile_layout whole;
    GM_TRY(gm_tile_layout_init(&whole, (uint32_t)gm_dtype_size_bytes(desc->dtype), desc->rank,
                               desc->dims, err));
    p->unit_elements = whole.tiled ? GM_TILE_SIDE * whole.columns : 64 * GM_TILE_BYTES;
    p->raw = gm_mem_new(p->unit_elements, p->array->npy.element_bytes);
    p->values = gm_mem_new(p->unit_elements, 4);
    p->blob = gm_mem_new(whole.tiled ? whole.tile_columns : 4 * 64, GM_TILE_BYTES);
    if (p->raw == NULL || p->values == NULL || p->blob == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", p->array->file.path);
    const uint64_t total = gm_tensor_count(desc);
    for (uint64_t first = 0; first < total; first += p->unit_elements) {
        uint64_t left = total - first;
        GM_TRY(unit_write(p, first, left < p->unit_elements ? left : p->unit_elements, whole.tiled,
                          err));
    }
    return GM_OK;
}

static enum gm_status array_store(struct gm_blob_store *store, struct array *array,
                                  struct gm_dataset_field *out, struct gm_error *err)
{
    struct packing p = {.array = array};
    GM_TRY(gm_blob_writer_new(store, &p.writer, err));
    enum gm_status status = array_pack(&p, err);
    gm_mem_free(p.raw);
    gm_mem_free(p.values);
    gm_mem_free(p.blob);
    if (status != GM_OK) {
        gm_blob_writer_discard(p.writer);
        return status;
    }
    out->desc = array->desc;
    return gm_blob_writer_commit(p.writer, &out->root, err);
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
