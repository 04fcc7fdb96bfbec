/* Inside the runner: queues, the set of held blobs, blobs that are arriving.

   Locks, in the order in which they are taken: `core` guards the broker and the held set;
   `arriving` guards uploads; the queues have their own and are taken last. */
#ifndef GM_BROKER_RUNNER_STATE_H
#define GM_BROKER_RUNNER_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "broker/runner.h"
#include "broker/store.h"
#include "data/blob_store.h"
#include "wire/server.h"

enum {
    GM_BROKER_BLOB_THREADS = 4,
    GM_BROKER_OPEN_BYTES_MAX = 256 << 20,
    GM_BROKER_FULL_RETRY_MS = 5000,
};

/* A blob thread's wait for a decision about a submission's blob. */
struct gm_broker_wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t open; /* answers that are still to come */
    enum gm_status status;
    uint64_t retry_ms;
    char text[GM_WIRE_TEXT_MAX];
};

/* A request on its way through the core; its address is the handle. */
struct gm_broker_call {
    struct gm_broker_call *next;                   /* in the queue */
    struct gm_broker_call *open_next, *open_prior; /* among those without an answer */
    struct gm_request *request;                    /* NULL: a STAGE, answered to `wait` */
    struct gm_broker_wait *wait;
    struct gm_key_public peer;
    struct gm_hash root;
    uint64_t size_bytes;
};

struct gm_broker_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct gm_broker_call *first, **last;
    bool closed;
};

void gm_broker_queue_init(struct gm_broker_queue *queue);
void gm_broker_queue_fini(struct gm_broker_queue *queue);
/* False when the queue is closed. */
bool gm_broker_queue_put(struct gm_broker_queue *queue, struct gm_broker_call *call);
/* Up to `max` calls as a list; waits until there is one, wait_ms have passed, or it is closed. */
struct gm_broker_call *gm_broker_queue_take(struct gm_broker_queue *queue, size_t max,
                                            uint64_t wait_ms);
void gm_broker_queue_close(struct gm_broker_queue *queue);

/* The blobs that this process holds in the store, each once; sorted. */
struct gm_broker_holds {
    struct gm_hash *roots;
    size_t count, capacity;
};
/* The store's hold of the caller becomes the set's, or is given back when the set has one. */
enum gm_status gm_broker_holds_take(struct gm_broker_holds *holds, struct gm_blob_store *store,
                                    const struct gm_hash *root) GM_MUST_USE;
/* Holds exactly what the broker refers to, as far as it is there. */
enum gm_status gm_broker_holds_update(struct gm_broker_holds *holds, struct gm_blob_store *store,
                                      const struct gm_broker *broker) GM_MUST_USE;

/* An upload in pieces. */
struct gm_broker_arrival {
    struct gm_hash root;
    struct gm_blob_partial *partial;
    uint64_t size_bytes;
    uint64_t used_ms;
};

/* The chaining values of a blob's pieces, kept: computing them reads all of it. */
struct gm_broker_tree {
    struct gm_hash root;
    struct gm_hash *values;
    uint64_t count;
};

enum { GM_BROKER_ARRIVALS_MAX = 256, GM_BROKER_TREES_MAX = 256 };

struct gm_broker_runner {
    struct gm_broker_runner_config config;
    struct gm_blob_store *blobs;
    struct gm_store *store;
    struct gm_server *server;
    struct gm_broker_queue control, blob_queue;
    pthread_t threads[GM_BROKER_BLOB_THREADS];
    size_t thread_count;
    atomic_bool stopped;
    _Atomic uint64_t full_until_ms; /* something did not fit the disk: no leases before */

    pthread_mutex_t core;
    struct gm_broker *broker;
    struct gm_broker_holds holds;
    struct gm_buf looked_up; /* of the broker's lookup */

    pthread_mutex_t arriving;
    struct gm_broker_arrival arrivals[GM_BROKER_ARRIVALS_MAX];
    size_t arrival_count;
    struct gm_broker_tree trees[GM_BROKER_TREES_MAX];
    size_t tree_count, tree_next;

    /* Of the thread that runs the core. */
    struct gm_broker_out out;
    struct gm_broker_call *open; /* all calls without an answer */
    uint64_t tick_ms;
    uint64_t losses; /* connections that had ended when it was last looked who waits in vain */
    bool paused;
};

/* Reads of the blob store for the broker's decisions. */
void gm_broker_runner_blobs(struct gm_broker_runner *runner, struct gm_broker_blobs *out);
/* A broker from what is stored takes the place of the one that is there. */
enum gm_status gm_broker_runner_load(struct gm_broker_runner *runner,
                                     struct gm_error *err) GM_MUST_USE;
/* The server's handler. */
void gm_broker_runner_receive(void *runner, struct gm_request *request);

/* Serves the blob port until the queue is closed: a thread's body. */
void *gm_broker_blob_thread(void *runner);
void gm_broker_blob_serve(struct gm_broker_runner *runner, struct gm_request *request);
/* Closes uploads that nobody went on with. Their pieces stay. */
void gm_broker_arrivals_close(struct gm_broker_runner *runner, uint64_t unused_since_ms);
uint64_t gm_broker_now_ms(void);
struct gm_broker_time gm_broker_time_now(void);

#endif
