/* A model: what a config file describes, as a list of parameters and a way to build the forward
   computation. One contract, one file per family (gpt2.c, llama.c, mlp.c, convnet.c).

   Parameters have the names and shapes of Hugging Face's files (ours for mlp and convnet: those of
   torch.nn) and stand in canonical order, sorted by name as bytes: that order is used wherever
   parameters are listed, in programs, tasks, files and streams of random numbers.

   Threads: a model is constant once made and may be shared. */
#ifndef GM_MODEL_MODEL_H
#define GM_MODEL_MODEL_H

#include "core/program.h"
#include "model/json.h"

enum {
    /* Room for "grad." or "7." before a name in update and reduce programs. */
    GM_PARAM_NAME_MAX = GM_PROGRAM_NAME_MAX - 8,
    GM_MODEL_PARAMS_MAX = 1800, /* a reduction of 8 stays under GM_PROGRAM_INPUTS_MAX */
};

enum gm_init { GM_INIT_ZERO, GM_INIT_ONE, GM_INIT_NORMAL, GM_INIT_UNIFORM };

struct gm_param {
    char name[GM_PARAM_NAME_MAX + 1];
    struct gm_tensor_desc desc; /* f32, as stored in files */
    enum gm_init init;
    double scale; /* NORMAL: standard deviation; UNIFORM: from -scale to scale */
    bool decay;   /* false for biases and norms */
};

enum gm_loss { GM_LOSS_CROSS_ENTROPY, GM_LOSS_MSE };

struct gm_model_family;

struct gm_model {
    const struct gm_model_family *family;
    const void *config; /* the family's struct */
    char *config_text;  /* the file's text, to be written beside trained weights */
    bool tokens;        /* inputs are token ids (B, T); otherwise rows of f32 */
    uint32_t vocab;     /* tokens: number of ids; else the outputs or classes */
    uint32_t positions; /* tokens: the longest sequence; else 1 */
    enum gm_loss loss;
    uint32_t input_rank; /* rows: dimensions of one sample; 0 for tokens */
    uint64_t input_dims[GM_RANK_MAX];
    uint32_t param_count;
    struct gm_param *params; /* sorted by name */
};

/* `dropout_off`: the job says that dropout is 0, whatever the config says; otherwise a config that
   asks for dropout is refused. */
enum gm_status gm_model_new(const struct gm_json *config, bool dropout_off, struct gm_model **out,
                            struct gm_error *err) GM_MUST_USE;
enum gm_status gm_model_load(const char *config_path, bool dropout_off, struct gm_model **out,
                             struct gm_error *err) GM_MUST_USE;
void gm_model_free(struct gm_model *model); /* NULL is allowed */

/* Index in canonical order, or UINT32_MAX. */
uint32_t gm_model_param_find(const struct gm_model *model, const char *name);
/* All parameters together, in elements and in bytes. */
uint64_t gm_model_element_count(const struct gm_model *model);
uint64_t gm_model_size_bytes(const struct gm_model *model);

/* What x and y of a batch look like: u32 (B, T) twice for tokens; f32 (B, ...) and u32 (B) or
   f32 (B, outputs) for rows, for which `seq` is not used. */
struct gm_tensor_desc gm_model_x_desc(const struct gm_model *model, uint64_t batch, uint64_t seq);
struct gm_tensor_desc gm_model_y_desc(const struct gm_model *model, uint64_t batch, uint64_t seq);

/* Adds the forward computation; `params` are its values in canonical order. Returns the logits:
   (B, T, vocab), or (B, outputs). Faults stick to the builder. */
gm_value gm_model_forward(const struct gm_model *model, struct gm_builder *builder,
                          const gm_value *params, gm_value x);

#endif
