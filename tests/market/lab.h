/* A job for simulations: a real recipe over the real programs of a tiny model, and a stand-in for
   computing. An honest output is named by the hash of its task and its place, so that a result is
   right exactly when every task before it was. */
#ifndef GM_MARKET_LAB_H
#define GM_MARKET_LAB_H

#include "job/graph.h"

enum { GM_LAB_FILES_MAX = 16 };

struct gm_lab_options {
    const char *name;
    uint64_t seed;
    uint32_t step_count, shard_count, checkpoint_every, evaluate_every, replay_ppm;
    bool given;            /* the requester brings the parameters */
    uint32_t fanin;        /* 0: 8 */
    size_t data_bytes;     /* of the file of training inputs; 0: as short as can be */
    uint32_t diverge_step; /* shard 0 of this step diverges; UINT32_MAX: none does */
};

/* A file of the submission with real bytes, or a data set of which only the name matters. */
struct gm_lab_file {
    struct gm_hash root;
    uint8_t *data;
    size_t size_bytes;
};

struct gm_lab {
    struct gm_lab_options options;
    struct gm_recipe recipe;
    struct gm_recipe_programs programs;
    struct gm_lab_file files[GM_LAB_FILES_MAX];
    size_t file_count;
    struct gm_hash recipe_root;
};

/* Asserts that all goes well. */
void gm_lab_init(struct gm_lab *lab, const struct gm_lab_options *options);
void gm_lab_fini(struct gm_lab *lab);

/* The name of output `index` of a task; `liar` other than 0 gives a name that is wrong. */
struct gm_hash gm_lab_output(const struct gm_hash *task, uint32_t index, uint64_t liar);
/* Whether an honest run of the task diverges. */
bool gm_lab_diverges(const struct gm_lab *lab, const struct gm_task *task);
/* The program that a task names, or NULL. */
const struct gm_program *gm_lab_program(const struct gm_lab *lab, const struct gm_hash *name);

/* The whole job alone: the roots of the state after `step` steps; `out` has state_count. */
void gm_lab_alone(const struct gm_lab *lab, uint32_t step, struct gm_hash *out);

#endif
