#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/safetensors.h"

struct gm_safetensors_writer {
    struct gm_file_writer file;
    uint64_t left_bytes;
};

static const char *dtype_text(enum gm_dtype dtype)
{
    switch (dtype) {
    case GM_DTYPE_F32:
        return "F32";
    case GM_DTYPE_U32:
        return "U32";
    case GM_DTYPE_U16:
        return "U16";
    case GM_DTYPE_U8:
        return "U8";
    }
    return NULL;
}

static json_t *entry_make(const struct gm_tensor_desc *desc, uint64_t begin_bytes)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; i < desc->rank; i++)
        (void)json_array_append_new(shape, json_integer((json_int_t)desc->dims[i]));
    uint64_t end_bytes = begin_bytes + gm_tensor_size_bytes(desc);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_text(desc->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin_bytes, (json_int_t)end_bytes);
}

/* The header's text, jansson's to free; NULL without memory. Objects print in insertion order. */
static char *header_make(uint32_t count, const struct gm_safetensors_item *items,
                         uint64_t *data_bytes)
{
    json_t *root = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    bool whole = root != NULL;
    *data_bytes = 0;
    for (uint32_t i = 0; i < count && whole; i++) {
        whole =
            json_object_set_new(root, items[i].name, entry_make(&items[i].desc, *data_bytes)) == 0;
        *data_bytes += gm_tensor_size_bytes(&items[i].desc);
    }
    char *text = whole ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static enum gm_status header_write(struct gm_safetensors_writer *writer, const char *text,
                                   struct gm_error *err)
{
    static const char spaces[8] = "        ";
    size_t text_bytes = strlen(text);
    size_t pad_bytes = (8 - text_bytes % 8) % 8;
    uint8_t prefix[8];
    gm_store_u64(prefix, text_bytes + pad_bytes);
    GM_TRY(gm_file_writer_write(&writer->file, prefix, sizeof prefix, err));
    GM_TRY(gm_file_writer_write(&writer->file, text, text_bytes, err));
    return gm_file_writer_write(&writer->file, spaces, pad_bytes, err);
}

enum gm_status gm_safetensors_writer_new(const char *path, uint32_t count,
                                         const struct gm_safetensors_item *items,
                                         struct gm_safetensors_writer **out, struct gm_error *err)
{
    *out = NULL;
    for (uint32_t i = 0; i + 1 < count; i++)
        assert(strcmp(items[i].name, items[i + 1].name) < 0);
    struct gm_safetensors_writer *writer = gm_mem_new(1, sizeof *writer);
    if (writer == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    char *text = header_make(count, items, &writer->left_bytes);
    enum gm_status status = GM_OK;
    if (text == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory for its header", path);
    if (status == GM_OK)
        status = gm_file_writer_open(&writer->file, path, 0644, err);
    if (status != GM_OK) {
        gm_mem_free(writer);
    } else {
        status = header_write(writer, text, err);
        if (status != GM_OK)
            gm_safetensors_writer_discard(writer);
    }
    free(text);
    if (status == GM_OK)
        *out = writer;
    return status;
}

enum gm_status gm_safetensors_writer_write(struct gm_safetensors_writer *writer, const void *data,
                                           uint64_t size_bytes, struct gm_error *err)
{
    assert(size_bytes <= writer->left_bytes);
    writer->left_bytes -= size_bytes;
    return gm_file_writer_write(&writer->file, data, (size_t)size_bytes, err);
}

enum gm_status gm_safetensors_writer_commit(struct gm_safetensors_writer *writer,
                                            struct gm_error *err)
{
    assert(writer->left_bytes == 0);
    enum gm_status status = gm_file_writer_commit(&writer->file, err);
    gm_mem_free(writer);
    return status;
}

void gm_safetensors_writer_discard(struct gm_safetensors_writer *writer)
{
    if (writer == NULL)
        return;
    gm_file_writer_discard(&writer->file);
    gm_mem_free(writer);
}

enum gm_status gm_safetensors_write(const char *path, uint32_t count,
                                    const struct gm_safetensors_item *items,
                                    const void *const *data, struct gm_error *err)
{
    struct gm_safetensors_writer *writer;
    GM_TRY(gm_safetensors_writer_new(path, count, items, &writer, err));
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < count && status == GM_OK; i++)
        status =
            gm_safetensors_writer_write(writer, data[i], gm_tensor_size_bytes(&items[i].desc), err);
    if (status != GM_OK) {
        gm_safetensors_writer_discard(writer);
        return status;
    }
    return gm_safetensors_writer_commit(writer, err);
}
