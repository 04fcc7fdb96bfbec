/* A set of blob names: the simulated blob store. */
#ifndef GM_MARKET_BLOBS_H
#define GM_MARKET_BLOBS_H

#include <stddef.h>

#include "trust/hash.h"

struct gm_blob_set {
    struct gm_hash *roots; /* sorted */
    size_t count, capacity;
};

bool gm_blob_set_has(const struct gm_blob_set *set, const struct gm_hash *root);
/* Adding what is there changes nothing. */
void gm_blob_set_add(struct gm_blob_set *set, const struct gm_hash *root);
/* Removes everything that `live` does not have. */
void gm_blob_set_keep(struct gm_blob_set *set, const struct gm_blob_set *live);
void gm_blob_set_fini(struct gm_blob_set *set);

#endif
