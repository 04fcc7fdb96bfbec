/* Programs made ready for the device, found by their name. */
#ifndef GM_WORKER_PROGRAM_CACHE_H
#define GM_WORKER_PROGRAM_CACHE_H

#include "backend/exec.h"
#include "worker/executor.h"

enum { GM_PROGRAM_CACHE_COUNT = 16 };

struct gm_cached_program {
    struct gm_hash name;
    struct gm_program *program;
    struct gm_exec *exec;
    uint64_t flops; /* of one iteration */
    uint64_t used;
};

struct gm_program_cache {
    struct gm_device *device;
    /* Asked when no program is left to drop and memory is still short; false: nothing can go.
       NULL: nobody to ask. */
    bool (*make_room)(void *ctx);
    void *make_room_ctx;
    struct gm_cached_program *entries[GM_PROGRAM_CACHE_COUNT]; /* each stays where it is */
    size_t count;
    uint64_t clock;
};

void gm_program_cache_init(struct gm_program_cache *cache, struct gm_device *device);
void gm_program_cache_fini(struct gm_program_cache *cache);

/* Fetches, checks the name, plans and prepares when it is not there. The entry is valid until the
   next call. When the device has no room the oldest other programs go first, then what make_room
   can spare. */
enum gm_status gm_program_cache_get(struct gm_program_cache *cache,
                                    const struct gm_task_source *source, const struct gm_hash *name,
                                    struct gm_cached_program **out,
                                    struct gm_error *err) GM_MUST_USE;
/* Drops the oldest program, but never the newest; false: there is no other. */
bool gm_program_cache_drop_one(struct gm_program_cache *cache);

#endif
