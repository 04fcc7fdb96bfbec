/* A broker's blobs, served as docs/market.md says, with faults on order. */
#ifndef GM_TEST_WORKER_DEPOT_H
#define GM_TEST_WORKER_DEPOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "blobs.h"
#include "trust/blob_tree.h"
#include "wire/client.h"

struct relay;

enum { DEPOT_PIECES_MAX = 16 };

/* A blob that is arriving. */
struct depot_arrival {
    struct gm_hash root;
    uint64_t size_bytes;
    struct gm_hash values[DEPOT_PIECES_MAX];
    uint64_t value_count;
    uint8_t *bytes; /* NULL: nothing is arriving */
    bool here[DEPOT_PIECES_MAX];
};

struct depot {
    struct gm_key key;
    struct gm_key worker;
    struct gm_server *server;
    /* Takes what is not about blobs; set before the first client comes. NULL: it is refused. */
    void (*other)(void *ctx, struct gm_request *request);
    void *other_ctx;
    pthread_mutex_t lock; /* guards what follows, except for `stop` */
    struct blobs blobs;
    struct depot_arrival arrival; /* the newest */
    uint64_t pieces_given;
    uint64_t pieces_taken;
    uint64_t heard; /* requests in all */
    /* Faults: every so many requests; 0: never. */
    uint64_t busy_each;
    uint64_t cut_each;
    struct relay *relay;
    enum gm_status refusal; /* what everything is answered with; GM_OK: nothing special */
    uint64_t stop_at;       /* sets `stop` and says BUSY from this request on; 0: never */
    atomic_bool stop;
};

void depot_open(struct depot *depot);
void depot_close(struct depot *depot);
/* `address` "": the depot's own. */
struct gm_client *depot_client(const struct depot *depot, const char *address);
/* Answers the request if it is about blobs; false: it is not, and still to be answered. */
bool depot_answer(struct depot *depot, struct gm_request *request);
/* A blob of so many bytes that nobody compresses. */
struct gm_hash depot_blob(struct blobs *blobs, size_t size_bytes, uint8_t seed);

#endif
