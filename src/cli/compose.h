/* From a job file to a job: builds the model and its programs, brings data and weights into blobs,
   and writes the recipe. What `train` runs alone and `submit` sends are the same thing, made here.
 */
#ifndef GM_CLI_COMPOSE_H
#define GM_CLI_COMPOSE_H

#include "data/dataset.h"
#include "job/graph.h"
#include "model/job_file.h"
#include "model/weights.h"

struct gm_composed {
    struct gm_job *job;
    struct gm_model *model;
    struct gm_dataset dataset;
    struct gm_recipe recipe;
    struct gm_recipe_programs programs;
    struct gm_hash recipe_name;
    /* Every blob the job needs, in `store`, each held once: recipe, programs, data, weights. */
    struct gm_hash *blobs;
    size_t blob_count;
    struct gm_blob_store *store; /* not owned */
};

/* On success gm_composed_fini; on failure nothing is held. */
enum gm_status gm_compose(const char *job_path, struct gm_blob_store *store,
                          struct gm_composed *out, struct gm_error *err) GM_MUST_USE;
void gm_composed_fini(struct gm_composed *composed);

/* Bytes of all parameters, and of parameters and optimizer state. */
uint64_t gm_composed_state_bytes(const struct gm_composed *composed);

#endif
