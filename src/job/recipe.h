/* A recipe: all of a job that decides its result, by hash and number. Whoever holds the recipe's
   blobs can run the job alone or through the market and ends in the same weights.

   The state of a job is a list of tensors: the parameters, then the optimizer's. */
#ifndef GM_JOB_RECIPE_H
#define GM_JOB_RECIPE_H

#include "core/task.h"

enum {
    GM_RECIPE_FANIN = 8, /* operands of one reduction at most */
    GM_RECIPE_NAME_MAX = 128,
    GM_RECIPE_TENSORS_MAX = 1 << 14,
    GM_RECIPE_SHARDS_MAX = 1 << 12,
    GM_RECIPE_ENCODED_MAX = 1 << 20,
    GM_RECIPE_DATA_FIELDS = 2, /* x and y */
};

/* Parts of a million, for shares. */
enum { GM_PPM = 1000000 };

struct gm_recipe {
    char name[GM_RECIPE_NAME_MAX + 1];
    uint64_t seed;
    uint32_t step_count;
    uint32_t shard_count; /* tasks per step */
    uint32_t fanin;       /* operands of one reduction: 2, 4 or 8, the most that a task can name */
    uint32_t samples_per_step; /* a multiple of shard_count */
    uint32_t param_count;
    uint32_t state_count; /* parameters and optimizer tensors */

    struct gm_hash init_program;     /* seed -> state[given_count ...] */
    struct gm_hash gradient_program; /* params, x, y -> loss, count, gradients */
    struct gm_hash reduce_programs[GM_RECIPE_FANIN + 1]; /* [k] for k operands; used ones only */
    struct gm_hash update_program;   /* state, loss, count, gradients, step -> state, figures */
    struct gm_hash evaluate_program; /* params, x, y -> loss, count; zeros: none */

    struct gm_hash config; /* the model's config file, for who fetches the result; zeros: none */

    uint32_t given_count;  /* the first tensors of the state that the requester brought */
    struct gm_hash *given; /* their roots */

    struct gm_slice train[GM_RECIPE_DATA_FIELDS];    /* position and count are set per task */
    struct gm_slice evaluate[GM_RECIPE_DATA_FIELDS]; /* as they are */
    uint32_t evaluate_every;                         /* steps; 0: never */
    uint32_t checkpoint_every;                       /* steps, at least 1 */
    uint32_t tokens_per_sample;                      /* for rates; 1 for rows */

    uint32_t replay_ppm;    /* share of results that the house replays */
    uint32_t replicate_ppm; /* share of tasks that go to a second operator too */
};

void gm_recipe_fini(struct gm_recipe *recipe);

/* What the numbers must satisfy among themselves; every recipe decoded or built passes here. */
enum gm_status gm_recipe_check(const struct gm_recipe *recipe, struct gm_error *err) GM_MUST_USE;

enum gm_status gm_recipe_encode(const struct gm_recipe *recipe, struct gm_buf *out) GM_MUST_USE;
/* Strict, and checked. On success gm_recipe_fini frees what it holds. */
enum gm_status gm_recipe_decode(struct gm_bytes bytes, struct gm_recipe *out,
                                struct gm_error *err) GM_MUST_USE;

/* The programs a recipe names, decoded. A job is admitted only when they fit it. */
struct gm_recipe_programs {
    struct gm_program *init;
    struct gm_program *gradient;
    struct gm_program *reduce[GM_RECIPE_FANIN + 1];
    struct gm_program *update;
    struct gm_program *evaluate; /* NULL: none */
};

/* Looks a program's bytes up by name. The view must stay valid until the next call. */
struct gm_blob_lookup {
    void *ctx;
    enum gm_status (*bytes)(void *ctx, const struct gm_hash *name, struct gm_bytes *out,
                            struct gm_error *err);
};

/* Decodes all programs and checks that inputs, outputs, sources and counts are what the graph will
   feed them. On success gm_recipe_programs_fini frees them; on failure nothing is held. */
enum gm_status gm_recipe_programs_load(const struct gm_recipe *recipe,
                                       const struct gm_blob_lookup *lookup,
                                       struct gm_recipe_programs *out,
                                       struct gm_error *err) GM_MUST_USE;
void gm_recipe_programs_fini(struct gm_recipe_programs *programs);

#endif
