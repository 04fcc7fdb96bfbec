/* Somebody on the way between client and server: carries both ports, writes down every byte, and
   cuts all connections when told to. One thread. */
#ifndef GM_TEST_WIRE_RELAY_H
#define GM_TEST_WIRE_RELAY_H

#include <poll.h>
#include <pthread.h>

#include "base/bytes.h"

enum { RELAY_PAIRS_MAX = 32, RELAY_PORTS = 2 };

/* A connection and the one that was made for it; -1: none. */
struct relay_pair {
    int near;
    int far;
};

struct relay {
    char address[64]; /* of the control port; blobs on the next one */
    uint16_t target;  /* control port of the server */
    int listeners[RELAY_PORTS];
    int orders[2]; /* a pipe: 'c' cuts, its end ends the thread */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t cut;
    uint64_t cuts; /* orders carried out */
    struct relay_pair pairs[RELAY_PAIRS_MAX];
    struct gm_buf log;
};

/* Each ends the test on failure. */
void relay_open(struct relay *relay, uint16_t target);
void relay_close(struct relay *relay);
/* Returns when every connection is closed; the other one at once. */
void relay_cut(struct relay *relay);
void relay_cut_soon(struct relay *relay);
/* How often these bytes were seen so far. */
size_t relay_saw(struct relay *relay, const void *bytes, size_t size_bytes);

#endif
