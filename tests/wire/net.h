/* A broker's side for tests: a server on loopback that answers a few messages, and a client of it.

       JOB_ASK -> JOB_INFO of the same job, named NET_JOB_NAME     on either port
       PIECE_ASK -> PIECE: net_piece(index), 1 MiB                 PUT_PIECE -> OK if it is that
       LEASE_ASK -> nothing until net_release                      STATE_ASK -> an answer too long
       BROKER_ASK -> BROKER_INFO, whose `workers` is the number of requests so far */
#ifndef GM_TEST_WIRE_NET_H
#define GM_TEST_WIRE_NET_H

#include <pthread.h>

#include "wire/client.h"

#define NET_JOB_NAME "the job whose name is nobody's business"

enum { NET_WAIT_MS = 20000, NET_PARKED_MAX = 64, NET_ADDRESS_CHARS = 64 };

struct net {
    struct gm_key key;
    struct gm_key worker;
    char address[NET_ADDRESS_CHARS];
    struct gm_server *server;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t heard_one;
    uint64_t heard;            /* requests that reached the handler */
    struct gm_key_public peer; /* of the last one */
    struct gm_request *parked[NET_PARKED_MAX];
    size_t parked_count;
};

/* Fixed keys, a free pair of ports. Each ends the test on failure. */
void net_open(struct net *net);
/* On the same ports again, after net_shut: sessions are forgotten. */
void net_reopen(struct net *net);
void net_shut(struct net *net);
void net_close(struct net *net);

/* A client at this address ("" : the server's own) that pins the server's key. */
struct gm_client *net_client(const struct net *net, const char *address);

/* A few bytes, the same at each call; `out` takes GM_WIRE_PIECE_BYTES. */
void net_piece(uint64_t index, uint8_t *out);
/* Waits until so many requests were heard, then gives how many there were. */
uint64_t net_heard(struct net *net, uint64_t at_least);
/* Answers what is parked. */
void net_release(struct net *net);

/* One JOB_ASK and its answer, looked at. */
void net_ask_job(struct gm_client *client, enum gm_port port, uint8_t name);
enum gm_status net_try_job(struct gm_client *client, enum gm_port port, uint8_t name,
                           struct gm_error *err);

#endif
