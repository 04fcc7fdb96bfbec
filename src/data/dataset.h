/* Brings the requester's files into the canonical form that tasks name: one blob per field, in a
   blob store, with its type and shape. A data set's blob is its row-major bytes, little-endian,
   without the tiles of a tensor's blob: samples are read one by one, and a row of a tiled matrix
   would be spread over sixteen times its size.

   bytes   every file that matches, in the order of their paths as bytes, one after the other:
           u8 (n). Nothing is put between files: a separator would be a token that some vocabulary
           has no number for, and text files end in a newline anyway.
   tokens  .bin files in the same order: u16 or u32 tokens, little-endian, plain or behind the 1024
           bytes of llm.c's header (magic 20240520, version 1 for u16; 7 for u32). Plain files hold
           u16, or u32 when the name ends in ".u32.bin". One type in all files: u16 or u32 (n).
   arrays  x.npy and y.npy with equal first dimensions. x: f32, f64 (rounded to f32) or u8, (n,
   ...); y: class numbers u8, i32, i64 or u32, (n), kept as u32, or f32 or f64 targets (n, ...).

   Samples: tokens have (n - 1) / seq of them, as sample i is the window [i * seq, i * seq + seq]
   and its targets are one token later; arrays have one per row. */
#ifndef GM_DATA_DATASET_H
#define GM_DATA_DATASET_H

#include "core/slice.h"
#include "data/blob_store.h"

struct gm_dataset_field {
    struct gm_hash root;
    struct gm_tensor_desc desc;
};

struct gm_dataset {
    struct gm_blob_store *store; /* not owned; holds the fields' blobs, once each */
    uint32_t field_count;        /* 1: tokens or bytes; 2: x and y */
    struct gm_dataset_field fields[2];
};

/* What the model needs, checked while the data is read. */
struct gm_dataset_needs {
    uint64_t vocab;          /* token ids and classes are below it */
    struct gm_tensor_desc x; /* arrays: x of one batch; its first dimension is not looked at */
    struct gm_tensor_desc y; /* arrays: u32 (B) or f32 (B, outputs) */
};

/* `pattern` as in gm_files_find. GM_INVALID names file, position and value of an id that is not
   below the vocabulary. On success call gm_dataset_fini. */
enum gm_status gm_dataset_import_bytes(struct gm_blob_store *store, const char *pattern,
                                       struct gm_dataset *out, struct gm_error *err) GM_MUST_USE;
enum gm_status gm_dataset_import_tokens(struct gm_blob_store *store, const char *pattern,
                                        const struct gm_dataset_needs *needs,
                                        struct gm_dataset *out, struct gm_error *err) GM_MUST_USE;
enum gm_status gm_dataset_import_arrays(struct gm_blob_store *store, const char *x_path,
                                        const char *y_path, const struct gm_dataset_needs *needs,
                                        struct gm_dataset *out, struct gm_error *err) GM_MUST_USE;
/* Releases the blobs. */
void gm_dataset_fini(struct gm_dataset *dataset);

/* `seq` is 0 for arrays. */
uint64_t gm_dataset_sample_count(const struct gm_dataset *dataset, uint64_t seq);

/* ---- splitting (split.c) ---- */
struct gm_split {
    uint64_t train_first, train_count;           /* in samples */
    uint64_t validation_first, validation_count; /* 0: none */
};

/* The last `validation` share (0 to 0.5) of the samples, rounded down but at least one when the
   share is above 0, is for validation. GM_INVALID when less than `batch` samples are left to train
   on. */
enum gm_status gm_split_make(uint64_t sample_count, double validation, uint64_t batch,
                             struct gm_split *out, struct gm_error *err) GM_MUST_USE;

/* The x (field 0) and y (field 1) slices of the training part, shuffled by `order_seed`, or of the
   validation part, in order. Position 0 and count 1: set them per task. */
struct gm_slice gm_dataset_slice(const struct gm_dataset *dataset, const struct gm_split *split,
                                 uint64_t seq, bool validation, uint32_t field,
                                 uint64_t order_seed);

#endif
