/* The folder a training writes into:
     model.safetensors, config.json   the result
     state/checkpoint.cbor, blobs/    only while it is not done */
#ifndef GM_CLI_OUTDIR_H
#define GM_CLI_OUTDIR_H

#include <stdbool.h>

#include "base/status.h"

struct gm_outdir {
    char *model;
    char *config;
    char *state;
    char *checkpoint;
    char *blobs;
};

/* Makes the folders. GM_EXISTS: a model is there already, or a checkpoint and `resume` is false:
   neither is overwritten. On failure nothing is held. */
enum gm_status gm_outdir_open(struct gm_outdir *dir, const char *path, bool resume,
                              struct gm_error *err) GM_MUST_USE;
void gm_outdir_fini(struct gm_outdir *dir);
/* Removes state/ and blobs that nobody needs once the model is written. */
void gm_outdir_clean(const struct gm_outdir *dir);

#endif
