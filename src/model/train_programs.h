/* The programs a job is made of. All are built here and nowhere else, so that a job in one process
   and a job on the market run the same operations.

   Inputs and outputs stand in a fixed order, named below; <p> is every parameter of the model in
   canonical order. Gradients and losses are sums over samples or tokens; only the update divides.
 */
#ifndef GM_MODEL_TRAIN_PROGRAMS_H
#define GM_MODEL_TRAIN_PROGRAMS_H

#include "model/model.h"

enum { GM_REDUCE_INPUTS_MAX = 8 };

/* inputs: <p> (TENSOR), "x", "y" (DATA); outputs: "loss" f32 (1), "count" u32 (1), <p>: gradients.
   `seq` is used by token models only. */
enum gm_status gm_train_grad_program(const struct gm_model *model, uint64_t batch, uint64_t seq,
                                     struct gm_program **out, struct gm_error *err) GM_MUST_USE;

/* As above without gradients. */
enum gm_status gm_train_eval_program(const struct gm_model *model, uint64_t batch, uint64_t seq,
                                     struct gm_program **out, struct gm_error *err) GM_MUST_USE;

/* inputs: <p>, "x" (DATA; batch 1 of seq tokens, or one row); output: "logits" f32 (seq, vocab), or
   (1, outputs). */
enum gm_status gm_train_logits_program(const struct gm_model *model, uint64_t seq,
                                       struct gm_program **out, struct gm_error *err) GM_MUST_USE;

enum gm_optimizer { GM_OPTIMIZER_ADAMW, GM_OPTIMIZER_SGD };

/* Tensors of optimizer state per parameter: 2 for AdamW ("m", "v"), 1 for SGD ("b"). */
uint32_t gm_optimizer_state_count(enum gm_optimizer kind);
/* "m.", "v." or "b.": names of state `index` are this before the parameter's. All state starts as
   zeros. */
const char *gm_optimizer_state_prefix(enum gm_optimizer kind, uint32_t index);

/* A job's first state. input: "seed" (SEED), unless nothing is random; outputs: <p> by the family's
   usual initialisation, left out when `params_given`; then the optimizer's state, zeros, in the
   order of the update program. The stream of random numbers is the parameter's index. */
enum gm_status gm_train_init_program(const struct gm_model *model, enum gm_optimizer optimizer,
                                     bool params_given, struct gm_program **out,
                                     struct gm_error *err) GM_MUST_USE;

/* Adds k results of grad programs or of reductions: inputs "0.loss", "0.count", "0.<p>"...,
   "1.loss", ... (TENSOR); outputs "loss", "count", <p>. Addition follows the balanced tree over the
   index: sum(n) = sum(first h) + sum(rest), h the largest power of two below n. So an aligned range
   may be reduced anywhere. k is 1 to GM_REDUCE_INPUTS_MAX. */
enum gm_status gm_train_reduce_program(const struct gm_model *model, uint32_t k,
                                       struct gm_program **out, struct gm_error *err) GM_MUST_USE;
/* The same for results of eval programs: "loss" and "count" alone. */
enum gm_status gm_train_reduce_eval_program(uint32_t k, struct gm_program **out,
                                            struct gm_error *err) GM_MUST_USE;

/* Defaults: docs/job-file.md. */
struct gm_optimizer_config {
    enum gm_optimizer kind;
    double lr;
    double beta1, beta2, eps; /* ADAMW */
    double momentum;          /* SGD */
    bool nesterov;            /* SGD */
    double weight_decay;
};

struct gm_schedule_config {
    uint32_t kind; /* GM_SCHEDULE_... (core/op.h) */
    uint64_t warmup_steps;
    uint64_t total_steps;
    double min_lr;
};

struct gm_update_config {
    struct gm_optimizer_config optimizer;
    struct gm_schedule_config schedule;
    double clip_norm; /* 0: no clipping */
};

/* inputs: <p>, state 0 of every <p>, state 1 of every <p>... (TENSOR), "loss", "count",
   "grad.<p>" (TENSOR), "step" (STEP);
   outputs: <p>, the state in the same order, "mean_loss" f32 (1), "grad_squares" f32 (1): squared
   norm of the mean gradient before clipping. Weight decay leaves out biases and norms. */
enum gm_status gm_train_update_program(const struct gm_model *model,
                                       const struct gm_update_config *config,
                                       struct gm_program **out, struct gm_error *err) GM_MUST_USE;

#endif
