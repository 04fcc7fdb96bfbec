/* The job file: what to train, on what, how. docs/job-file.md describes every field with its range
   and default; this header is its form in memory. */
#ifndef GM_MODEL_JOB_FILE_H
#define GM_MODEL_JOB_FILE_H

#include "model/train_programs.h"

enum gm_data_kind { GM_DATA_BYTES, GM_DATA_TOKENS, GM_DATA_ARRAYS };

struct gm_job_model {
    const char *config;
    const char *weights; /* NULL: start from init_seed */
    uint64_t init_seed;
};

struct gm_job_data {
    enum gm_data_kind kind;
    const char *path;  /* BYTES, TOKENS: a pattern; NULL for ARRAYS */
    const char *x, *y; /* ARRAYS: .npy files */
    double validation; /* share of the samples, from the end of the data */
};

struct gm_job_train {
    uint64_t steps;
    uint64_t batch;        /* samples per step, all shards together; a multiple of shards */
    uint64_t seq;          /* tokens per sample; 0 for arrays */
    uint64_t shards;       /* gradient tasks per step */
    uint64_t seed;         /* of the sample order and all that is random but the start */
    uint64_t eval_every;   /* steps between evaluations; the last step is always evaluated */
    uint64_t eval_batches; /* batches per evaluation, fewer when the data has fewer */
    bool dropout_off;      /* the file says "dropout": 0 */
    struct gm_update_config update;
};

struct gm_job_verify {
    double replay;    /* share of results that the house computes again */
    double replicate; /* share that is given to a second operator too */
};

struct gm_job {
    struct gm_json *doc; /* owns the texts below */
    char *folder;        /* the file's: relative paths start here */
    const char *name;
    struct gm_job_model model;
    struct gm_job_data data;
    struct gm_job_train train;
    struct gm_job_verify verify;
};

enum gm_status gm_job_load(const char *path, struct gm_job **out, struct gm_error *err) GM_MUST_USE;
/* `path` is the file's name, for messages and as the place that relative paths start from. */
enum gm_status gm_job_parse(const char *path, struct gm_bytes text, struct gm_job **out,
                            struct gm_error *err) GM_MUST_USE;
void gm_job_free(struct gm_job *job); /* NULL is allowed */

/* A path of the job file as it can be opened, on the heap; NULL without memory. */
char *gm_job_path(const struct gm_job *job, const char *path) GM_MUST_USE;

/* Loads the model's config and checks what can only be seen with both at hand: kind of data, length
   of sequences, size of the vocabulary. */
enum gm_status gm_job_model_load(const struct gm_job *job, struct gm_model **out,
                                 struct gm_error *err) GM_MUST_USE;

#endif
