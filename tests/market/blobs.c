#include "blobs.h"

#include <stdlib.h>
#include <string.h>

/* Where the root is, or where it belongs. */
static size_t find(const struct gm_blob_set *set, const struct gm_hash *root, bool *found)
{
    size_t low = 0;
    size_t high = set->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = gm_hash_compare(root, &set->roots[middle]);
        if (order == 0) {
            *found = true;
            low = middle;
        } else if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

bool gm_blob_set_has(const struct gm_blob_set *set, const struct gm_hash *root)
{
    bool found;
    find(set, root, &found);
    return found;
}

void gm_blob_set_add(struct gm_blob_set *set, const struct gm_hash *root)
{
    bool found;
    size_t at = find(set, root, &found);
    if (found)
        return;
    if (set->count == set->capacity) {
        set->capacity = set->capacity * 2 + 64;
        set->roots = realloc(set->roots, set->capacity * sizeof *set->roots);
    }
    memmove(set->roots + at + 1, set->roots + at, (set->count - at) * sizeof *set->roots);
    set->roots[at] = *root;
    set->count++;
}

void gm_blob_set_keep(struct gm_blob_set *set, const struct gm_blob_set *live)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (gm_blob_set_has(live, &set->roots[i]))
            set->roots[kept++] = set->roots[i];
    }
    set->count = kept;
}

void gm_blob_set_fini(struct gm_blob_set *set)
{
    free(set->roots);
    memset(set, 0, sizeof *set);
}
