/* Choosing the next token: a function of logits, seed and position alone, to the bit. Arithmetic of
   our own (kernels/num), so that a text is the same on every machine. */
#ifndef GM_CLI_SAMPLE_H
#define GM_CLI_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gm_sampler {
    float temperature; /* 0: the likeliest token, the lowest id among equals */
    uint32_t top;      /* only the likeliest `top` tokens; 0: all */
    uint64_t seed;
    uint32_t vocab;
    uint32_t *order; /* vocab ids, room to sort */
    float *weights;  /* vocab */
};

enum gm_status gm_sampler_init(struct gm_sampler *sampler, uint32_t vocab, float temperature,
                               uint32_t top, uint64_t seed, struct gm_error *err) GM_MUST_USE;
void gm_sampler_fini(struct gm_sampler *sampler);

/* `logits` (vocab) are finite; `position` counts the tokens chosen so far. */
uint32_t gm_sampler_choose(struct gm_sampler *sampler, const float *logits, uint64_t position);

#endif
