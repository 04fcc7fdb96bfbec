/* The demonstration's stage: a folder with keys, a job, processes. demo.c tells the story. */
#ifndef GM_CLI_DEMO_H
#define GM_CLI_DEMO_H

#include "cli/children.h"
#include "cli/watch.h"

enum { GM_DEMO_WORKERS_MAX = 32, GM_DEMO_PATH_MAX = 1024 };

/* A worker of the demonstration. */
struct gm_demo_worker {
    char name[32]; /* "worker-1", "house", "liar" */
    struct gm_child child;
    struct gm_key_public key;
};

struct gm_demo {
    char folder[GM_DEMO_PATH_MAX];
    uint64_t worker_count;
    uint64_t steps;
    uint64_t seed;
    bool json;
    char address[64];
    struct gm_key_public broker_key;
    struct gm_child broker;
    struct gm_demo_worker house;
    struct gm_demo_worker liar;
    struct gm_demo_worker workers[GM_DEMO_WORKERS_MAX];
    struct gm_market market;
    bool market_open;
};

/* "folder/name", or "folder/name/more" when `more` is not NULL. */
enum gm_status gm_demo_path(const struct gm_demo *demo, const char *name, const char *more,
                            char out[static GM_DEMO_PATH_MAX], struct gm_error *err) GM_MUST_USE;

/* Makes a new folder (`wanted`, or with -2, -3... when it is taken), keys, and the job's files. */
enum gm_status gm_demo_stage(struct gm_demo *demo, const char *wanted,
                             struct gm_error *err) GM_MUST_USE;
/* Starts broker, house worker and workers, and connects as the requester. */
enum gm_status gm_demo_start(struct gm_demo *demo, struct gm_error *err) GM_MUST_USE;
/* One worker more; `drill` is NULL for an honest one. */
enum gm_status gm_demo_worker_start(struct gm_demo *demo, struct gm_demo_worker *worker,
                                    const char *drill, struct gm_error *err) GM_MUST_USE;
/* Whether the worker computes a task that it has not yet attested: it keeps a lease token at once,
   and a receipt when the attestation was taken. */
bool gm_demo_worker_holds_lease(const struct gm_demo *demo, const struct gm_demo_worker *worker);
/* Ends all processes. */
void gm_demo_stop(struct gm_demo *demo);

#endif
