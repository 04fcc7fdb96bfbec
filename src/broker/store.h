/* Where the broker's entries live. One contract, two stores: SQLite for brokers, memory for tests
   and simulations. The conformance test runs over both.

   Threads: one caller at a time. */
#ifndef GM_BROKER_STORE_H
#define GM_BROKER_STORE_H

#include "broker/entry.h"

struct gm_store;

/* Called once per entry, in the order of gm_entry_key_compare; the entry lives for the call. What
   it returns other than GM_OK ends the scan and is returned. */
typedef enum gm_status gm_store_visit(void *ctx, const struct gm_entry *entry,
                                      struct gm_error *err);

struct gm_store_ops {
    void (*close)(struct gm_store *store);
    enum gm_status (*scan)(struct gm_store *store, gm_store_visit *visit, void *ctx,
                           struct gm_error *err);
    /* All of the entries or none, in their order; returns when they would survive a power cut.
       GM_NO_SPACE when the disk is full, GM_IO when it cannot be written: nothing has changed, and
       a later call may succeed. */
    enum gm_status (*apply)(struct gm_store *store, const struct gm_entry *entries, size_t count,
                            struct gm_error *err);
};

/* Instances begin with this. */
struct gm_store {
    const struct gm_store_ops *ops;
};

/* GM_UNSUPPORTED for a file of a newer gradmill, GM_INVALID for one that is something else, GM_BUSY
   when another broker has it open. The file is made when there is none. */
enum gm_status gm_store_sqlite_open(const char *path, struct gm_store **out,
                                    struct gm_error *err) GM_MUST_USE;
enum gm_status gm_store_mem_open(struct gm_store **out) GM_MUST_USE;

static inline void gm_store_close(struct gm_store *store)
{
    if (store != NULL)
        store->ops->close(store);
}

static inline enum gm_status GM_MUST_USE gm_store_scan(struct gm_store *store,
                                                       gm_store_visit *visit, void *ctx,
                                                       struct gm_error *err)
{
    return store->ops->scan(store, visit, ctx, err);
}

static inline enum gm_status GM_MUST_USE gm_store_apply(struct gm_store *store,
                                                        const struct gm_entry *entries,
                                                        size_t count, struct gm_error *err)
{
    return store->ops->apply(store, entries, count, err);
}

#endif
