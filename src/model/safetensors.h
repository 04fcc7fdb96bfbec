/* Safetensors files (the format of Hugging Face's library of that name): 8 bytes that give the size
   of a JSON header, the header, then the tensors' bytes without gaps.

   Reading is strict: what the header claims must cover the file exactly. Writing is canonical: one
   set of tensors gives one file, so that its hash names the weights. */
#ifndef GM_MODEL_SAFETENSORS_H
#define GM_MODEL_SAFETENSORS_H

#include "base/bytes.h"
#include "core/tensor.h"

enum {
    GM_SAFETENSORS_HEADER_MAX = 16 << 20,
    GM_SAFETENSORS_COUNT_MAX = 1 << 16,
    GM_SAFETENSORS_NAME_MAX = 255,
};

/* Every type of the format, so that a file with foreign tensors in it can still be read; the first
   four are those whose values we take. */
enum gm_safetensors_type {
    GM_SAFETENSORS_F32,
    GM_SAFETENSORS_F16,
    GM_SAFETENSORS_BF16,
    GM_SAFETENSORS_F64,
    GM_SAFETENSORS_U32,
    GM_SAFETENSORS_U16,
    GM_SAFETENSORS_U8,
    GM_SAFETENSORS_I64,
    GM_SAFETENSORS_U64,
    GM_SAFETENSORS_I32,
    GM_SAFETENSORS_I16,
    GM_SAFETENSORS_I8,
    GM_SAFETENSORS_BOOL,
    GM_SAFETENSORS_TYPE_COUNT
};
const char *gm_safetensors_type_name(enum gm_safetensors_type type);

struct gm_safetensors_entry {
    char *name;
    enum gm_safetensors_type type;
    uint32_t rank; /* 0: a scalar */
    uint64_t dims[GM_RANK_MAX];
    uint64_t begin_bytes; /* in the data part */
    uint64_t end_bytes;
};

struct gm_safetensors {
    char *path;
    int fd;
    uint64_t data_offset_bytes; /* where the data part starts in the file */
    uint32_t count;
    struct gm_safetensors_entry *entries; /* sorted by name */
};

enum gm_status gm_safetensors_open(const char *path, struct gm_safetensors **out,
                                   struct gm_error *err) GM_MUST_USE;
void gm_safetensors_close(struct gm_safetensors *file); /* NULL is allowed */

/* The header alone: `data_bytes` is how much data follows it. The result has no file to read. */
enum gm_status gm_safetensors_parse(const char *path, struct gm_bytes header, uint64_t data_bytes,
                                    struct gm_safetensors **out, struct gm_error *err) GM_MUST_USE;

/* NULL: the file has no tensor of that name. */
const struct gm_safetensors_entry *gm_safetensors_find(const struct gm_safetensors *file,
                                                       const char *name);
uint64_t gm_safetensors_element_count(const struct gm_safetensors_entry *entry);

/* Elements [first, first + count) as f32: exact from F32, F16 and BF16, rounded to nearest even
   from F64. Thread-safe. */
enum gm_status gm_safetensors_read_f32(const struct gm_safetensors *file,
                                       const struct gm_safetensors_entry *entry, uint64_t first,
                                       uint64_t count, float *out,
                                       struct gm_error *err) GM_MUST_USE;

/* ---- writing ----
   Canonical: tensors sorted by name (as bytes), data in that order, compact header padded with
   spaces to a multiple of 8, metadata {"format":"pt"}, without which transformers refuses. The file
   appears under its name whole or not at all. */
struct gm_safetensors_item {
    const char *name;
    struct gm_tensor_desc desc;
};

struct gm_safetensors_writer;

/* `items` must be sorted by name, without doubles: what comes next is then the data in their order,
   and whoever holds model parameters in the canonical order need not sort again. */
enum gm_status gm_safetensors_writer_new(const char *path, uint32_t count,
                                         const struct gm_safetensors_item *items,
                                         struct gm_safetensors_writer **out,
                                         struct gm_error *err) GM_MUST_USE;
/* The next bytes of the data, in parts of any size. */
enum gm_status gm_safetensors_writer_write(struct gm_safetensors_writer *writer, const void *data,
                                           uint64_t size_bytes, struct gm_error *err) GM_MUST_USE;
/* Frees the writer, whatever it returns. */
enum gm_status gm_safetensors_writer_commit(struct gm_safetensors_writer *writer,
                                            struct gm_error *err) GM_MUST_USE;
void gm_safetensors_writer_discard(struct gm_safetensors_writer *writer); /* NULL is allowed */

/* All of it, from memory: data[i] belongs to items[i]. */
enum gm_status gm_safetensors_write(const char *path, uint32_t count,
                                    const struct gm_safetensors_item *items,
                                    const void *const *data, struct gm_error *err) GM_MUST_USE;

#endif
