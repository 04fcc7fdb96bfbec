/* A model's weights in a safetensors file: finds every parameter under the names that Hugging
   Face's library writes, and refuses a file that does not fit the config. */
#ifndef GM_MODEL_WEIGHTS_H
#define GM_MODEL_WEIGHTS_H

#include "model/model.h"
#include "model/safetensors.h"

struct gm_weights {
    const struct gm_model *model; /* not owned, must outlive this */
    struct gm_safetensors *file;
    const struct gm_safetensors_entry **entries; /* per parameter, in canonical order */
};

/* Accepts names with or without the family's prefix ("transformer.", "model."), buffers that old
   files carry, and a head beside tied embeddings when both hold the same values. Every parameter
   must be there with its shape; nothing else may be. */
enum gm_status gm_weights_open(const struct gm_model *model, const char *path,
                               struct gm_weights **out, struct gm_error *err) GM_MUST_USE;
void gm_weights_close(struct gm_weights *weights); /* NULL is allowed */

/* All elements of parameter `index`. Thread-safe. */
enum gm_status gm_weights_read(const struct gm_weights *weights, uint32_t index, float *out,
                               struct gm_error *err) GM_MUST_USE;

/* A canonical file of the model's parameters: write each one's bytes in canonical order, then
   commit (model/safetensors.h). */
enum gm_status gm_weights_writer_new(const struct gm_model *model, const char *path,
                                     struct gm_safetensors_writer **out,
                                     struct gm_error *err) GM_MUST_USE;

#endif
