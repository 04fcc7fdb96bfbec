/* Bytes and token files: whatever the files, the blob is their tokens one after the other. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/files.h"

enum { PIECE_BYTES = 1 << 18, LLMC_HEADER_BYTES = 1024, LLMC_MAGIC = 20240520 };

struct import {
    struct gm_blob_store *store;
    struct gm_blob_writer *writer;
    uint8_t *piece; /* PIECE_BYTES */
    enum gm_dtype dtype;
    bool typed;     /* dtype is known */
    uint64_t vocab; /* 0: any id */
    uint64_t bytes; /* written so far */
};

static enum gm_status ids_check(const struct import *import, const struct gm_source_file *file,
                                uint64_t first, size_t count, struct gm_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t id = import->dtype == GM_DTYPE_U32
                          ? gm_load_u32(import->piece + 4 * i)
                          : import->piece[2 * i] | (uint32_t)import->piece[2 * i + 1] << 8;
        if (id >= import->vocab)
            return gm_error_set(err, GM_INVALID,
                                "%s: token %" PRIu64 " is %" PRIu32
                                ", the model's vocabulary ends at %" PRIu64,
                                file->path, first + i, id, import->vocab - 1);
    }
    return GM_OK;
}

/* The rest of the file, in pieces. */
static enum gm_status body_import(struct import *import, struct gm_source_file *file,
                                  struct gm_error *err)
{
    const uint64_t start_bytes = file->at_bytes;
    const size_t token_bytes = gm_dtype_size_bytes(import->dtype);
    while (file->at_bytes < file->size_bytes) {
        uint64_t left = file->size_bytes - file->at_bytes;
        uint64_t part = left < PIECE_BYTES ? left : PIECE_BYTES;
        uint64_t first = (file->at_bytes - start_bytes) / token_bytes;
        GM_TRY(gm_source_file_read(file, import->piece, part, err));
        if (import->vocab != 0)
            GM_TRY(ids_check(import, file, first, (size_t)(part / token_bytes), err));
        GM_TRY(gm_blob_writer_write(import->writer, import->piece, part, err));
        import->bytes += part;
    }
    return GM_OK;
}

/* llm.c: 256 words of 4 bytes: magic, version (1: u16, 7: u32), number of tokens, zeros. */
static enum gm_status llmc_parse(const struct gm_source_file *file, const uint8_t *header,
                                 enum gm_dtype *dtype, struct gm_error *err)
{
    uint32_t version = gm_load_u32(header + 4);
    uint32_t count = gm_load_u32(header + 8);
    if (version != 1 && version != 7)
        return gm_error_set(err, GM_UNSUPPORTED,
                            "%s: version %" PRIu32 " of llm.c's header is not supported (expected "
                            "1 or 7)",
                            file->path, version);
    *dtype = version == 1 ? GM_DTYPE_U16 : GM_DTYPE_U32;
    uint64_t wanted_bytes = (uint64_t)count * gm_dtype_size_bytes(*dtype);
    if (file->size_bytes - LLMC_HEADER_BYTES != wanted_bytes)
        return gm_error_set(err, GM_INVALID,
                            "%s: its header says %" PRIu32 " tokens, %" PRIu64
                            " bytes, but %" PRIu64 " bytes follow",
                            file->path, count, wanted_bytes, file->size_bytes - LLMC_HEADER_BYTES);
    return GM_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static enum gm_status token_file_import(struct import *import, struct gm_source_file *file,
                                        struct gm_error *err)
{
    enum gm_dtype dtype = ends_with(file->path, ".u32.bin") ? GM_DTYPE_U32 : GM_DTYPE_U16;
    uint8_t header[LLMC_HEADER_BYTES] = {0};
    uint64_t start_bytes = file->size_bytes < sizeof header ? file->size_bytes : sizeof header;
    GM_TRY(gm_source_file_read(file, header, start_bytes, err));
    bool llmc = start_bytes == sizeof header && gm_load_u32(header) == LLMC_MAGIC;
    if (llmc)
        GM_TRY(llmc_parse(file, header, &dtype, err));
    if (import->typed && dtype != import->dtype)
        return gm_error_set(err, GM_INVALID, "%s: holds %s tokens, the files before it %s",
                            file->path, gm_dtype_name(dtype), gm_dtype_name(import->dtype));
    import->dtype = dtype;
    import->typed = true;
    if (llmc)
        return body_import(import, file, err);
    if (file->size_bytes % gm_dtype_size_bytes(dtype) != 0)
        return gm_error_set(err, GM_INVALID,
                            "%s: %" PRIu64 " bytes are no whole number of %s tokens (plain files "
                            "named *.u32.bin hold u32, others u16)",
                            file->path, file->size_bytes, gm_dtype_name(dtype));
    gm_source_file_close(file); /* no header: from the start again */
    GM_TRY(gm_source_file_open(file, file->path, err));
    return body_import(import, file, err);
}

static enum gm_status file_import(struct import *import, const char *path, bool bytes,
                                  struct gm_error *err)
{
    struct gm_source_file file;
    GM_TRY(gm_source_file_open(&file, path, err));
    enum gm_status status =
        bytes ? body_import(import, &file, err) : token_file_import(import, &file, err);
    gm_source_file_close(&file);
    return status;
}

static enum gm_status files_import(struct import *import, const char *pattern, bool bytes,
                                   struct gm_error *err)
{
    struct gm_files files;
    GM_TRY(gm_files_find(pattern, &files, err));
    enum gm_status status = GM_OK;
    for (size_t i = 0; i < files.count && status == GM_OK; i++)
        status = file_import(import, files.paths[i], bytes, err);
    gm_files_fini(&files);
    if (status == GM_OK && import->bytes == 0)
        status = gm_error_set(err, GM_INVALID, "%s: all files are empty", pattern);
    return status;
}

static enum gm_status tokens_import(struct import *import, const char *pattern, bool bytes,
                                    struct gm_dataset *out, struct gm_error *err)
{
    *out = (struct gm_dataset){0};
    import->piece = gm_mem_new(1, PIECE_BYTES);
    if (import->piece == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", pattern);
    enum gm_status status = gm_blob_writer_new(import->store, &import->writer, err);
    struct gm_hash root;
    if (status == GM_OK) {
        status = files_import(import, pattern, bytes, err);
        if (status == GM_OK)
            status = gm_blob_writer_commit(import->writer, &root, err);
        else
            gm_blob_writer_discard(import->writer);
    }
    gm_mem_free(import->piece);
    if (status != GM_OK)
        return status;
    const uint64_t count = import->bytes / gm_dtype_size_bytes(import->dtype);
    out->store = import->store;
    out->field_count = 1;
    out->fields[0].root = root;
    out->fields[0].desc = gm_tensor_desc_make(import->dtype, 1, &count);
    return GM_OK;
}

enum gm_status gm_dataset_import_bytes(struct gm_blob_store *store, const char *pattern,
                                       struct gm_dataset *out, struct gm_error *err)
{
    struct import import = {.store = store, .dtype = GM_DTYPE_U8, .typed = true};
    return tokens_import(&import, pattern, true, out, err);
}

enum gm_status gm_dataset_import_tokens(struct gm_blob_store *store, const char *pattern,
                                        const struct gm_dataset_needs *needs,
                                        struct gm_dataset *out, struct gm_error *err)
{
    struct import import = {.store = store, .dtype = GM_DTYPE_U16, .vocab = needs->vocab};
    return tokens_import(&import, pattern, false, out, err);
}
