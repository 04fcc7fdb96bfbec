#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/list.h"
#include "broker/runner_state.h"

static size_t find(const struct gm_hash *roots, size_t count, const struct gm_hash *root,
                   bool *found)
{
    size_t low = 0;
    size_t high = count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = gm_hash_compare(root, &roots[middle]);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static enum gm_status insert(struct gm_broker_holds *holds, size_t at, const struct gm_hash *root)
{
    GM_TRY(GM_LIST_ROOM(holds->roots, holds->count, holds->capacity));
    memmove(holds->roots + at + 1, holds->roots + at, (holds->count - at) * sizeof *holds->roots);
    holds->roots[at] = *root;
    holds->count++;
    return GM_OK;
}

enum gm_status gm_broker_holds_take(struct gm_broker_holds *holds, struct gm_blob_store *store,
                                    const struct gm_hash *root)
{
    bool found;
    size_t at = find(holds->roots, holds->count, root, &found);
    enum gm_status status = found ? GM_EXISTS : insert(holds, at, root);
    if (status != GM_OK)
        gm_blob_store_release(store, root);
    return status == GM_EXISTS ? GM_OK : status;
}

/* A list that grows, with a sticky failure. */
struct live {
    struct gm_hash *roots;
    size_t count, capacity;
    enum gm_status status;
};

static void live_add(void *ctx, const struct gm_hash *root)
{
    struct live *live = ctx;
    if (live->status == GM_OK)
        live->status = GM_LIST_ROOM(live->roots, live->count, live->capacity);
    if (live->status == GM_OK)
        live->roots[live->count++] = *root;
}

static int compare_roots(const void *a, const void *b)
{
    return gm_hash_compare(a, b);
}

enum gm_status gm_broker_holds_update(struct gm_broker_holds *holds, struct gm_blob_store *store,
                                      const struct gm_broker *broker)
{
    struct live live = {.status = GM_OK};
    gm_broker_live_roots(broker, live_add, &live);
    if (live.status == GM_OK && live.count > 0)
        qsort(live.roots, live.count, sizeof *live.roots, compare_roots);
    size_t kept = 0;
    for (size_t i = 0; live.status == GM_OK && i < holds->count; i++) {
        bool found;
        (void)find(live.roots, live.count, &holds->roots[i], &found);
        if (found)
            holds->roots[kept++] = holds->roots[i];
        else
            gm_blob_store_release(store, &holds->roots[i]);
    }
    if (live.status == GM_OK)
        holds->count = kept;
    for (size_t i = 0; live.status == GM_OK && i < live.count; i++) {
        bool found;
        size_t at = find(holds->roots, holds->count, &live.roots[i], &found);
        if (!found && gm_blob_store_hold(store, &live.roots[i]))
            live.status = insert(holds, at, &live.roots[i]);
    }
    gm_mem_free(live.roots);
    return live.status;
}
