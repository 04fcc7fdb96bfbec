/* Gradients, and the batch they are of, as safetensors files. */
#ifndef GM_CLI_GRAD_WRITE_H
#define GM_CLI_GRAD_WRITE_H

#include "cli/local.h"

struct gm_grad_figures {
    float loss;     /* mean */
    uint32_t count; /* of what the mean is over: targets, or elements of them */
};

/* `sums` as gm_local_gradients gives them. The file holds "loss" (1) and the parameters' gradients,
   all divided by the count as the update divides them. */
enum gm_status gm_grad_write(struct gm_local *local, const struct gm_task_result *sums,
                             const char *path, struct gm_grad_figures *figures,
                             struct gm_error *err) GM_MUST_USE;
/* The whole batch of the present step, all shards: "x" and "y", as f32. */
enum gm_status gm_grad_write_batch(struct gm_local *local, const char *path,
                                   struct gm_error *err) GM_MUST_USE;

#endif
